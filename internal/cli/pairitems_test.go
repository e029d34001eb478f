package cli

import (
	"strings"
	"testing"
)

func TestPair_WritesAndReadsAKeyOnEitherNode(t *testing.T) {
	p, _ := runPair(t)
	for _, c := range []struct{ typed, said string }{
		{"set Greeting hello,  World", "A  has taken Greeting = hello,  World"},
		{"a get Greeting", "A  Greeting = hello,  World"},
		{"b set other set", "B  has taken other = set"},
		{"B GET other", "B  other = set"},
		{"get nothing", "A  has no nothing"},
		{"set greeting", "set needs a key and a value"},
		{"get", "get needs one key"},
		{"set " + strings.Repeat("x", 251) + " v", "a key has 1 to 250 bytes"},
		{"s", "ready, linked, "},
	} {
		p.types(c.typed)
		p.waitSaid(c.said)
	}
	waitFor(t, "B has what A got", func() bool {
		p.types("b get Greeting")
		return strings.Contains(p.said(), "B  Greeting = hello,  World")
	})
	for _, c := range []struct{ typed, said string }{
		{"k1", "A ended: signal: killed"},
		{"a get other", "A  other is not read: A does not run, 1 and Enter starts it"},
		{"set later there", "B  has taken later = there"},
		{"get later", "B  later = there"},
	} {
		p.types(c.typed)
		p.waitSaid(c.said)
	}
	p.types("QUIT")
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestPairState_IsInPlainWords(t *testing.T) {
	for link, want := range map[string]string{
		"down": "ready, not linked, 1 item, 7 not on B yet", "auth": "ready, about to link, 1 item, 7 not on B yet",
		"catchup": "ready, linked, catching up, 1 item, 7 not on B yet", "stream": "ready, linked, 1 item, 7 not on B yet",
		"new": "ready, link new, 1 item, 7 not on B yet",
	} {
		if got := pairState(map[string]string{"repl_state": "ready", "repl_link": link, "curr_items": "1", "repl_unacked": "7"}, "B"); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	if got := pairState(map[string]string{"repl_state": "ready", "repl_link": "down", "curr_items": "2", "repl_unacked": "0"}, "A"); got != "ready, not linked, 2 items" {
		t.Errorf("%q", got)
	}
	if got := pairState(map[string]string{"repl_state": "ready", "repl_link": "stream", "curr_items": "2", "repl_unacked": "0"}, "A"); got != "ready, linked, 2 items, A has all of it" {
		t.Errorf("%q", got)
	}
}
