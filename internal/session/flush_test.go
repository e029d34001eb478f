package session

import (
	"testing"

	"twincached/store"
)

// delayed is a pair with an item on both nodes, and a delayed flush that one of
// them was asked for.
type delayed struct {
	*pair
	maker, peer int
	due         int64
}

const delay = int64(10_000)

// newDelayed makes one; the peer knows of the flush if told.
func newDelayed(t *testing.T, maker int, told bool) *delayed {
	d := &delayed{pair: newSkewedPair(t, [2]int64{}), maker: maker, peer: 1 - maker}
	d.set(0, 1, []byte("before"))
	d.connect()
	d.settle()
	if !told {
		d.cut()
	}
	d.due = d.now + delay
	d.n[maker].st.FlushAt(d.now, d.due)
	if told {
		d.settle()
	}
	return d
}

func (d *delayed) cut() {
	d.lose(0)
	d.lose(1)
}

// join links the two again, and checks what both hold.
func (d *delayed) join() {
	d.connect()
	d.settle()
	d.check()
}

// restart is a kill -9 of node i and its start.
func (d *delayed) restart(i int) {
	d.cut()
	d.n[i].st.Close()
	d.n[i] = d.newNode(i)
}

// until lets time pass to a moment before or after the flush is due.
func (d *delayed) until(fromDue int64) {
	d.now = d.due + fromDue
	for i, n := range d.n {
		n.st.Tick(d.at(i))
	}
}

// pending says for which moment node i has a flush; 0 = none.
func (d *delayed) pending(i int) int64 {
	_, _, p := d.n[i].st.FlushState()
	return p.AtMillis
}

func (d *delayed) wantPending(a, b int64) {
	d.t.Helper()
	if d.pending(0) != a || d.pending(1) != b {
		d.t.Fatalf("pending at %d and %d, want %d and %d", d.pending(0), d.pending(1), a, b)
	}
}

func (d *delayed) holds(i, k int, want bool) {
	d.t.Helper()
	_, ok := d.n[i].st.Get(d.at(i), pairKey(k), nil, func(b []byte, _ *store.View) []byte { return b })
	if ok != want {
		d.t.Fatalf("node %d: key %d: hit %v", i, k, ok)
	}
}

func (d *delayed) bothHold(k int, want bool) {
	d.t.Helper()
	d.holds(0, k, want)
	d.holds(1, k, want)
}

// done checks that the flush has happened everywhere, and will not again: what is
// written now stays.
func (d *delayed) done() {
	d.t.Helper()
	d.bothHold(1, false)
	d.wantPending(0, 0)
	d.now += 5
	d.set(d.maker, 2, []byte("after"))
	d.set(d.peer, 3, []byte("after"))
	d.settle()
	for _, later := range []int64{delay, 2 * delay, 100 * delay} {
		d.until(later)
		d.settle()
		d.bothHold(2, true)
		d.bothHold(3, true)
	}
	d.check()
}

func forBothMakers(t *testing.T, f func(t *testing.T, maker int)) {
	for maker := range 2 {
		t.Run([]string{"made on node 0", "made on node 1"}[maker], func(t *testing.T) { f(t, maker) })
	}
}

func TestDelayedFlush_LiveAndInState(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		for _, told := range []bool{true, false} {
			d := newDelayed(t, maker, told)
			if !told {
				if d.pending(d.peer) != 0 {
					t.Fatal("the peer cannot know")
				}
				d.join()
			}
			d.wantPending(d.due, d.due)
			d.until(-1)
			d.bothHold(1, true)
			d.until(0)
			d.settle()
			d.done()
		}
	})
}

