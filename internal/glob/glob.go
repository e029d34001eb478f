package glob

import (
	"bytes"
	"errors"
	"fmt"
)

// Glob is one pattern. The zero Glob matches the empty key only. It is never
// changed: goroutines may share it.
type Glob struct {
	pattern string
	suffix  []byte // set when the pattern is "*suffix": the usual kind
	steps   []step
	sets    []set
}

// step matches one byte, or, as a star, any number of them.
type step struct {
	kind kind
	char byte   // of one
	set  uint16 // of oneOf: index of Glob.sets
}

type kind uint8

const (
	one   kind = iota // the byte char
	any1              // any byte
	oneOf             // a byte of a set
	star              // any bytes
)

// set has a bit for each byte.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

// String is the pattern as it was given.
func (g *Glob) String() string { return g.pattern }

// Parse reads a pattern. Its error says what is wrong with it, without the pattern.
func Parse(pattern string) (Glob, error) {
	g := Glob{pattern: pattern}
	for rest := pattern; rest != ""; {
		var err error
		if rest, err = g.step(rest); err != nil {
			return Glob{}, err
		}
	}
	g.shorten()
	return g, nil
}

// step reads what the start of rest, never empty, stands for.
func (g *Glob) step(rest string) (string, error) {
	c := rest[0]
	rest = rest[1:]
	s := step{kind: one, char: c}
	switch c {
	case '*':
		s = step{kind: star}
		if n := len(g.steps); n > 0 && g.steps[n-1].kind == star {
			return rest, nil // two are one
		}
	case '?':
		s = step{kind: any1}
	case '\\':
		if rest == "" {
			return "", errors.New(`it ends with \, which takes the next byte as it is: \\ is a backslash`)
		}
		s.char, rest = rest[0], rest[1:]
	case '[':
		chosen, after, err := brackets(rest)
		if err != nil {
			return "", err
		}
		s, rest = step{kind: oneOf, set: uint16(len(g.sets))}, after
		g.sets = append(g.sets, chosen)
	}
	g.steps = append(g.steps, s)
	return rest, nil
}

// brackets reads what stands between [ and ], and returns what is behind.
func brackets(rest string) (s set, after string, err error) {
	fail := func(format string, args ...any) (set, string, error) { return set{}, "", fmt.Errorf(format, args...) }
	none := rest != "" && rest[0] == '^'
	switch {
	case none:
		rest = rest[1:]
	case rest != "" && rest[0] == '!':
		return fail(`[! is not clear: [^...] is a byte that is none of these, [\!...] has a ! among them`)
	}
	for first := true; ; first = false {
		switch {
		case rest == "":
			return fail(`a [ has no ]: \[ is the bracket itself`)
		case rest[0] == ']' && first:
			return fail(`[] has nothing in it: \] is the bracket itself`)
		case rest[0] == ']':
			if none {
				s = set{^s[0], ^s[1], ^s[2], ^s[3]}
			}
			return s, rest[1:], nil
		}
		low, behind, err := member(rest)
		if err != nil {
			return fail("%w", err)
		}
		high := low
		if rest = behind; rest != "" && rest[0] == '-' {
			if high, rest, err = member(rest[1:]); err != nil {
				return fail("%w", err)
			}
		}
		if high < low {
			return fail("the range %c-%c has nothing in it", low, high)
		}
		for c := int(low); c <= int(high); c++ {
			s.add(byte(c))
		}
	}
}

// member reads one byte in brackets.
func member(rest string) (c byte, after string, err error) {
	switch {
	case rest == "":
		return 0, "", errors.New(`a [ has no ]: \[ is the bracket itself`)
	case rest[0] == '-' || rest[0] == ']':
		return 0, "", fmt.Errorf(`in brackets, %c as the start or the end of a range is \%c`, rest[0], rest[0])
	case rest[0] == '\\' && len(rest) == 1:
		return 0, "", errors.New(`it ends with \ in brackets`)
	case rest[0] == '\\':
		rest = rest[1:]
	}
	if rest[0] >= 0x80 {
		return 0, "", errors.New("brackets hold ASCII only: name other letters in patterns of their own")
	}
	return rest[0], rest[1:], nil
}

// shorten finds the kind of pattern that needs no steps.
func (g *Glob) shorten() {
	if len(g.steps) < 2 || g.steps[0].kind != star {
		return
	}
	suffix := make([]byte, 0, len(g.steps)-1)
	for _, s := range g.steps[1:] {
		if s.kind != one {
			return
		}
		suffix = append(suffix, s.char)
	}
	g.suffix = suffix
}

// Match tells whether the whole of key is what the pattern stands for. It allocates
// nothing. It takes at most len(key) tries of what follows a star.
func (g *Glob) Match(key []byte) bool {
	if g.suffix != nil {
		return bytes.HasSuffix(key, g.suffix)
	}
	// Only the last star can have been too short: those before it end where the
	// first match of what follows them does, which leaves most for the others.
	p, k, back, mark := 0, 0, -1, 0
	for k < len(key) {
		switch {
		case p < len(g.steps) && g.steps[p].kind == star:
			back, mark = p, k
			p++
		case p < len(g.steps) && g.takes(p, key[k]):
			p, k = p+1, k+1
		case back >= 0:
			mark++
			p, k = back+1, mark
		default:
			return false
		}
	}
	return p == len(g.steps) || p == len(g.steps)-1 && g.steps[p].kind == star
}

// takes tells whether step p, no star, matches c.
func (g *Glob) takes(p int, c byte) bool {
	switch s := &g.steps[p]; s.kind {
	case any1:
		return true
	case oneOf:
		return g.sets[s.set].has(c)
	default:
		return s.char == c
	}
}

// List is patterns, any of which a key may match. Goroutines may share one.
type List []Glob

// ParseList reads patterns. The error names the one that is wrong, and why.
func ParseList(patterns []string) (List, error) {
	var l List
	for _, p := range patterns {
		g, err := Parse(p)
		if err != nil {
			return nil, fmt.Errorf("%q is not a pattern: %w", p, err)
		}
		l = append(l, g)
	}
	return l, nil
}

// Match tells whether one of the patterns matches key. It allocates nothing.
func (l List) Match(key []byte) bool {
	for i := range l {
		if l[i].Match(key) {
			return true
		}
	}
	return false
}
