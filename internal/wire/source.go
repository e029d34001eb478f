package wire

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// source is the body a Decoder reads. It is all that msgpack asks of a buffered
// reader, so the library adds no buffer of its own, pos is always exact, and a
// byte slice is taken by position instead of being copied.
type source struct {
	b   []byte
	pos int
}

// left is the number of bytes that have not been read.
func (s *source) left() int { return len(s.b) - s.pos }

// peek is the next byte, which in msgpack says what kind of value comes; ok is
// false at the end.
func (s *source) peek() (code byte, ok bool) {
	if s.pos >= len(s.b) {
		return 0, false
	}
	return s.b[s.pos], true
}

// unsigned takes an integer of kind c, if it is one of the two kinds that most are: the library
// needs four calls for that. Nothing is taken if ok is false.
func (s *source) unsigned(c byte) (v uint64, ok bool) {
	switch {
	case c <= msgpcode.PosFixedNumHigh:
		s.pos++
		return uint64(c), true
	case c == msgpcode.Uint64 && s.left() > 8:
		v = binary.BigEndian.Uint64(s.b[s.pos+1:])
		s.pos += 9
		return v, true
	}
	return 0, false
}

// short takes the head of a bin of kind c, likewise, if it is a short one of least..most bytes
// that are all there.
func (s *source) short(c byte, least, most int) (n int, ok bool) {
	if c != msgpcode.Bin8 || s.left() < 2 {
		return 0, false
	}
	if n = int(s.b[s.pos+1]); n > s.left()-2 || n < least || n > most {
		return 0, false
	}
	s.pos += 2
	return n, true
}

// take is the next n bytes of the body itself. The caller has checked left.
func (s *source) take(n int) []byte {
	end := s.pos + n
	p := s.b[s.pos:end:end]
	s.pos = end
	return p
}

// Read copies what is left to p, as far as it fits.
func (s *source) Read(p []byte) (int, error) {
	if s.pos >= len(s.b) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[s.pos:])
	s.pos += n
	return n, nil
}

// ReadByte reads one byte.
func (s *source) ReadByte() (byte, error) {
	if s.pos >= len(s.b) {
		return 0, io.EOF
	}
	c := s.b[s.pos]
	s.pos++
	return c, nil
}

// UnreadByte takes the last ReadByte back.
func (s *source) UnreadByte() error {
	if s.pos == 0 {
		return errors.New("wire: unread at the start of a body")
	}
	s.pos--
	return nil
}
