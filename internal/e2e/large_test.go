package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
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
	startAll(a, b)
	waitLinked(a, b)
	sessions := a.stat("repl_sessions")
	link.slow(perMS)
	c, d := a.dial(), b.dial()
	for _, e := range []*conn{c, d} {
		_ = e.SetDeadline(time.Now().Add(5 * time.Minute))
	}
	if got := c.set("large", v); got != "STORED" {
		t.Fatal(got)
	}
	passed := false
	for i := 0; ; i++ {
		small := fmt.Sprintf("small%d", i)
		c.set(small, "v")
		testkit.Eventually(t, "a small value beside the large one", func() bool { _, _, hit := d.get(small); return hit })
		if large := d.size("large"); large == bytes {
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
	c.set("large", v+"x")
	c.set("large", w)
	link.slow(0)
	same := func(what string, n *node) {
		t.Helper()
		e := n.dial()
		_ = e.SetDeadline(time.Now().Add(5 * time.Minute))
		testkit.Eventually(t, what, func() bool { return e.size("large") == len(w) })
		if got, _, _ := e.get("large"); got != w {
			t.Fatalf("%s: another value", what)
		}
	}
	same("the second value on b", b)
	waitLinked(a, b)
	for _, n := range []*node{a, b} {
		if now := n.stat("repl_sessions"); *full && (now != sessions || n.logged("link lost")) {
			t.Errorf("node %s: %s sessions have become %s", n.name, sessions, now)
		}
	}
	b.kill()
	b.start()
	b.waitServing()
	same("the copy on b", b)
}

// size is the length of a value, 0 of a miss, without reading it.
func (c *conn) size(key string) (n int) {
	c.t.Helper()
	_, _ = fmt.Sscanf(c.do("mg %s s", key), "HD s%d", &n)
	return n
}
