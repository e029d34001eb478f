package e2e

import (
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// TestMeta_BothNodesKnowWhatIsStaleAndWhoRenews: what clients of the meta protocol
// say about a value on one node, the other one knows, before and after a death.
func TestMeta_BothNodesKnowWhatIsStaleAndWhoRenews(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	startAll(a, b)
	onA, onB := a.dial(), b.dial()
	soon := func(c *conn, line, want string) {
		t.Helper()
		var got string
		testkit.Eventually(t, line+" answers "+want, func() bool {
			got = c.do("%s", line)
			return got == want
		})
	}
	if got := onA.do("ms k 3 T300\r\nold"); got != "HD" {
		t.Fatal(got)
	}
	soon(onB, "mg k s", "HD s3")
	if got := onA.do("md k I T60"); got != "HD" {
		t.Fatal(got)
	}
	// me takes no part: it wins nothing.
	testkit.Eventually(t, "the other node has the stale value", func() bool {
		return casOf(onA.do("me k")) == casOf(onB.do("me k"))
	})
	if got := onB.do("mg k s"); got != "HD s3 X W" {
		t.Errorf("the first reader of a stale value, on the other node: %q", got)
	}
	soon(onA, "mg k s", "HD s3 Z X") // a reader there is told that one has won here

	if got := onB.do("mg new N60 s"); got != "HD s0 W" {
		t.Errorf("made by its reader: %q", got)
	}
	soon(onA, "mg new s", "HD s0 Z") // never an empty value without the word that it is none

	a.kill()
	a.start()
	a.waitServing()
	onA = a.dial()
	for line, want := range map[string]string{"mg k s": "HD s3 Z X", "mg new s": "HD s0 Z"} {
		if got := onA.do("%s", line); got != want {
			t.Errorf("after a full copy %q is %q, want %q", line, got, want)
		}
	}
	cas := strings.TrimPrefix(onB.do("mg k c"), "HD c")
	cas, _, _ = strings.Cut(cas, " ")
	if got := onA.do("ms k 3 T300 C%s\r\nnew", cas); got != "HD" {
		t.Errorf("renewed with the cas of the other node: %q", got)
	}
	soon(onB, "mg k s", "HD s3")
}

// casOf is the version in a reply of me.
func casOf(reply string) string {
	_, rest, _ := strings.Cut(reply, " cas=")
	cas, _, _ := strings.Cut(rest, " ")
	return cas
}
