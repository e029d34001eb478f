package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// TestFailure_PeerHasNoRoom: two nodes with -M and unequal memory. Both say that one of
// them does not store what the other has, and how much; a planned restart of the larger
// one ends with status 3 and that number.
func TestFailure_PeerHasNoRoom(t *testing.T) {
	t.Parallel()
	net := newNet()
	a := newNode(t, "a", net+".1", net+".2", "-M", "-m", "64", "-I", "2m")
	b := newNode(t, "b", net+".2", net+".1", "-M", "-m", "16")
	startAll(a, b)
	waitLinked(a, b)
	names := keys("k", 3000)
	value := strings.Repeat("v", 10_000)
	a.load(names, func(int) string { return value })
	c := a.dial()
	if got := c.set("large", strings.Repeat("v", 1<<20)); got != "STORED" {
		t.Fatal(got)
	}
	number := func(n *node, row string) int {
		v, err := strconv.Atoi(n.stat(row))
		if err != nil {
			t.Fatalf("%s of %s: %v", row, n.name, err)
		}
		return v
	}
	testkit.Eventually(t, "a knows what b lacks", func() bool {
		return number(a, "repl_not_on_peer") > 0 && number(a, "repl_not_on_peer") == number(a, "curr_items")-number(b, "curr_items") &&
			number(a, "repl_unacked") == number(a, "repl_not_on_peer")
	})
	lacks := number(a, "repl_not_on_peer")
	if number(b, "repl_refused_no_memory") == 0 || number(b, "repl_refused_too_large") != 1 || number(b, "repl_not_on_peer") != 0 {
		t.Errorf("b: %s refused for memory, %s for size, %s not on a", b.stat("repl_refused_no_memory"), b.stat("repl_refused_too_large"), b.stat("repl_not_on_peer"))
	}
	a.waitLog("level=WARN", "the peer does not store what this node holds")
	b.waitLog("level=WARN", "only the peer has it")
	if code := a.stop(); code != 3 {
		t.Errorf("a ends with status %d", code)
	}
	if !a.logged("level=ERROR", "NOT HANDED OVER", fmt.Sprintf("items=%d ", lacks)) {
		t.Errorf("a does not say that %d items are lost", lacks)
	}
}

// TestFailure_DeleteWithoutMemory: a full node with -M deletes, says so, and its peer hears of it.
func TestFailure_DeleteWithoutMemory(t *testing.T) {
	t.Parallel()
	a, b := newPair(t, "-M", "-m", "8", "-I", "64k")
	startAll(a, b)
	waitLinked(a, b)
	b.kill()
	c := a.dial()
	n := 0
	for ; c.set(fmt.Sprint("k", n), strings.Repeat("v", 3000)) == "STORED"; n++ {
	}
	for ; c.set(fmt.Sprint("s", n), "") == "STORED"; n++ {
	}
	for i := range 200 {
		if got := c.do("delete missing%d", i); got != "NOT_FOUND" {
			t.Fatalf("delete of a key that is not there, number %d: %s", i, got)
		}
	}
	if got := c.do("delete k0"); got != "DELETED" {
		t.Fatal(got)
	}
	if _, _, hit := c.get("k0"); hit {
		t.Fatal("k0 is there still")
	}
}
