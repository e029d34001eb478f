package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestFailure_LargeValueOnItsWay: a value that a wire needs seconds for. What is written
// meanwhile passes it, the link stays, and both nodes have it in the end; also one
// that is replaced on its way, and one that comes with the copy. Whether the link stays is
// looked at with -full, on a machine that has time for it: where a process gets none for a
// second, its peer takes it for dead, with large values and without.
func TestFailure_LargeValueOnItsWay(t *testing.T) {
	t.Parallel()
	memory, item, bytes, perMS := "128", "16m", 8<<20, 4_000
	if *full {
		memory, item, bytes, perMS = "4096", "1024m", 1000<<20, 0
	}
	v := strings.Repeat("0123456789abcdef", bytes/16)
	a, b, link := newRelayedPair(t, "-m", memory, "-I", item)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	sessions := a.Stat("repl_sessions")
	link.slow(perMS)
	c, d := a.Dial(), b.Dial()
	for _, e := range []*rig.Conn{c, d} {
		_ = e.SetDeadline(time.Now().Add(5 * time.Minute))
	}
	if got := c.Set("large", v); got != "STORED" {
		t.Fatal(got)
	}
	passed := false
	for i := 0; ; i++ {
		small := fmt.Sprintf("small%d", i)
		c.Set(small, "v")
		testkit.Eventually(t, "a small value beside the large one", func() bool { _, _, hit := d.Get(small); return hit })
		if large := size(d, "large"); large == bytes {
			break
		} else if large != 0 {
			t.Fatalf("b has %d bytes of %d", large, bytes)
		}
		passed = true
	}
	if !passed {
		t.Error("the large value was there first: the test shows nothing")
	}
	w := "new" + v
	c.Set("large", v+"x")
	c.Set("large", w)
	link.slow(0)
	same := func(what string, n *rig.Node) {
		t.Helper()
		e := n.Dial()
		_ = e.SetDeadline(time.Now().Add(5 * time.Minute))
		testkit.Eventually(t, what, func() bool { return size(e, "large") == len(w) })
		if got, _, _ := e.Get("large"); got != w {
			t.Fatalf("%s: another value", what)
		}
	}
	same("the second value on b", b)
	rig.WaitLinked(a, b)
	saw(t, "large", a, a, b)
	for _, n := range []*rig.Node{a, b} {
		if now := n.Stat("repl_sessions"); *full && (now != sessions || n.Logged("link lost")) {
			t.Errorf("node %s: %s sessions have become %s", n.Name, sessions, now)
		}
	}
	b.Kill()
	b.Start()
	b.WaitServing()
	same("the copy on b", b)
}

// size is the length of a value, 0 of a miss, without reading it.
func size(c *rig.Conn, key string) (n int) {
	c.T.Helper()
	_, _ = fmt.Sscanf(c.Do("mg %s s", key), "HD s%d", &n)
	return n
}
