package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestFailure_PeerHasNoRoom: two nodes with -M and unequal memory. Both say that one of
// them does not store what the other has, and how much; a planned restart of the larger
// one ends with status 3 and that number.
func TestFailure_PeerHasNoRoom(t *testing.T) {
	t.Parallel()
	net := rig.NewNet(t)
	a := rig.NewNode(t, "a", net+".1", net+".2", "-M", "-m", "64", "-I", "2m")
	b := rig.NewNode(t, "b", net+".2", net+".1", "-M", "-m", "16")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := rig.Keys("k", 3000)
	value := strings.Repeat("v", 10_000)
	a.Load(names, func(int) string { return value })
	c := a.Dial()
	if got := c.Set("large", strings.Repeat("v", 1<<20)); got != "STORED" {
		t.Fatal(got)
	}
	number := func(n *rig.Node, row string) int {
		v, err := strconv.Atoi(n.Stat(row))
		if err != nil {
			t.Fatalf("%s of %s: %v", row, n.Name, err)
		}
		return v
	}
	testkit.Eventually(t, "a knows what b lacks", func() bool {
		return number(a, "repl_not_on_peer") > 0 && number(a, "repl_not_on_peer") == number(a, "curr_items")-number(b, "curr_items") &&
			number(a, "repl_unacked") == number(a, "repl_not_on_peer")
	})
	lacks := number(a, "repl_not_on_peer")
	if number(b, "repl_refused_no_memory") == 0 || number(b, "repl_refused_too_large") != 1 || number(b, "repl_not_on_peer") != 0 {
		t.Errorf("b: %s refused for memory, %s for size, %s not on a", b.Stat("repl_refused_no_memory"), b.Stat("repl_refused_too_large"), b.Stat("repl_not_on_peer"))
	}
	a.WaitLog("level=WARN", "the peer does not store what this node holds")
	b.WaitLog("level=WARN", "only the peer has it")
	saw(t, "no room, a", a, a, b)
	saw(t, "no room, b", b, a, b)
	if code := a.Stop(); code != 3 {
		t.Errorf("a ends with status %d", code)
	}
	if !a.Logged("level=ERROR", "NOT HANDED OVER", fmt.Sprintf("items=%d ", lacks)) {
		t.Errorf("a does not say that %d items are lost", lacks)
	}
	saw(t, "no room, stopped", a, a, b)
}

// TestFailure_DeleteWithoutMemory: a full node with -M deletes, says so, and its peer hears of it.
func TestFailure_DeleteWithoutMemory(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t, "-M", "-m", "8", "-I", "64k")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	b.Kill()
	c := a.Dial()
	n := 0
	for ; c.Set(fmt.Sprint("k", n), strings.Repeat("v", 3000)) == "STORED"; n++ {
	}
	for ; c.Set(fmt.Sprint("s", n), "") == "STORED"; n++ {
	}
	saw(t, "full", a)
	for i := range 200 {
		if got := c.Do("delete missing%d", i); got != "NOT_FOUND" {
			t.Fatalf("delete of a key that is not there, number %d: %s", i, got)
		}
	}
	if got := c.Do("delete k0"); got != "DELETED" {
		t.Fatal(got)
	}
	if _, _, hit := c.Get("k0"); hit {
		t.Fatal("k0 is there still")
	}
}
