package node

import (
	"slices"
	"testing"

	"twincached/internal/session"
	"twincached/internal/status"
)

// The words that metrics have series for are those that a node can be in.
func TestWords_AreThoseOfTheSession(t *testing.T) {
	states, links := []string{stateLoading}, []string(nil)
	for s := session.Starting; s.String() != "unknown"; s++ {
		states = append(states, s.String())
	}
	for p := session.PhaseDown; p <= session.PhaseEnded; p++ {
		links = append(links, p.String())
	}
	for what, words := range map[string][2][]string{"states": {states, status.StateWords}, "link": {links, status.LinkWords}} {
		said, listed := slices.Sorted(slices.Values(words[0])), slices.Sorted(slices.Values(words[1]))
		if said = slices.Compact(said); len(said) < 5 || !slices.Equal(said, listed) {
			t.Errorf("%s: a session says %q, the list is %q", what, said, listed)
		}
	}
}
