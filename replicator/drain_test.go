package replicator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/session"
	"twincached/store"
)

// drainWorld is a pair on a network in memory, whose nodes are drained and started
// again. Node id is "a:1" or "b:1".
type drainWorld struct {
	*testing.T
	m       *memNet
	unnamed atomic.Bool // nobody's name is known
	window  int         // Limits.WindowBytes of the nodes that start
	rate    int64       // and their CopyBytes
	smaller bool        // b stores no item above 8 KiB
}

func inDrainWorld(t *testing.T, seed uint64, f func(w *drainWorld)) {
	synctest.Test(t, func(t *testing.T) { f(&drainWorld{T: t, m: newMemNet(seed)}) })
}

func (w *drainWorld) start(id byte) *testNode {
	address, peer := "a:1", "b:1"
	if id == 2 {
		address, peer = peer, address
	}
	return startNode(w.T, id, nil, peer, func(c *Config) {
		c.Store.Close()
		most := 1 << 16
		if w.smaller && id == 2 {
			most = 8 << 10
		}
		c.Store, _ = store.New(store.Config{MemoryBytes: 4 << 20, MaxItemBytes: most, Replicated: true}, now())
		w.m.node(address, c)
		c.Limits.WindowBytes, c.CopyBytes = w.window, w.rate
		resolve := c.Resolve
		c.Resolve = func(ctx context.Context, host string) ([]string, error) {
			if w.unnamed.Load() {
				return nil, errors.New("no such host")
			}
			return resolve(ctx, host)
		}
	})
}

// pair starts both and gives them keys.
func (w *drainWorld) pair(keys int) (a, b *testNode) {
	w.Helper()
	a, b = w.start(1), w.start(2)
	w.linked(a, b)
	for i := range keys {
		a.set(fmt.Sprint("k", i), "v")
	}
	w.wait("b has the keys", func() bool { return b.holds(keys) && a.st.Unacked() == 0 })
	return a, b
}

func (w *drainWorld) linked(nodes ...*testNode) {
	w.Helper()
	for _, n := range nodes {
		w.wait("linked and ready", func() bool { return n.isReady() && n.linked() })
	}
}

// wait is eventually, in the bubble's time.
func (w *drainWorld) wait(what string, cond func() bool) {
	w.Helper()
	for range 6000 {
		if cond() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("never happened: %s", what)
}

func (n *testNode) holds(keys int) bool {
	for i := range keys {
		if n.get(fmt.Sprint("k", i)) != "v" {
			return false
		}
	}
	return true
}

// draining is a node that has been asked to stop.
type draining struct {
	n    *testNode
	left uint64
	took time.Duration
	done chan struct{}
}

// drain asks a node to stop; the node ends when it has drained.
func (n *testNode) drain(timeout time.Duration) *draining {
	d := &draining{n: n, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		began := time.Now()
		d.left = n.l.Drain(ctx)
		d.took = time.Since(began)
		n.stop()
	}()
	return d
}

func (d *draining) over() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// ends checks how many items the node says it has taken with it.
func (d *draining) ends(t testing.TB, left uint64) {
	t.Helper()
	<-d.done
	if d.left != left {
		t.Fatalf("%d items are lost, it says, want %d", d.left, left)
	}
}

const drainTimeout = 10 * time.Second

// TestDrain_PeerThatLeftProvesNothing: what b acknowledged is gone with b. a waits
// for it to come back and hands over everything; a second b that leaves again
// begins the wait anew.
func TestDrain_PeerThatLeftProvesNothing(t *testing.T) {
	for gap := range 5 {
		inDrainWorld(t, uint64(gap), func(w *drainWorld) {
			a, b := w.pair(50)
			b.drain(drainTimeout).ends(w, 0)
			d := a.drain(drainTimeout)
			time.Sleep(time.Duration(gap) * time.Second)
			if d.over() {
				w.Fatalf("a is gone after %v, and with it what both had: %d items, it says", d.took, d.left)
			}
			b = w.start(2)
			d.ends(w, 0)
			w.wait("b is ready", b.isReady)
			if !b.holds(50) {
				w.Fatalf("b is %v and has not got everything", b.l.Stats())
			}
			b.stop()
		})
	}
}

// TestDrain_NobodyComes: a waits as long as it is told to, and says what it had.
func TestDrain_NobodyComes(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(50)
		a.del("k0")
		w.wait("b has the delete", func() bool { return b.get("k0") == "" && a.st.Unacked() == 0 })
		b.drain(drainTimeout).ends(w, 0)
		d := a.drain(drainTimeout)
		d.ends(w, 49)
		if d.took < session.DefaultHandover || d.took > session.DefaultHandover+time.Second {
			w.Errorf("it took %v", d.took)
		}
		if !a.log.has("waiting for one to take over") || !a.log.has("NOT HANDED OVER") || !a.log.has("items=49") {
			w.Error("the log does not say so")
		}
	})
}