// One of them is quicker, and the other hears of it before its own time has come.
func TestDelayedFlush_IsCarriedOutOnce(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		for first := range 2 {
			d := newDelayed(t, maker, true)
			d.now = d.due
			d.n[first].st.Tick(d.now)
			d.pump(first)
			d.deliver(1-first, 1<<20)
			f, _, _ := d.n[first].st.FlushState()
			if g, _, p := d.n[1-first].st.FlushState(); g != f || p.Version != 0 {
				t.Fatalf("watermark %d here, %d there, still pending: %+v", f, g, p)
			}
			d.n[1-first].st.Tick(d.now + 1)
			if g, _, _ := d.n[1-first].st.FlushState(); g != f {
				t.Fatalf("it was carried out twice: %d, then %d", f, g)
			}
			d.settle()
			d.done()
		}
	})
}

// Each carries it out on its own side of a cut.
func TestDelayedFlush_BothCarryItOutDuringACut(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		d := newDelayed(t, maker, true)
		d.cut()
		d.until(0)
		d.bothHold(1, false)
		d.now += 5
		d.set(0, 4, []byte("on one side"))
		d.set(1, 5, []byte("on the other"))
		d.join()
		d.bothHold(4, true)
		d.bothHold(5, true)
		d.done()
	})
}

// A flush on either side of a cut takes the place of the delayed one on both.
func TestDelayedFlush_CancelledByALaterFlushAcrossACut(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		for by := range 2 {
			d := newDelayed(t, maker, true)
			d.cut()
			d.now += 100
			d.n[by].st.Flush(d.now)
			d.holds(by, 1, false)
			d.holds(1-by, 1, true)
			d.now++
			d.set(by, 4, []byte("after the flush that counts"))
			d.join()
			d.wantPending(0, 0)
			d.until(1)
			d.settle()
			d.bothHold(4, true)
			d.done()
		}
	})
}

// A later delayed flush takes the place of the earlier one, across a cut too, and
// whether it is due sooner or later.
func TestDelayedFlush_ReplacedAcrossACut(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		for _, shift := range []int64{-delay / 2, delay} {
			for by := range 2 {
				d := newDelayed(t, maker, true)
				d.cut()
				d.now += 100
				d.n[by].st.FlushAt(d.now, d.due+shift)
				d.join()
				d.wantPending(d.due+shift, d.due+shift)
				d.until(min(0, shift) - 1)
				d.bothHold(1, true)
				if shift > 0 {
					d.until(1) // the first one would be due
					d.bothHold(1, true)
				}
				d.until(shift)
				d.settle()
				d.done()
			}
		}
	})
}

// The node that was asked dies before it is due. The peer flushes in time, and the
// node that comes back too late finds it done.
func TestDelayedFlush_MakerDiesAndThePeerFlushes(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		d := newDelayed(t, maker, true)
		d.restart(maker)
		d.until(-1)
		d.holds(d.peer, 1, true)
		d.until(0)
		d.holds(d.peer, 1, false)
		d.now += 100
		d.set(d.peer, 4, []byte("after"))
		d.join()
		d.bothHold(4, true)
		d.done()
	})
}

// It comes back in time: the peer tells it of the flush, and both carry it out, also
// if they lose each other again.
func TestDelayedFlush_RestartedNodeGetsItBack(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		for _, cutAgain := range []bool{false, true} {
			for victim := range 2 {
				d := newDelayed(t, maker, true)
				d.restart(victim)
				if d.pending(victim) != 0 {
					t.Fatal("it cannot know")
				}
				d.connect()
				d.settle()
				d.wantPending(d.due, d.due)
				d.bothHold(1, true)
				if cutAgain {
					d.cut()
				}
				d.until(0)
				d.bothHold(1, false)
				if cutAgain {
					d.connect()
				}
				d.settle()
				d.done()
			}
		}
	})
}

// The other node dies, and then the one that told it again: the flush lives as long
// as one of them knows.
func TestDelayedFlush_SurvivesBothInTurn(t *testing.T) {
	forBothMakers(t, func(t *testing.T, maker int) {
		d := newDelayed(t, maker, true)
		for _, victim := range []int{d.maker, d.peer, d.maker} {
			d.restart(victim)
			d.connect()
			d.settle()
		}
		d.wantPending(d.due, d.due)
		d.until(0)
		d.settle()
		d.done()
	})
}
