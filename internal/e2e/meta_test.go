package e2e

import (
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestMeta_BothNodesKnowWhatIsStaleAndWhoRenews: what clients of the meta protocol
// say about a value on one node, the other one knows, before and after a death.
func TestMeta_BothNodesKnowWhatIsStaleAndWhoRenews(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	onA, onB := a.Dial(), b.Dial()
	soon := func(c *rig.Conn, line, want string) {
		t.Helper()
		var got string
		testkit.Eventually(t, line+" answers "+want, func() bool {
			got = c.Do("%s", line)
			return got == want
		})
	}
	if got := onA.Do("ms k 3 T300\r\nold"); got != "HD" {
		t.Fatal(got)
	}
	soon(onB, "mg k s", "HD s3")
	if got := onA.Do("md k I T60"); got != "HD" {
		t.Fatal(got)
	}
	// me takes no part: it wins nothing.
	testkit.Eventually(t, "the other node has the stale value", func() bool {
		return casOf(onA.Do("me k")) == casOf(onB.Do("me k"))
	})
	if got := onB.Do("mg k s"); got != "HD s3 X W" {
		t.Errorf("the first reader of a stale value, on the other node: %q", got)
	}
	soon(onA, "mg k s", "HD s3 Z X") // a reader there is told that one has won here

	if got := onB.Do("mg new N60 s"); got != "HD s0 W" {
		t.Errorf("made by its reader: %q", got)
	}
	soon(onA, "mg new s", "HD s0 Z") // never an empty value without the word that it is none

	a.Kill()
	a.Start()
	a.WaitServing()
	onA = a.Dial()
	for line, want := range map[string]string{"mg k s": "HD s3 Z X", "mg new s": "HD s0 Z"} {
		if got := onA.Do("%s", line); got != want {
			t.Errorf("after a full copy %q is %q, want %q", line, got, want)
		}
	}
	cas := strings.TrimPrefix(onB.Do("mg k c"), "HD c")
	cas, _, _ = strings.Cut(cas, " ")
	if got := onA.Do("ms k 3 T300 C%s\r\nnew", cas); got != "HD" {
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