func TestDrain_NothingToLoseNeedsNoPeer(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(1)
		a.del("k0")
		w.wait("b has the delete", func() bool { return b.get("k0") == "" && a.st.Unacked() == 0 })
		b.drain(drainTimeout).ends(w, 0)
		d := a.drain(drainTimeout)
		d.ends(w, 0)
		if d.took > session.DefaultHandover/2 { // by the bubble's clock; a may take a second look, if b's end has not come yet
			w.Errorf("it took %v", d.took)
		}
	})
}

// TestDrain_BothAtOnce: exactly one of two nodes that are stopped together, within
// a moment that is shorter than the way between them or longer, goes at once. The
// other one hands everything to the first that comes back. In every order.
func TestDrain_BothAtOnce(t *testing.T) {
	crossed := 0
	for seed := range uint64(60) {
		inDrainWorld(t, seed, func(w *drainWorld) {
			a, b := w.pair(20)
			first, second := a, b
			if seed%2 == 1 {
				first, second = b, a
			}
			d1 := first.drain(drainTimeout)
			time.Sleep(time.Duration(seed/2%6) * time.Millisecond)
			d2 := second.drain(drainTimeout)
			w.wait("one goes", func() bool { return d1.over() || d2.over() })
			time.Sleep(3 * time.Second)
			if d1.over() == d2.over() {
				w.Fatalf("seed %d: both are gone", seed)
			}
			went, stays := d1, d2
			if d2.over() {
				went, stays = d2, d1
			}
			if went.n.log.has("both nodes stop at once") != stays.n.log.has("both nodes stop at once") {
				w.Errorf("seed %d: one node says that both stopped at once, the other does not", seed)
			}
			if went.n.log.has("both nodes stop at once") {
				crossed++
			}
			went.ends(w, 0)
			id := byte(1)
			if went.n == b {
				id = 2
			}
			n := w.start(id)
			stays.ends(w, 0)
			w.wait("the one that came back is ready", n.isReady)
			if !n.holds(20) {
				w.Fatalf("seed %d: keys are lost, and both ended with status 0", seed)
			}
			n.stop()
		})
	}
	t.Logf("the two BYEs crossed in %d of 60 rounds", crossed)
	if crossed == 0 {
		t.Error("they never crossed: nothing is shown")
	}
}

// TestDrain_PeerThatGivesUpMeanwhile: a gives up, as b has no room for what it holds, and
// b says at that moment that it leaves, because a has all of b's. Not both may take
// that for the other one's word to stay.
func TestDrain_PeerThatGivesUpMeanwhile(t *testing.T) {
	gaveUp := 0
	for seed := range uint64(40) {
		inDrainWorld(t, seed, func(w *drainWorld) {
			w.smaller = true
			a, b := w.pair(20)
			if res := a.st.Do(now(), &store.Request{Op: store.OpSet, Key: []byte("large"), Value: make([]byte, 20<<10)}); res.Status != store.Stored {
				w.Fatal(res)
			}
			w.wait("b refuses it", func() bool { return a.st.Refused() == 1 && a.st.Unacked() == 1 })
			d1 := a.drain(drainTimeout)
			time.Sleep(time.Duration(45+seed/2) * time.Millisecond)
			d2 := b.drain(drainTimeout)
			<-d1.done
			<-d2.done
			if d1.left < 21 && d2.left < 20 {
				w.Fatalf("seed %d: both are gone with everything: %d items, says a, and %d, says b", seed, d1.left, d2.left)
			}
			if d1.left == 1 {
				gaveUp++
			}
		})
	}
	if gaveUp == 0 {
		t.Error("a never gave up while b was there: nothing is shown")
	}
}

