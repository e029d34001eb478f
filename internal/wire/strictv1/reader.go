package strictv1

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// reader takes a frame's body apart. The first thing that is wrong stays in err, and what is
// read after it is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.b = nil
}

// take is the next n bytes.
func (r *reader) take(what string, n int) []byte {
	if n > len(r.b) {
		r.fail("%s: %d bytes are missing", what, n-len(r.b))
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// number is a big-endian integer of n bytes.
func (r *reader) number(what string, n int) uint64 {
	var wide [8]byte
	copy(wide[8-n:], r.take(what, n))
	return binary.BigEndian.Uint64(wide[:])
}

// code is the next byte.
func (r *reader) code(what string) (c byte) {
	if len(r.b) == 0 {
		r.fail("%s is missing", what)
		return 0
	}
	c, r.b = r.b[0], r.b[1:]
	return c
}

// uint is an integer up to most. fixed: it may have its widest form, though a shorter one
// would do.
func (r *reader) uint(what string, most uint64, fixed bool) (v uint64) {
	c := r.code(what)
	least := uint64(0) // the smallest value that needs this form
	switch {
	case r.err != nil || c < 0x80:
		v = uint64(c)
	case c == 0xcc:
		v, least = r.number(what, 1), 1<<7
	case c == 0xcd:
		v, least = r.number(what, 2), 1<<8
	case c == 0xce:
		v, least = r.number(what, 4), 1<<16
	case c == 0xcf:
		v, least = r.number(what, 8), 1<<32
		if fixed {
			least = 0
		}
	default:
		r.fail("%s: code %#x is no unsigned integer", what, c)
	}
	switch {
	case v < least:
		r.fail("%s: %d is not in its shortest form", what, v)
	case v > most:
		r.fail("%s: %d is above %d", what, v, most)
	}
	return v
}

// length is the number behind one of the codes: of those for 8, 16 and 32 bits, 0 for none.
func (r *reader) length(what string, c, one, two, four byte) int {
	switch {
	case r.err != nil:
	case c == one && one != 0:
		return int(r.number(what, 1))
	case c == two:
		return int(r.number(what, 2))
	case c == four:
		return int(r.number(what, 4))
	default:
		r.fail("%s: code %#x is of another kind", what, c)
	}
	return 0
}

func (r *reader) bin(what string, least, most int) []byte {
	n := r.length(what, r.code(what), 0xc4, 0xc5, 0xc6)
	if r.err == nil && (n < least || n > most) {
		r.fail("%s: %d bytes, not %d to %d", what, n, least, most)
	}
	return r.take(what, n)
}

func (r *reader) str(what string, most int) string {
	c := r.code(what)
	n := int(c & 0x1f)
	if c&0xe0 != 0xa0 {
		n = r.length(what, c, 0xd9, 0xda, 0xdb)
	}
	s := string(r.take(what, n))
	if n > most || !utf8.ValidString(s) {
		r.fail("%s: %d bytes, limit %d, or not UTF-8", what, n, most)
	}
	for _, c := range s {
		if c < 0x20 || c >= 0x7f && c < 0xa0 {
			r.fail("%s: control character %#x", what, c)
		}
	}
	return s
}

func (r *reader) array(what string, least, most int) int {
	c := r.code(what)
	n := int(c & 0x0f)
	if c&0xf0 != 0x90 {
		n = r.length(what, c, 0, 0xdc, 0xdd)
	}
	if r.err == nil && (n < least || n > most) {
		r.fail("%s: %d elements, not %d to %d", what, n, least, most)
		return 0
	}
	return n
}

func (r *reader) bool(what string) bool {
	c := r.code(what)
	if r.err == nil && c != 0xc2 && c != 0xc3 {
		r.fail("%s: code %#x is no bool", what, c)
	}
	return c == 0xc3
}

func (r *reader) null(what string) {
	if c := r.code(what); r.err == nil && c != 0xc0 {
		r.fail("%s: code %#x is not nil", what, c)
	}
}

// latestMillis is the last millisecond that a version may have, in the year 2526.
const latestMillis = 1<<44 - 366*86_400_000

// version is a version: 44 bits of milliseconds, 13 of a counter, 6 of a slot.
func (r *reader) version(what string) uint64 {
	v := r.uint(what, 1<<63-1, false)
	if v>>19 > latestMillis {
		r.fail("%s: of millisecond %d, which is too late", what, v>>19)
	}
	return v
}

func (r *reader) any(what string) uint64    { return r.uint(what, math.MaxUint64, false) }
func (r *reader) millis(what string) uint64 { return r.uint(what, 1<<53-1, false) }
func (r *reader) part() int                 { return int(r.uint("part", 255, false)) }
