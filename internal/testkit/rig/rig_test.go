package rig

import (
	"net"
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(Tests{M: m}) }

// TestPair_LivesAndEnds goes once through what tests do with nodes.
func TestPair_LivesAndEnds(t *testing.T) {
	a, b := NewPair(t)
	StartAll(a, b)
	WaitLinked(a, b)
	names := Keys("k", 300)
	a.Load(names, func(int) string { return "v" })
	WaitEqual(a, b, names)
	if a.Count(names) != 300 || a.Number("curr_items") != 300 || b.MemoryKiB("VmRSS") == 0 {
		t.Errorf("%d keys, %d items, %d KiB", a.Count(names), a.Number("curr_items"), b.MemoryKiB("VmRSS"))
	}
	b.Signal(syscall.SIGSTOP)
	if !b.Running() || !b.stopped() {
		t.Error("b runs on")
	}
	b.Kill()
	if b.Running() || b.Serving() || b.Code != -1 {
		t.Errorf("b was killed: running %v, serving %v, status %d", b.Running(), b.Serving(), b.Code)
	}
	if got := a.Dial().Set("alone", "x"); got != "STORED" {
		t.Errorf("set: %s", got)
	}
	StartAll(b)
	WaitLinked(a, b)
	if differ, onlyA, onlyB := Differences(a, b, append(names, "alone")); len(differ)+len(onlyA)+len(onlyB) > 0 {
		t.Errorf("they differ in %q %q %q", differ, onlyA, onlyB)
	}
	if code := a.Stop(); code != 0 || !a.Logged("msg=stopped") {
		t.Errorf("a stopped with status %d:\n%s", code, a.Log.Tail(500))
	}
}

// TestDifferences_AreSeen between two nodes that do not know each other.
func TestDifferences_AreSeen(t *testing.T) {
	host := NewNet(t)
	a, b := NewNode(t, "a", host+".1", ""), NewNode(t, "b", host+".2", "")
	StartAll(a, b)
	for key, on := range map[string][]*Node{"both": {a, b}, "mine": {a}, "yours": {b}} {
		for _, n := range on {
			n.Load([]string{key}, func(int) string { return n.Name })
		}
	}
	differ, onlyA, onlyB := Differences(a, b, []string{"both", "mine", "yours", "none"})
	if !slices.Equal(differ, []string{"both"}) || !slices.Equal(onlyA, []string{"mine"}) || !slices.Equal(onlyB, []string{"yours"}) {
		t.Errorf("%q differ, %q only on a, %q only on b", differ, onlyA, onlyB)
	}
}

// TestNetworks_AreClaimed: what one process has, no other one gets, and no test gets
// what another has.
func TestNetworks_AreClaimed(t *testing.T) {
	seen := map[string]bool{}
	for range 600 {
		got := NewNet(t)
		if seen[got] {
			t.Fatalf("%s is given twice", got)
		}
		seen[got] = true
	}
	for _, l := range network.claims {
		if _, err := net.Listen("tcp", l.Addr().String()); err == nil {
			t.Errorf("%v can be claimed again", l.Addr())
		}
	}
	if len(network.claims) < 3 {
		t.Errorf("%d networks are claimed for 600 numbers, want 3 or more", len(network.claims))
	}
}
