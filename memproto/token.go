package memproto

import "math"

const (
	// maxTokens is how many words of a line are looked at, as in memcached.
	maxTokens = 23
	// keptTokens is how many a command may have that mean something: cas has 6.
	keptTokens = 6
)

// tokens are the words of a command line. They point into the input.
type tokens struct {
	n    int // words of the line; counting stops at maxTokens
	word [keptTokens][]byte
	last []byte // the last word that was counted
}

// split cuts line at spaces, and only at spaces, as memcached does.
func (t *tokens) split(line []byte) {
	start := -1
	for i, b := range line {
		if b != ' ' {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			t.add(line[start:i])
			start = -1
			if t.n == maxTokens {
				return
			}
		}
	}
	if start >= 0 {
		t.add(line[start:])
	}
}

func (t *tokens) add(word []byte) {
	if t.n < keptTokens {
		t.word[t.n] = word
	}
	t.last = word
	t.n++
}

// quiet tells whether the line ends in noreply. memcached looks at the last
// word only, whatever stands before it.
func (t *tokens) quiet() bool {
	return string(t.last) == "noreply"
}

// cutWord returns the first word of b and the offset behind it; an empty word
// if b is nothing but spaces.
func cutWord(b []byte) (word []byte, end int) {
	start := 0
	for start < len(b) && b[start] == ' ' {
		start++
	}
	end = start
	for end < len(b) && b[end] != ' ' {
		end++
	}
	return b[start:end], end
}

// isSpace is C's isspace without the two bytes that cannot be in a word.
func isSpace(b byte) bool { return b == '\t' || b == '\r' || b == '\v' || b == '\f' }

// maxNumberBytes is how long a number may be written, zeros included; one of at most
// 32 bits may have maxNumber32Bytes. As in memcached.
const (
	maxNumberBytes   = 22
	maxNumber32Bytes = 11
)

// parseDigits reads a decimal number of at most 64 bits that is nothing but digits.
func parseDigits(b []byte) (v uint64, ok bool) {
	if len(b) == 0 || len(b) > maxNumberBytes {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || v > (1<<64-1-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// parseUint32 is parseDigits for numbers of at most 32 bits.
func parseUint32(b []byte) (uint32, bool) {
	v, ok := parseDigits(b)
	return uint32(v), ok && v <= math.MaxUint32 && len(b) <= maxNumber32Bytes
}

// parseSigned is parseDigits for numbers that may have a minus sign. As in memcached,
// a sign alone is 0.
func parseSigned(b []byte) (int64, bool) {
	if string(b) == "-" {
		return 0, true
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	v, ok := parseDigits(b)
	if !ok || v > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(v), true
	}
	return int64(v), true
}

// parseInt32 is parseSigned for numbers of at most 32 bits.
func parseInt32(b []byte) (int32, bool) {
	v, ok := parseSigned(b)
	return int32(v), ok && v == int64(int32(v)) && len(b) <= maxNumber32Bytes
}

// parseLength reads the length of a value.
func parseLength(b []byte) (n int, ok bool) {
	v, ok := parseInt32(b)
	return int(v), ok && v >= 0 && v <= maxValueBytes
}

// parseUint reads a decimal number of at most 64 bits. Flags and expiry times of the
// set family are read so: like C's strtoul it takes white space (tabs; spaces end a
// word) and a plus sign before the number, and ignores whatever stands behind white
// space after it.
func parseUint(b []byte) (uint64, bool) {
	i := 0
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i < len(b) && b[i] == '+' {
		i++
	}
	start := i
	var v uint64
	for ; i < len(b); i++ {
		d := uint64(b[i] - '0')
		if d > 9 {
			break
		}
		if v > (1<<64-1)/10 || v*10 > 1<<64-1-d {
			return 0, false
		}
		v = v*10 + d
	}
	return v, i > start && (i == len(b) || isSpace(b[i]))
}

// parseInt is parseUint for numbers that may have a minus sign.
func parseInt(b []byte) (int64, bool) {
	i := 0
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	negative := i < len(b) && b[i] == '-'
	if negative {
		if b = b[i+1:]; len(b) == 0 || b[0]-'0' > 9 {
			return 0, false
		}
	}
	v, ok := parseUint(b)
	if !ok || v > 1<<63-1 {
		return 0, false
	}
	if negative {
		return -int64(v), true
	}
	return int64(v), true
}
