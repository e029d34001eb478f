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
