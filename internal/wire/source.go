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

// small takes an integer that is the byte itself. Nothing is taken if ok is false.
func (s *source) small() (v uint64, ok bool) {
	if s.pos < len(s.b) && s.b[s.pos] <= msgpcode.PosFixedNumHigh {
		v, ok = uint64(s.b[s.pos]), true
		s.pos++
	}
	return v, ok
}

// unsigned takes a larger integer of an unsigned kind that is all there, likewise: the library needs
// four calls for one.
func (s *source) unsigned() (v uint64, ok bool) {
	b := s.b[s.pos:]
	switch {
	case len(b) > 8 && b[0] == msgpcode.Uint64:
		s.pos += 9
		return binary.BigEndian.Uint64(b[1:]), true
	case len(b) > 1 && b[0] == msgpcode.Uint8:
		s.pos += 2
		return uint64(b[1]), true
	case len(b) > 2 && b[0] == msgpcode.Uint16:
		s.pos += 3
		return uint64(binary.BigEndian.Uint16(b[1:])), true
	case len(b) > 4 && b[0] == msgpcode.Uint32:
		s.pos += 5
		return uint64(binary.BigEndian.Uint32(b[1:])), true
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
