package e2e

import (
	"fmt"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

const flushItems = 500

func TestFlush_ReachesThePeer(t *testing.T) {
	t.Parallel()
	for _, taker := range []string{"a", "b"} {
		t.Run("linked, on "+taker, func(t *testing.T) { t.Parallel(); flushLinked(t, taker) })
		t.Run("peer down, on "+taker, func(t *testing.T) { t.Parallel(); flushWhilePeerIsDown(t, taker) })
		t.Run("delayed, on "+taker, func(t *testing.T) { t.Parallel(); flushDelayed(t, taker) })
		t.Run("delayed, link cut, on "+taker, func(t *testing.T) { t.Parallel(); flushDelayedWhileCut(t, taker) })
		t.Run("delayed, then link cut, on "+taker, func(t *testing.T) { t.Parallel(); flushDelayedThenCut(t, taker) })
		t.Run("delayed, replaced by the peer, on "+taker, func(t *testing.T) { t.Parallel(); flushReplaced(t, taker) })
		t.Run("delayed, killed before it is due, on "+taker, func(t *testing.T) { t.Parallel(); flushDelayedKilled(t, taker, false) })
		t.Run("delayed, restarted before it is due, on "+taker, func(t *testing.T) { t.Parallel(); flushDelayedKilled(t, taker, true) })
	}
}

// TestFailure_FlushDuringACut: the taker is empty at once, its peer when it hears.
func TestFailure_FlushDuringACut(t *testing.T) {
	t.Parallel()
	for _, taker := range []string{"a", "b"} {
		t.Run("on "+taker, func(t *testing.T) { t.Parallel(); flushWhileCut(t, taker) })
	}
}

// flushPair is a pair of which the taker takes the flush.
type flushPair struct {
	t           *testing.T
	taker, peer *rig.Node
	link        *link
	old         []string
	between     []string // written between a delayed flush and when it is due
}

// newFlushPair starts a pair that holds the old items on both nodes.
func newFlushPair(t *testing.T, taker string) *flushPair {
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	p := &flushPair{t: t, taker: a, peer: b, link: link, old: rig.Keys("old", flushItems)}
	if taker == "b" {
		p.taker, p.peer = b, a
	}
	p.loadOld()
	return p
}

func (p *flushPair) loadOld() {
	p.t.Helper()
	p.taker.Load(p.old[:flushItems/2], func(int) string { return "old" })
	p.peer.Load(p.old[flushItems/2:], func(int) string { return "old" })
	p.holds(p.taker, p.old, flushItems)
	p.holds(p.peer, p.old, flushItems)
}

// holds waits until a node has that many of keys.
func (p *flushPair) holds(n *rig.Node, keys []string, want int) {
	p.t.Helper()
	testkit.Eventually(p.t, fmt.Sprintf("node %s holds %d of %d keys like %s", n.Name, want, len(keys), keys[0]),
		func() bool { return n.Count(keys) == want })
}

// flush says flush_all to the taker, and something else in the same breath.
func (p *flushPair) flush(arg, then string) (answer string) {
	p.t.Helper()
	c := p.taker.Dial()
	defer c.Close()
	c.Send("flush_all%s\r\n%s", arg, then)
	if got := c.Line(); got != "OK" {
		p.t.Fatalf("flush_all%s: %s", arg, got)
	}
	if then == "" {
		return ""
	}
	return c.Line()
}

// flushLater says flush_all to the taker, due in some seconds, and writes between on it. The peer
// has had that, and so the flush before it, in time. On a machine that is too slow for this it
// begins again, with twice the time; seconds is what it took in the end.
func (p *flushPair) flushLater(least int) (seconds int) {
	p.t.Helper()
	for seconds = least; ; seconds *= 2 {
		p.between = rig.Keys(fmt.Sprintf("between-%d-", seconds), flushItems)
		due := time.Now().Add(time.Duration(seconds) * time.Second) // or a moment later
		if got := p.flush(fmt.Sprint(" ", seconds), "get old0\r\n"); got != "VALUE old0 0 3" {
			p.t.Errorf("before the flush is due: %q", got)
		}
		p.taker.Load(p.between, func(int) string { return "between" })
		written, passed := time.Now().Before(due), false
		testkit.Eventually(p.t, "the peer has what was written in between, or the flush is due", func() bool {
			passed = p.peer.Count(p.between) == flushItems
			return passed || time.Now().After(due)
		})
		if written && passed {
			return seconds
		}
		p.t.Logf("this machine is slow: the flush was due within %d s", seconds)
		p.holds(p.taker, p.old, 0)
		p.holds(p.peer, p.old, 0)
		p.loadOld()
	}
}

// laterWritesLive writes on both nodes, which is after the flush by their
// clocks too, and checks that both keep it all and nothing older.
func (p *flushPair) laterWritesLive() {
	p.t.Helper()
	p.write("later")
	p.bothEndWith("later")
}

func (p *flushPair) write(name string) {
	p.t.Helper()
	began := time.Now()
	testkit.Eventually(p.t, "the clocks tick", func() bool { return time.Since(began) > 5*time.Millisecond })
	for _, n := range []*rig.Node{p.taker, p.peer} {
		if n.Running() {
			n.Load(rig.Keys(name+"-"+n.Name, flushItems), func(int) string { return "later" })
		}
	}
}

func (p *flushPair) bothEndWith(name string) {
	p.t.Helper()
	all := append(rig.Keys(name+"-a", flushItems), rig.Keys(name+"-b", flushItems)...)
	for _, n := range []*rig.Node{p.taker, p.peer} {
		p.holds(n, all, len(all))
		p.holds(n, p.old, 0)
	}
	rig.WaitEqual(p.taker, p.peer, append(all, p.old...))
}

func flushLinked(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.flush("", "")
	if n := p.taker.Count(p.old); n != 0 {
		t.Errorf("%d items are left on the node that took the flush", n)
	}
	p.holds(p.peer, p.old, 0)
	p.laterWritesLive()
}

func flushWhileCut(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.link.cut()
	p.flush("", "")
	if n := p.taker.Count(p.old); n != 0 {
		t.Errorf("%d items are left on the node that took the flush", n)
	}
	p.write("later")
	if n := p.peer.Count(p.old); n != flushItems {
		t.Errorf("the peer has %d of %d old items, and cannot know of the flush", n, flushItems)
	}
	saw(p.t, "flush", p.taker, p.taker, p.peer)
	p.link.heal()
	p.bothEndWith("later")
}

func flushWhilePeerIsDown(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.peer.Kill()
	p.flush("", "")
	p.taker.Load(rig.Keys("alone", flushItems), func(int) string { return "alone" })
	p.peer.Start()
	p.peer.WaitServing()
	if n := p.peer.Count(rig.Keys("alone", flushItems)); n != flushItems {
		t.Errorf("the restarted peer has %d of %d items written after the flush", n, flushItems)
	}
	if n := p.peer.Count(p.old); n != 0 {
		t.Errorf("the restarted peer has %d items from before the flush", n)
	}
	p.laterWritesLive()
}

func flushDelayed(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.flushLater(2)
	for _, n := range []*rig.Node{p.taker, p.peer} {
		p.holds(n, p.old, 0)
		p.holds(n, p.between, 0)
	}
	p.laterWritesLive()
}

// The peer is away when the flush is taken and when it is due: it hears of it
// when it is over.
func flushDelayedWhileCut(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.link.cut()
	p.flush(" 1", "")
	p.holds(p.taker, p.old, 0)
	if n := p.peer.Count(p.old); n != flushItems {
		t.Errorf("the peer has %d of %d old items, and cannot know of the flush", n, flushItems)
	}
	p.write("later")
	p.link.heal()
	p.bothEndWith("later")
}

// Both know of the flush when the link is cut, and each does it by itself.
func flushDelayedThenCut(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	p.flushLater(1)
	p.link.cut()
	for _, n := range []*rig.Node{p.taker, p.peer} {
		p.holds(n, p.old, 0)
		p.holds(n, p.between, 0)
	}
	p.write("later")
	p.link.heal()
	p.bothEndWith("later")
}

// A flush that comes before another one is due takes its place, on either node.
func flushReplaced(t *testing.T, taker string) {
	p := newFlushPair(t, taker)
	c, d := p.taker.Dial(), p.peer.Dial()
	defer c.Close()
	defer d.Close()
	seconds := p.flushLater(1)
	if got := d.Do("flush_all"); got != "OK" {
		t.Fatalf("flush_all: %s", got)
	}
	p.holds(p.taker, p.old, 0)
	p.laterWritesLive()
	// A key that lives for longer than the flush was put off tells when that is over.
	if got := c.Do("set clock 0 %d 1\r\nx", seconds+1); got != "STORED" {
		t.Fatalf("set: %s", got)
	}
	testkit.Eventually(t, "the first flush would be due", func() bool { _, _, hit := c.Get("clock"); return !hit })
	p.bothEndWith("later")
}

// The node that took the flush dies before it is due. Its peer knows of it, and
// tells it when it is back in time.
func flushDelayedKilled(t *testing.T, taker string, back bool) {
	p := newFlushPair(t, taker)
	p.flushLater(2)
	p.taker.Kill()
	if n := p.peer.Count(p.old); n != flushItems {
		t.Logf("this machine is slow: the flush was due before the node died")
	}
	if !back {
		p.holds(p.peer, p.old, 0)
	}
	p.taker.Start()
	p.taker.WaitServing()
	for _, n := range []*rig.Node{p.taker, p.peer} {
		p.holds(n, p.old, 0)
		p.holds(n, p.between, 0)
	}
	p.laterWritesLive()
}
