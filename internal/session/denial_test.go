package session

import (
	"testing"
	"time"

	"twincached/internal/wire"
)

// TestDenial_Gate is the gate alone: what counts, and for how long.
func TestDenial_Gate(t *testing.T) {
	fresh := func() *gate {
		g := newGate(&Config{PeerWait: 10 * time.Second, RefusedWait: 10 * time.Minute})
		g.start(0, true)
		return g
	}
	for _, tt := range []struct {
		name string
		do   func(g *gate)
		at   int64
		want NodeState
	}{
		{"a stranger", func(g *gate) { g.denied(0, "AUTH", false, false) }, 10_000, Ready},
		{"not proved", func(g *gate) { g.denied(9000, "AUTH", false, true) }, 10_000, Refused},
		{"for a moment", func(g *gate) { g.denied(9500, "AUTH", false, true) }, 10_000, Joining},
		{"not met again", func(g *gate) { g.denied(0, "AUTH", false, true); g.tick(5000, false) }, 15_000, Joining},
		{"another one, long after", func(g *gate) {
			g.denied(1, "AUTH", false, true)
			g.tick(15_001, false)
			g.denied(700_000, "AUTH", false, true)
		}, 701_000, Refused},
		{"not met again, and the wait is over", func(g *gate) { g.denied(0, "AUTH", false, true); g.tick(15_000, false) }, 25_000, Ready},
		{"nobody is there any more", func(g *gate) { g.denied(0, "AUTH", false, true); g.absent(500); g.foundNoListener(500) }, 1500, Ready},
		{"nobody is there, and somebody proved calls", func(g *gate) { g.denied(1, "HISTORY", true, false); g.absent(500); g.foundNoListener(500) }, 1500, Refused},
		{"a session came up and was lost", func(g *gate) {
			g.denied(0, "BADFRAME", true, true)
			g.linkUp()
			g.linkLost(9000, true)
			g.denied(9000, "BADFRAME", true, true)
		}, 10_000, Refused},
		{"everything has arrived", func(g *gate) { g.denied(0, "BADFRAME", true, true); g.linkUp(); g.barrier(); g.linkLost(9000, true) }, 10_000, Ready},
	} {
		g := fresh()
		tt.do(g)
		if g.tick(tt.at, false); g.state != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, g.state, tt.want)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(g *gate)
		want int64
	}{
		{"nobody refuses", func(*gate) {}, 0},
		{"not proved", func(g *gate) { g.denied(1000, "AUTH", false, true); g.tick(9000, false) }, 601_000},
		{"proved", func(g *gate) { g.denied(1000, "AUTH", true, true) }, 0},
		{"told to wait", func(g *gate) { g.bootWait = true; g.denied(1000, "AUTH", false, true) }, 0},
		{"told to serve", func(g *gate) { g.bootServe = true; g.denied(1000, "AUTH", false, true) }, 0},
		{"it is open", func(g *gate) { g.denied(1, "AUTH", false, true); g.state = Ready }, 0},
	} {
		g := fresh()
		tt.do(g)
		if got := g.opens(); got != tt.want {
			t.Errorf("%s: opens at %d, want %d", tt.name, got, tt.want)
		}
	}
	g := fresh() // it comes and goes, faster than a refused dial tells that nobody is there
	for at := int64(0); at <= 11*60_000; at += 1800 {
		g.denied(at, "AUTH", false, true)
		g.tick(at, false)
		g.absent(at + 900)
		g.foundNoListener(at + 900)
		g.tick(at+1700, false)
		g.foundSomebody()
	}
	if g.state != Ready {
		t.Errorf("%v after eleven minutes beside somebody who comes and goes and proves nothing", g.state)
	}
	for _, proved := range []bool{false, true} { // over and over, for longer than anybody waits
		g := fresh()
		for at := int64(0); at <= 11*60_000; at += 2000 {
			g.denied(at, "AUTH", proved, true)
			g.tick(at, false)
		}
		if opened := g.state == Ready; opened == proved {
			t.Errorf("proved %v: %v after eleven minutes", proved, g.state)
		}
	}
}

// TestDenialOf_WhoHasAPeer: the one that called and says so refuses; the one that is called
// by a third node, and has a peer, is not refused by anybody.
func TestDenialOf_WhoHasAPeer(t *testing.T) {
	for _, tt := range []struct{ fromPeer, dialled, want bool }{{false, false, false}, {false, true, true}, {true, false, true}, {true, true, true}} {
		if got := denialOf(&End{Code: wire.ByePeerTaken, FromPeer: tt.fromPeer}, tt.dialled, false); (got != "") != tt.want {
			t.Errorf("the peer says it %v, dialled %v: %q", tt.fromPeer, tt.dialled, got)
		}
	}
}
