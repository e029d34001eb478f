package e2e

import (
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestScenario18_OneWayLoss: what one node says is lost, what the other one says
// arrives. Both go on serving, neither believes to be linked, nothing counts as
// acknowledged that is not, and afterwards they are equal.
func TestScenario18_OneWayLoss(t *testing.T) {
	t.Parallel()
	for name, direction := range map[string]int{"towards a": toA, "towards b": toB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oneWayLoss(t, direction)
		})
	}
}

func oneWayLoss(t *testing.T, direction int) {
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := rig.Keys("k", 400)
	a.Load(names, func(int) string { return "before" })
	rig.WaitEqual(a, b, names)
	sessions := a.Stat("repl_sessions")
	link.mute(direction, true)

	ca, cb := a.Dial(), b.Dial()
	defer ca.Close()
	defer cb.Close()
	for i, k := range names[:100] {
		if x, y := ca.Set(k, "by a"), cb.Set(names[100+i], "by b"); x != "STORED" || y != "STORED" {
			t.Fatalf("a says %s, b says %s", x, y)
		}
	}
	for i, k := range names[200:250] {
		if x, y := ca.Do("delete %s", k), cb.Do("delete %s", names[250+i]); x != "DELETED" || y != "DELETED" {
			t.Fatalf("a says %s, b says %s", x, y)
		}
	}
	for _, n := range []*rig.Node{a, b} {
		testkit.Eventually(t, "node "+n.Name+" knows that it is not linked", func() bool { return n.Stat("repl_link") != "stream" })
		if got := n.Stat("tombstones"); got != "50" {
			t.Errorf("node %s remembers %s of 50 deletes that nobody has acknowledged", n.Name, got)
		}
	}
	deaf := []*rig.Node{a, b}[direction]
	if v, _, hit := deaf.Dial().Get(names[direction*-100+100]); !hit || v != "before" {
		t.Errorf("node %s has %q: the loss was none, the test shows nothing", deaf.Name, v)
	}
	dials := a.Stat("repl_dials")
	testkit.Eventually(t, "a tries again", func() bool { return a.Stat("repl_dials") != dials })
	if now := a.Stat("repl_sessions"); now != sessions {
		t.Errorf("%s sessions have become %s on half a link", sessions, now)
	}

	link.mute(direction, false)
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, names)
	for _, n := range []*rig.Node{a, b} {
		testkit.Eventually(t, "the deletes are acknowledged", func() bool { return n.Stat("tombstones") == "0" })
	}
	for i, k := range names {
		v, _, _ := ca.Get(k)
		want := "before"
		switch {
		case i < 100:
			want = "by a"
		case i < 200:
			want = "by b"
		case i < 300:
			want = ""
		}
		if v != want {
			t.Fatalf("%s is %q, want %q", k, v, want)
		}
	}
}
