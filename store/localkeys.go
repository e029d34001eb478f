package store

import "bytes"

// localGlob matches keys that never leave this node: * stands for any bytes, ? for one.
type localGlob struct {
	pattern string
	suffix  []byte // set when the pattern is "*suffix" without more wildcards: the usual kind
}

func newLocalGlob(pattern string) localGlob {
	g := localGlob{pattern: pattern}
	if len(pattern) > 1 && pattern[0] == '*' && !bytes.ContainsAny([]byte(pattern[1:]), "*?") {
		g.suffix = []byte(pattern[1:])
	}
	return g
}

func (g *localGlob) match(key []byte) bool {
	if g.suffix != nil {
		return bytes.HasSuffix(key, g.suffix)
	}
	return globMatch(g.pattern, key)
}

// globMatch goes back to the last star only: linear but for one star at a time.
func globMatch(pattern string, key []byte) bool {
	p, k, star, mark := 0, 0, -1, 0
	for k < len(key) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, k
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == key[k]):
			p, k = p+1, k+1
		case star >= 0:
			mark++
			p, k = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func (s *Store) isLocal(key []byte) bool {
	for i := range s.local {
		if s.local[i].match(key) {
			return true
		}
	}
	return false
}
