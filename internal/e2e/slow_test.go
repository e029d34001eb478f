package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

// TestFailure_PeerIsSlow: a wire far too thin for what a's clients write. They
// notice nothing, a's memory does not grow, the link stays, and b is as far behind
// as it must be.
func TestFailure_PeerIsSlow(t *testing.T) {
	t.Parallel()
	const perMS, rounds, growthKiB = 500, 50, 32 << 10
	names := rig.Keys("k", 2000)
	value := func(round int) func(int) string {
		v := fmt.Sprintf("%d/%s", round, strings.Repeat("x", 1000))
		return func(int) string { return v }
	}
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	for range 5 {
		a.Load(names, value(0))
	}
	rig.WaitEqual(a, b, names)
	resident, stays := a.MemoryKiB("VmRSS"), false
	for try := 0; !stays && try < 3; try++ { // a machine that is busy is silent for a second all by itself
		rig.WaitLinked(a, b)
		sessions := a.Stat("repl_sessions")
		link.slow(perMS)
		before, began := link.total(), time.Now()
		for round := range rounds { // 100 MB
			a.Load(names, value(try*rounds+round+1))
		}
		grown := a.MemoryKiB("VmRSS") - resident
		passed, took := link.total()-before, time.Since(began)
		behind, _, _ := b.Dial().Get(names[len(names)-1])
		if behind == value((try+1)*rounds)(0) {
			t.Errorf("b is not behind after %d KiB in %v: the test shows nothing", passed>>10, took)
		}
		if grown > growthKiB {
			t.Errorf("a grew by %d KiB, limit %d", grown, growthKiB)
		}
		link.slow(perMS / 10) // b stays behind for as long as it takes to look
		saw(t, "slow", a, a, b)
		link.slow(0)
		rig.WaitEqual(a, b, names)
		stays = true
		for _, n := range []*rig.Node{a, b} {
			if now := n.Stat("repl_sessions"); now != sessions || n.Stat("repl_link") != "stream" {
				t.Logf("node %s: %s sessions have become %s, link %s", n.Name, sessions, now, n.Stat("repl_link"))
				stays = false
			}
		}
		t.Logf("a took %d MB in %v while %d KiB passed, and grew by %d KiB", rounds*len(names)/1000, took.Round(time.Millisecond), passed>>10, grown)
	}
	if !stays {
		t.Error("the link was lost, three times in a row")
	}
}