// TestDrain_JoinerThatStopsWhileItCopies: it has nothing that its source lacks, so
// it goes; the source stays for the next one, and its wait begins anew.
func TestDrain_JoinerThatStopsWhileItCopies(t *testing.T) {
	inDrainWorld(t, 3, func(w *drainWorld) {
		w.window = 1 << 10 // so that a copy takes its time
		a, b := w.pair(1000)
		b.drain(drainTimeout).ends(w, 0)
		d := a.drain(time.Minute)
		time.Sleep(4 * time.Second)
		b = w.start(2)
		w.wait("it copies", func() bool { return b.l.State() == session.Copying })
		b.drain(drainTimeout).ends(w, 0)
		time.Sleep(4 * time.Second)
		if d.over() {
			w.Fatalf("the source has gone: %d", d.left)
		}
		b = w.start(2)
		d.ends(w, 0)
		w.wait("b is ready", b.isReady)
		if !b.holds(1000) {
			w.Fatal("b has not got everything")
		}
		b.stop()
	})
}

// TestDrain_PeerWhoseNameIsGone does not keep a node for its whole drain time-out,
// nor does one that is known to be down; one that is out of reach and lacks
// something does.
func TestDrain_PeerWhoseNameIsGone(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(10)
		w.unnamed.Store(true)
		b.stop()
		w.m.forget("b:1")
		a.set("k10", "v")
		time.Sleep(2 * time.Second)
		d := a.drain(time.Minute)
		d.ends(w, 11)
		if d.took > session.DefaultHandover+time.Second {
			w.Errorf("it took %v", d.took)
		}
	})
}

func TestDrain_PeerThatIsDown(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(10)
		b.stop()
		w.m.forget("b:1")
		a.set("k10", "v")
		time.Sleep(2 * time.Second)
		d := a.drain(time.Minute)
		d.ends(w, 11)
		if d.took > session.DefaultHandover+time.Second {
			w.Errorf("it took %v", d.took)
		}
	})
}

// TestSayLost_NobodyLinksMeanwhile: who counts what is lost takes no more connections.
func TestSayLost_NobodyLinksMeanwhile(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(3)
		b.drain(drainTimeout).ends(w, 0)
		if left := a.l.logLost(false); left != 3 {
			w.Errorf("%d are lost, it says", left)
		}
		if b = w.start(2); !a.l.closing {
			w.Error("it takes connections")
		}
		b.stop()
	})
}

// TestDrain_NobodyLinksBehindIt: whoever linked after it would hand over to nobody.
func TestDrain_NobodyLinksBehindIt(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a := w.start(1)
		if left := a.l.Drain(context.Background()); left != 0 || !a.l.closing {
			w.Errorf("%d are lost, closing %v", left, a.l.closing)
		}
	})
}

// TestDrain_TimeIsUp: the peer hears that this node goes, and the log says why that costs
// something.
func TestDrain_TimeIsUp(t *testing.T) {
	for why, large := range map[string]bool{"time was up before the peer had said that it stays": false, "the peer has no room for everything": true} {
		inDrainWorld(t, 1, func(w *drainWorld) {
			w.smaller = true
			a, b := w.pair(3)
			left := uint64(3)
			if large {
				left = 1
				a.set("large", string(make([]byte, 20<<10)))
				w.wait("b refuses it", func() bool { return a.st.Refused() == 1 && a.st.Unacked() == 1 })
			}
			a.drain(0).ends(w, left)
			w.wait("b hears of it", func() bool { return b.log.has("the peer stops, and this node does not have everything") })
			if !a.log.has(why) || a.log.has("link lost") {
				w.Errorf("the log does not say: %s\n%s", why, a.log)
			}
			b.stop()
		})
	}
}

// TestGiveUp_OfASessionThatHasEnded: it was not told, and may have left itself.
func TestGiveUp_OfASessionThatHasEnded(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a, b := w.pair(3)
		c := a.l.cur
		b.stop()
		<-c.done
		if a.l.giveUp(c) {
			w.Error("it counts as told")
		}
		a.stop()
	})
}
