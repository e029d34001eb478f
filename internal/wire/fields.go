package wire

import (
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The methods below read one field each. The first error stays in d.err and
// turns the rest into no-ops that return zero values, so that a frame reads as a
// list of its fields. The library is lenient about kinds (it takes nil for 0 and
// a negative number for a uint64), so the kind is looked at before it is called.

func (d *Decoder) fail(field, why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %v: %s: %s", ErrMalformed, d.frame, field, why)
	}
}

// code is the kind of the next value; false after any error.
func (d *Decoder) code(field string) (byte, bool) {
	if d.err != nil {
		return 0, false
	}
	c, ok := d.src.peek()
	if !ok {
		d.fail(field, "missing")
	}
	return c, ok
}

// uint reads an integer of any width, signed or not, in 0..limit.
func (d *Decoder) uint(field string, limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, ok := d.src.small()
	if !ok {
		if v, ok = d.src.unsigned(); !ok {
			v = d.otherUint(field)
		}
	}
	if v > limit {
		d.fail(field, "out of range")
		return 0
	}
	return v
}

// otherUint reads an integer that source.unsigned does not take.
func (d *Decoder) otherUint(field string) uint64 {
	c, ok := d.code(field)
	if !ok {
		return 0
	}
	signed := c >= msgpcode.Int8 && c <= msgpcode.Int64
	if !signed && (c < msgpcode.Uint8 || c > msgpcode.Uint64) {
		d.fail(field, "not an unsigned integer")
		return 0
	}
	v, err := d.mp.DecodeUint64()
	switch {
	case err != nil:
		d.fail(field, "cut off")
		return 0
	case signed && int64(v) < 0:
		d.fail(field, "out of range")
		return 0
	}
	return v
}

// millis reads a time in ms: an integer in 0..MaxMillis.
func (d *Decoder) millis(field string) int64 { return int64(d.uint(field, MaxMillis)) }

// any64 reads an integer that may have any value.
func (d *Decoder) any64(field string) uint64 { return d.uint(field, math.MaxUint64) }

// version reads a version, or another value of the clock.
func (d *Decoder) version(field string) uint64 { return d.uint(field, MaxVersion) }

// bool reads true or false.
func (d *Decoder) bool(field string) bool {
	c, ok := d.code(field)
	if !ok {
		return false
	}
	if c != msgpcode.True && c != msgpcode.False {
		d.fail(field, "not a bool")
		return false
	}
	v, err := d.mp.DecodeBool()
	if err != nil {
		d.fail(field, "cut off")
	}
	return v
}

// bytes reads a bin of least..most bytes. The result points into the body.
func (d *Decoder) bytes(field string, least, most int) []byte {
	c, ok := d.code(field)
	if !ok {
		return nil
	}
	if c != msgpcode.Bin8 && c != msgpcode.Bin16 && c != msgpcode.Bin32 {
		d.fail(field, "not a bin")
		return nil
	}
	if n, ok := d.src.short(c, least, most); ok {
		return d.src.take(n)
	}
	return d.run(field, least, most)
}

// run reads the length of a str or bin and takes that many bytes.
func (d *Decoder) run(field string, least, most int) []byte {
	n, err := d.mp.DecodeBytesLen()
	switch {
	case err != nil:
		d.fail(field, "cut off")
	case n < 0 || n > d.src.left():
		d.fail(field, "longer than the frame")
	case n < least || n > most:
		d.fail(field, "length out of range")
	default:
		return d.src.take(n)
	}
	return nil
}

// text reads a str of at most most bytes without control characters. The result
// is a copy.
func (d *Decoder) text(field string, most int) string {
	c, ok := d.code(field)
	if !ok {
		return ""
	}
	if !msgpcode.IsFixedString(c) && c != msgpcode.Str8 && c != msgpcode.Str16 && c != msgpcode.Str32 {
		d.fail(field, "not a str")
		return ""
	}
	s := string(d.run(field, 0, most))
	if !printable(s) {
		d.fail(field, "holds control characters")
		return ""
	}
	return s
}

// printable says whether s may go into a log, a stats line or a page as it is.
func printable(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// none reads a nil.
func (d *Decoder) none(field string) {
	c, ok := d.code(field)
	if !ok {
		return
	}
	if c != msgpcode.Nil {
		d.fail(field, "not nil")
		return
	}
	if err := d.mp.DecodeNil(); err != nil {
		d.fail(field, "cut off")
	}
}

// array reads the head of an array of at least least elements and returns their
// number. Each takes a byte or more, so no more can be claimed than bytes remain.
func (d *Decoder) array(field string, least int) int {
	c, ok := d.code(field)
	if !ok {
		return 0
	}
	if !msgpcode.IsFixedArray(c) && c != msgpcode.Array16 && c != msgpcode.Array32 {
		d.fail(field, "not an array")
		return 0
	}
	n, err := d.arrayLen(c)
	switch {
	case err != nil:
		d.fail(field, "cut off")
	case n < 0 || n > d.src.left():
		d.fail(field, "longer than the frame")
	case n < least:
		d.fail(field, "too few elements")
	default:
		return n
	}
	return 0
}

func (d *Decoder) arrayLen(c byte) (int, error) {
	if msgpcode.IsFixedArray(c) {
		d.src.pos++
		return int(c & msgpcode.FixedArrayMask), nil
	}
	return d.mp.DecodeArrayLen()
}

// skip passes over n values of any kind: elements that a later version of the
// protocol appended. It goes along the nesting instead of into it, because the
// depth is the peer's choice and the stack is ours.
func (d *Decoder) skip(n int) {
	for left := n; left > 0 && d.err == nil; left-- {
		c, ok := d.code("extra element")
		if !ok {
			return
		}
		nested, bytes, err := d.head(c)
		switch {
		case err != nil:
			d.fail("extra element", "cut off")
		case bytes < 0 || bytes > d.src.left(), nested < 0 || nested > d.src.left():
			d.fail("extra element", "longer than the frame")
		default:
			d.src.take(bytes)
			left += nested
		}
	}
}

// head reads the head of a value whose kind is c: how many values and how many
// bytes belong to it. Numbers and the like are read whole.
func (d *Decoder) head(c byte) (nested, bytes int, err error) {
	switch {
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		nested, err = d.mp.DecodeArrayLen()
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		nested, err = d.mp.DecodeMapLen()
		if nested <= d.src.left() {
			nested *= 2 // key and value; not before the check, for 32-bit machines
		}
	case msgpcode.IsString(c), msgpcode.IsBin(c):
		bytes, err = d.mp.DecodeBytesLen()
	case msgpcode.IsExt(c):
		_, bytes, err = d.mp.DecodeExtHeader()
	default:
		err = d.mp.Skip()
	}
	return nested, bytes, err
}
