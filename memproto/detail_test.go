package memproto

import (
	"fmt"
	"strings"
	"testing"
)

// TestDetail_PrefixesAreBounded: clients make prefixes up, and what is kept of them is
// outside -m. Those that have their place go on to be counted.
func TestDetail_PrefixesAreBounded(t *testing.T) {
	s := newTestServer(t)
	s.CountPrefixes(true)
	none := func(*prefixCounts) {}
	s.countPrefix([]byte("first:1"), none)
	for i := range maxPrefixBytes / 100 {
		s.countPrefix(fmt.Appendf(nil, "%d%s:1", i, strings.Repeat("p", 200)), none)
	}
	held := 0
	for name := range s.prefixes.counts {
		held += len(name)
	}
	if held > maxPrefixBytes || held < maxPrefixBytes/2 {
		t.Errorf("%d bytes of names are held", held)
	}
	s.countPrefix([]byte("first:2"), func(n *prefixCounts) { n.gets++ })
	if n := s.prefixes.counts["first"]; n == nil || n.gets != 1 {
		t.Errorf("one that was known is not counted: %v", n)
	}
	s.prefixes.reset()
	s.countPrefix([]byte("later:1"), none)
	if len(s.prefixes.counts) != 1 {
		t.Errorf("%d after a reset, want 1", len(s.prefixes.counts))
	}
}
