package replicator

import (
	"context"
	"fmt"
	"testing"
	"time"

	"twincached/internal/session"
	"twincached/store"
)

// TestLast_WhoIsSureToBeTheLastOfThePair: at least one of two nodes that stop is, in whatever
// order; and nobody who leaves a live peer behind.
func TestLast_WhoIsSureToBeTheLastOfThePair(t *testing.T) {
	for name, c := range map[string]struct {
		stop  func(w *drainWorld, a, b *testNode)
		wantA bool
		wantB bool
	}{
		"one after the other": {func(w *drainWorld, a, b *testNode) {
			a.drain(drainTimeout).ends(w, 0)
			b.drain(drainTimeout).ends(w, 3)
		}, false, true},
		"the other way": {func(w *drainWorld, a, b *testNode) {
			b.drain(drainTimeout).ends(w, 0)
			a.drain(drainTimeout).ends(w, 3)
		}, true, false},
		"the peer was killed": {func(w *drainWorld, a, b *testNode) {
			b.stop()
			a.drain(drainTimeout).ends(w, 3)
		}, true, true},
		"it gives up, and the peer stays": {func(w *drainWorld, a, b *testNode) {
			for i := range 3 {
				a.set(fmt.Sprint("k", i), string(make([]byte, 20<<10)))
			}
			w.wait("b refuses them", func() bool { return a.st.Refused() == 3 })
			a.drain(drainTimeout).ends(w, 3)
			b.stop()
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			inDrainWorld(t, 1, func(w *drainWorld) {
				w.smaller = true
				a, b := w.pair(3)
				c.stop(w, a, b)
				if a.l.Last() != c.wantA || b.l.Last() != c.wantB {
					w.Errorf("a %v, want %v, and b %v, want %v", a.l.Last(), c.wantA, b.l.Last(), c.wantB)
				}
			})
		})
	}
	t.Run("both at once", func(t *testing.T) {
		for seed := uint64(0); seed < 20; seed++ {
			inDrainWorld(t, seed, func(w *drainWorld) {
				a, b := w.pair(3)
				da, db := a.drain(drainTimeout), b.drain(drainTimeout)
				<-da.done
				<-db.done
				if a.l.Last() == b.l.Last() {
					w.Errorf("seed %d: a and b are both last, or neither: %v", seed, a.l.Last())
				}
			})
		}
	})
}

// TestDrain_ANodeThatWaitsWithItsImageGoesAtOnce: it has served nobody, and its image keeps what
// it has.
func TestDrain_ANodeThatWaitsWithItsImageGoesAtOnce(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a := startNode(w.T, 1, nil, "b:1", func(c *Config) {
			c.Provisional, c.HeirOf = true, store.Line{{9}}
			w.m.node("a:1", c)
		})
		a.set("k0", "v")
		began := time.Now()
		a.drain(drainTimeout).ends(w, 0)
		if took := time.Since(began); took > a.l.cfg.Handover/2 {
			w.Errorf("it took %v", took)
		}
		if a.l.Last() {
			w.Error("its image was not of the last one, and calls itself that now")
		}
		a.stop()
	})
}

// TestForsaken_ALinkThatWaitedInVain links with nobody from then on.
func TestForsaken_ALinkThatWaitedInVain(t *testing.T) {
	inDrainWorld(t, 1, func(w *drainWorld) {
		a := startNode(w.T, 1, nil, "b:1", func(c *Config) {
			c.Provisional, c.HeirOf = true, store.Line{{9}}
			w.m.node("a:1", c)
		})
		if got := a.l.ImageLine(); got != (store.Line{a.l.cfg.Inc, {9}}) {
			w.Errorf("its image would be of %v", got)
		}
		began := time.Now()
		<-a.l.Forsaken()
		if took := time.Since(began); took > a.l.cfg.PeerWait+time.Second {
			w.Errorf("it took %v", took)
		}
		b := w.start(2)
		w.wait("b is ready", b.isReady)
		if a.isReady() || a.linked() || a.l.State() != session.Joining || a.l.Last() {
			w.Errorf("ready %v, linked %v, %v", a.isReady(), a.linked(), a.l.State())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		a.l.Drain(ctx)
		a.stop()
		b.stop()
	})
}
