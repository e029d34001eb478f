package session

import (
	"testing"
	"time"
)

func TestNextState_IsTheTable(t *testing.T) {
	const unchanged = NodeState(0)
	table := map[NodeState][10]NodeState{
		//         alone  seek     linkUp   linkLost barrier  giveUp   drain     stop     refused  settled
		Starting: {Ready, Joining, unchanged, unchanged, unchanged, unchanged, Draining, Stopped, unchanged, unchanged},
		Joining:  {unchanged, unchanged, Copying, unchanged, unchanged, Ready, Draining, Stopped, Refused, unchanged},
		Copying:  {unchanged, unchanged, unchanged, Joining, Ready, unchanged, Draining, Stopped, unchanged, unchanged},
		Refused:  {unchanged, unchanged, Copying, unchanged, unchanged, Ready, Draining, Stopped, unchanged, Joining},
		Ready:    {unchanged, unchanged, unchanged, unchanged, unchanged, unchanged, Draining, Stopped, unchanged, unchanged},
		Draining: {unchanged, unchanged, unchanged, unchanged, unchanged, unchanged, unchanged, Stopped, unchanged, unchanged},
		Stopped:  {},
	}
	for from, row := range table {
		for e, want := range row {
			if want == unchanged {
				want = from
			}
			if got := nextState(from, gateEvent(e)); got != want {
				t.Errorf("%v, event %d: %v, want %v", from, e, got, want)
			}
		}
	}
}

func TestGate_PartialNodeWaitsFromItsLastProgress(t *testing.T) {
	g := newGate(&Config{PeerWait: 10 * time.Second, RefusedWait: time.Minute})
	g.start(0, true)
	g.linkUp()
	g.linkLost(4000, true)
	g.foundNoListener(4000)
	if g.tick(13_999, false); g.state != Joining {
		t.Fatalf("%v: half a copy and the link may come back", g.state)
	}
	g.linkUp()
	g.linkLost(13_999, false) // a session that brought nothing is no reason to wait longer
	if g.tick(14_000, false); g.state != Ready || g.qualifier() != "partial" {
		t.Fatalf("%v %q", g.state, g.qualifier())
	}
	g.linkUp()
	if g.state != Ready || g.qualifier() != "" {
		t.Fatalf("%v %q", g.state, g.qualifier())
	}
	g.barrier()
	if g.linkLost(20_000, true); g.qualifier() != "alone" {
		t.Fatalf("%q", g.qualifier())
	}
}

func TestGate_WaitsForAConnectionThatIsBeingSetUp(t *testing.T) {
	g := newGate(&Config{PeerWait: 10 * time.Second, RefusedWait: time.Minute})
	g.start(0, true)
	g.foundNoListener(0)
	if g.tick(20_000, true); g.state != Joining {
		t.Fatalf("%v: the peer is on the phone", g.state)
	}
	if g.tick(20_000, false); g.state != Ready {
		t.Fatalf("%v", g.state)
	}
}
