package session

import (
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

func TestDeparture_Look(t *testing.T) {
	const handover = 5000
	st, empty, deleted, flushed := newTestStore(t), newTestStore(t), newTestStore(t), newTestStore(t)
	for _, s := range []*store.Store{st, empty, deleted, flushed} {
		defer s.Close()
	}
	if st.Do(testStart, &store.Request{Op: store.OpSet, Key: []byte("k")}).Status != store.Stored {
		t.Fatal("not stored")
	}
	deleted.Do(testStart, &store.Request{Op: store.OpDelete, Key: []byte("k")}) // the peer may have the item
	flushed.Flush(testStart)
	flush, _, _ := flushed.FlushState()
	for _, tt := range []struct {
		name string
		st   *store.Store
		s    Standing
		at   int64 // after the wait began, ms
		want Verdict
	}{
		{"busy", empty, Standing{Linked: true}, 0, VerdictWait},
		{"quiet, and the store has more", st, Standing{Linked: true, Quiet: true}, 0, VerdictWait},
		{"quiet", empty, Standing{Linked: true, Quiet: true}, 0, VerdictBye},
		{"alone with nothing", empty, Standing{away: true}, 0, VerdictSafe},
		{"alone with a flush that the peer has", flushed, Standing{away: true, flushAcked: flush}, 0, VerdictSafe},
		{"alone with a flush", flushed, Standing{away: true, flushAcked: flush - 1}, handover - 1, VerdictWait},
		{"alone with a flush for long", flushed, Standing{away: true}, handover, VerdictGiveUp},
		{"alone with a delete", deleted, Standing{away: true}, handover - 1, VerdictWait},
		{"alone with a delete for long", deleted, Standing{away: true}, handover, VerdictGiveUp},
		{"out of reach, and lacks a delete", deleted, Standing{}, 9 * handover, VerdictWait},
		{"alone", st, Standing{away: true}, handover - 1, VerdictWait},
		{"alone for long", st, Standing{away: true}, handover, VerdictGiveUp},
		{"somebody is coming", st, Standing{away: true, establishing: true}, 9 * handover, VerdictWait},
		{"out of reach, and lacks something", st, Standing{}, 9 * handover, VerdictWait},
	} {
		d := departure{handoverMillis: handover}
		d.verdict(1_000_000, tt.st, tt.s)
		if got := d.verdict(1_000_000+tt.at, tt.st, tt.s); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, between := range [][]Standing{{{Linked: true, sessions: 1}}, nil} { // it came, and left again: seen, or between two looks
		d := departure{handoverMillis: handover}
		d.verdict(4000, st, Standing{away: true})
		for _, s := range between {
			d.verdict(6000, st, s)
		}
		d.verdict(8000, st, Standing{away: true, sessions: 1})
		if got := d.verdict(4000+handover, st, Standing{away: true, sessions: 1}); got != VerdictWait {
			t.Errorf("the wait does not begin anew: %v", got)
		}
		if got := d.verdict(8000+handover, st, Standing{away: true, sessions: 1}); got != VerdictGiveUp {
			t.Errorf("the second wait does not end: %v", got)
		}
	}
}

func newTestStore(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true}, testStart)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestDepart_ByeStepByStep: what each side knows when the two cross, and when they
// do not.
func TestDepart_ByeStepByStep(t *testing.T) {
	quiet := func(t *testing.T) *duo {
		d := newDuo(t)
		d.link()
		d.rest()
		return d
	}
	reads := func(d *duo, i int) {
		n := d.n[i]
		for {
			body, size, _ := wire.Split(n.inbox, n.s.FrameLimit())
			if size == 0 || n.s.OnFrame(n.now(), body) != nil {
				return
			}
			n.inbox = n.inbox[size:]
		}
	}
	depart := func(d *duo, i int) bool { return d.n[i].s.Depart(d.n[i].now()) }
	t.Run("read", func(t *testing.T) {
		d := quiet(t)
		if !depart(d, 0) || d.n[0].s.MayGo() {
			t.Fatal("it may go before anybody has read its BYE")
		}
		d.send(0)
		reads(d, 1)
		if d.n[0].s.OnEnd(); d.n[0].s.MayGo() {
			t.Fatal("it may go because the connection has ended")
		}
		d.send(1)
		reads(d, 0)
		if !d.n[0].s.MayGo() || d.n[1].s.Depart(d.now) {
			t.Fatal("the one that said BYE stays, or the one that has read it leaves as well")
		}
	})
	t.Run("read by one that does not answer", func(t *testing.T) {
		d := quiet(t)
		d.n[0].s.peer.Features = 0
		if d.n[0].s.OnEnd(); d.n[0].s.MayGo() {
			t.Fatal("it may go, and has not said BYE")
		}
		depart(d, 0)
		if d.n[0].s.OnEnd(); !d.n[0].s.MayGo() {
			t.Fatal("it stays, and the peer will never say more")
		}
	})
	t.Run("crossed", func(t *testing.T) {
		d := quiet(t)
		depart(d, 0)
		depart(d, 1)
		d.send(0)
		d.send(1)
		reads(d, 0)
		reads(d, 1)
		if d.n[0].s.MayGo() || !d.n[1].s.MayGo() {
			t.Fatal("not the one with the smaller id stays, or both")
		}
	})
	t.Run("crossed with one that goes in any case", func(t *testing.T) {
		for name, leave := range map[string]func(d *duo){
			"it does not answer": func(d *duo) { d.n[1].s.peer.Features = 0; depart(d, 0) },
			"it gives up":        func(d *duo) { d.n[0].s.Leave(wire.ByeGivesUp, "") },
		} {
			d := quiet(t)
			leave(d)
			depart(d, 1)
			d.send(0)
			d.send(1)
			reads(d, 1)
			if d.n[1].s.MayGo() {
				t.Errorf("%s: both go", name)
			}
		}
	})
	for stays := range 2 {
		t.Run("its own never went out", func(t *testing.T) {
			d, goes := quiet(t), 1-stays
			depart(d, goes)
			d.send(goes)
			depart(d, stays)
			reads(d, stays)
			if d.n[stays].s.MayGo() {
				t.Fatal("it goes, and its BYE never went out")
			}
			d.send(stays)
			reads(d, goes)
			if !d.n[goes].s.MayGo() {
				t.Fatal("it has not answered that it stays")
			}
		})
	}
	t.Run("by one that is not linked", func(t *testing.T) {
		d := newDuo(t)
		d.link()
		n := d.n[0]
		_ = n.s.OnFrame(n.now(), body(t, func(w *wire.Writer) { w.Bye(wire.Bye{Code: wire.ByePlanned}) }))
		if d.send(0) != 0 {
			t.Fatal("a stranger is answered")
		}
	})
	t.Run("not answered", func(t *testing.T) {
		d := quiet(t)
		depart(d, 1)
		d.now += leavingMillis
		if d.n[1].s.Tick(d.now) == nil || d.n[1].s.MayGo() {
			t.Fatal("it goes, and nobody knows whether the peer has read that")
		}
	})
	t.Run("not quiet", func(t *testing.T) {
		d := quiet(t)
		d.set(0, "k", "v")
		d.send(0)
		if depart(d, 0) {
			t.Fatal("it leaves with something under way")
		}
	})
}

// TestLost_WhoGivesUpHasNoProof: the peer has acknowledged everything, and may give up
// at the same moment, counting on this node.
func TestLost_WhoGivesUpHasNoProof(t *testing.T) {
	d := newDuo(t)
	d.link()
	d.set(0, "k", "v")
	d.rest()
	st := d.n[0].st
	flush, _, _ := st.FlushState()
	if left, unacked := lost(d.now, st, flush, true); left != 1 || unacked != 0 {
		t.Errorf("%d items may be lost, and %d are unacknowledged; want 1 and 0", left, unacked)
	}
	d.set(0, "l", "v")
	if left, unacked := lost(d.now, st, flush, true); left != 1 || unacked != 1 {
		t.Errorf("%d items may be lost, and %d are unacknowledged; want the one that the peer lacks", left, unacked)
	}
}
