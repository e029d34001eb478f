package memproto

// maxTokens is one more than the longest command has (cas with noreply): a
// line with more is wrong for every command that counts its tokens.
const maxTokens = 8

// tokens are the words of a command line. They point into the input.
type tokens struct {
	n    int // words of the line; counting stops at maxTokens
	word [maxTokens][]byte
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
			t.word[t.n] = line[start:i]
			start = -1
			if t.n++; t.n == maxTokens {
				return
			}
		}
	}
	if start >= 0 {
		t.word[t.n] = line[start:]
		t.n++
	}
}

// quiet tells whether the line ends in noreply. memcached looks at the last
// word only, whatever stands before it.
func (t *tokens) quiet() bool {
	return t.n > 0 && string(t.word[t.n-1]) == "noreply"
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

// parseUint reads a decimal number of at most 64 bits. Like C's strtoull, on
// which clients lean, it takes white space (tabs; spaces end a word) and a plus
// sign before it, and ignores whatever stands behind white space after it.
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
