package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

const (
	dyingItems   = 60_000
	dyingDeleted = 1000
)

// TestScenario13_SourceKilledDuringTheCopy at 10, 50 and 90 % of it.
func TestScenario13_SourceKilledDuringTheCopy(t *testing.T) {
	t.Parallel()
	for _, percent := range []int64{10, 50, 90} {
		t.Run(fmt.Sprintf("at %d percent", percent), func(t *testing.T) {
			t.Parallel()
			sourceDies(t, percent, func(source *rig.Node, link *link) {
				source.Kill()
				link.heal() // whoever dials finds a dead node behind the wire
			})
		})
	}
}

// TestFailure_SourceDiesDuringTheCopy without a word, as with its machine.
func TestFailure_SourceDiesDuringTheCopy(t *testing.T) {
	t.Parallel()
	sourceDies(t, 50, func(source *rig.Node, _ *link) { source.Signal(syscall.SIGSTOP) })
}

// sourceDies lets the source of a copy die once a part of it has passed. The
// joiner keeps its port shut as long as it was told to, then serves what it has:
// some keys, each with its last value, and none that was deleted.
func sourceDies(t *testing.T, percent int64, die func(source *rig.Node, link *link)) {
	const peerWait = 3 * time.Second
	a, b, link := newRelayedPair(t, "--peer-wait", peerWait.String())
	rig.StartAll(a, b)
	names := rig.Keys("key:", dyingItems)
	old := rig.Keys("gone:", dyingDeleted)
	a.Load(append(old, names...), func(int) string { return "old" })
	waitCount(b, dyingItems+dyingDeleted)
	b.Kill()
	a.Load(names, value100)
	c := a.Dial()
	for _, k := range old {
		if got := c.Do("delete %s", k); got != "DELETED" {
			t.Fatal(got)
		}
	}
	c.Close()
	whole := wholeCopy(b, link)

	link.cutAfter(whole * percent / 100)
	began := time.Now()
	b.Start()
	testkit.Eventually(t, "the copy is broken off", link.wasCut)
	die(a, link)
	if b.Serving() && time.Since(began) < peerWait {
		t.Fatalf("the port opened at %d %% of the copy", percent)
	}
	b.WaitServing()
	b.WaitLog("serving without it", "as=partial")
	saw(t, "source died", b, a, b)
	got := lastValues(b, names)
	t.Logf("at %d %%: the joiner serves %d of %d keys", percent, got, dyingItems)
	if got == 0 && percent > 10 || got == dyingItems { // what is in its socket when the link goes is lost
		t.Errorf("the joiner holds %d of %d keys: the test shows nothing", got, dyingItems)
	}
	if n := b.Count(old); n != 0 {
		t.Errorf("%d deleted keys are back", n)
	}

	// The source returns empty: now the joiner is who knows.
	b.Load(names[:100], func(int) string { return "after" })
	if a.Running() {
		a.Kill()
	}
	link.heal()
	rig.StartAll(a)
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, append(names, old...))
	if n := a.Count(names); n < got || n < 100 {
		t.Errorf("the source came back with %d of %d keys", n, got)
	}
	if q := b.Stat("repl_qualifier"); q != "none" {
		t.Errorf("with a peer again the joiner is still %s", q)
	}
}

// lastValues returns how many of keys a node holds, and checks each value.
func lastValues(n *rig.Node, names []string) (held int) {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	all := c.Contents(names)
	for i, k := range names {
		v, there := all[k]
		if _, value, _ := strings.Cut(v, "/0/"); there && value != value100(i) {
			n.T.Fatalf("node %s serves %s as %q, which is not its last value", n.Name, k, value)
		}
	}
	return len(all)
}
