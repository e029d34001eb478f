package session

import (
	"fmt"
	"strings"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// unequal is two nodes of which b has no room for what a holds: it is full and does not
// evict.
func unequal(t testing.TB) *duo {
	return newDuo(t, store.Config{MemoryBytes: 16 << 20, NoEviction: true}, store.Config{MemoryBytes: 4 << 20, NoEviction: true})
}

// onlyOnA writes more to a than b has room for, and returns how many keys that is.
func (d *duo) onlyOnA() uint64 {
	d.t.Helper()
	for k := range 800 {
		d.set(0, fmt.Sprint("k", k), strings.Repeat("v", 10_000))
	}
	d.rest()
	onlyA, onlyB := d.equal()
	if onlyA == 0 || onlyB != 0 {
		d.t.Fatalf("%d keys are only on a, %d only on b: the test shows nothing", onlyA, onlyB)
	}
	return uint64(onlyA)
}

func (d *duo) wantNotOnPeer(want uint64) {
	d.t.Helper()
	if refused, unacked := d.n[0].st.Refused(), d.n[0].st.Unacked(); refused != want || unacked != want {
		d.t.Fatalf("%d keys are only on a: it counts %d refused and %d unacknowledged", want, refused, unacked)
	}
}

// TestNotStored_IsTold: a knows exactly which items only it has.
func TestNotStored_IsTold(t *testing.T) {
	d := unequal(t)
	d.heal()
	n := d.onlyOnA()
	d.wantNotOnPeer(n)
	if got := d.n[1].st.Stats().ApplyNoMemory; got < n {
		t.Errorf("b counts %d", got)
	}
	for k := range 800 { // what goes from a is not missed on b any more
		d.del(0, fmt.Sprint("k", k))
	}
	d.rest()
	d.wantNotOnPeer(0)
	d.same()
}

// TestNotStored_SurvivesACut, wherever that comes: what was refused and not sent is sent
// in the next session.
func TestNotStored_SurvivesACut(t *testing.T) {
	for frames := range 12 {
		d := unequal(t)
		d.heal()
		d.onlyOnA()
		d.set(0, "late", strings.Repeat("v", 10_000))
		d.send(0)
		for d.take(1) {
		}
		d.send(1) // ACK and REFUSED
		for range frames {
			if len(d.n[0].inbox) == 0 || !d.take(0) {
				break
			}
		}
		d.cut()
		d.heal()
		onlyA, _ := d.equal()
		d.wantNotOnPeer(uint64(onlyA))
	}
}

// TestNotStored_APongToAnEarlierPing is no proof that the peer has read REFUSED.
func TestNotStored_APongToAnEarlierPing(t *testing.T) {
	d := unequal(t)
	d.heal()
	n := d.onlyOnA()
	d.until("what was refused so far is heard", func() bool { return len(d.n[1].s.rx.notices.list) == 0 })
	d.now += probeMillis
	d.send(1)
	if got := d.framesTo(0); len(got) != 1 || got[0] != wire.TPing {
		t.Fatalf("b says %v", got)
	}
	d.set(0, "late", strings.Repeat("v", 10_000))
	d.send(0)
	for d.take(1) {
	}
	d.send(1) // REFUSED, and a PING behind it
	d.take(0)
	d.send(0)
	if got := d.framesTo(1); count(got, wire.TPong) != 1 {
		t.Fatalf("a says %v", got)
	}
	for d.take(1) {
	}
	d.cut()
	d.heal()
	d.wantNotOnPeer(n + 1)
}

// TestNotStored_OfAnotherProcess is none of this one's business.
func TestNotStored_OfAnotherProcess(t *testing.T) {
	d := unequal(t)
	d.heal()
	d.onlyOnA()
	d.set(0, "late", strings.Repeat("v", 10_000))
	d.send(0)
	for d.take(1) {
	}
	told := d.n[1].meter.refusedOut.Load()
	d.kill(0)
	d.heal()
	if got := d.n[1].meter.refusedOut.Load(); got != told {
		t.Errorf("the new process is told of %d values of the one before", got-told)
	}
}

// TestNotStored_TooLargeOrLocalForThePeer, in one frame or in pieces.
func TestNotStored_TooLargeOrLocalForThePeer(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 8 << 20}, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 1 << 19, LocalKeys: []string{"mine*"}})
	d.set(0, "half", strings.Repeat("v", 1<<19))
	d.set(0, "large", largeText("v"))
	d.set(0, "mine1", "v")
	d.set(0, "fits", "v")
	d.heal()
	d.wantNotOnPeer(3)
	d.link() // a resume walks none of them again, and they count all the same
	d.rest()
	d.wantNotOnPeer(3)
	d.kill(1)
	d.heal() // a new process is sent everything, and refuses again
	d.wantNotOnPeer(3)
}

// TestNotStored_AnHeirMayHaveRoom: it resumes, and is no new process that is sent everything.
// But it may have been started with a larger -I, or with more room, for what was refused.
func TestNotStored_AnHeirMayHaveRoom(t *testing.T) {
	for name, slept := range map[string][]int{"b": {1}, "both": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			d := newDuo(t, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 8 << 20}, store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 1 << 19, LocalKeys: []string{"mine*"}})
			d.set(0, "half", strings.Repeat("v", 1<<19)) // by the copy
			d.heal()
			d.set(0, "mine1", "v") // as a change
			d.set(0, "large", largeText("v"))
			d.rest()
			d.wantNotOnPeer(3)
			images := map[int][]byte{}
			for _, i := range slept {
				images[i] = d.sleep(i)
			}
			d.mem[1] = d.mem[0]
			d.mem[1].Slot, d.mem[1].MaxItemBytes = 2, 1<<20
			for _, i := range slept {
				d.wake(i, images[i])
			}
			d.heal()
			d.wantNotOnPeer(1) // the one that is too large still
			d.wants("mine1", "v", "v")
			if onlyA, onlyB := d.equal(); onlyA != 1 || onlyB != 0 {
				t.Errorf("%d keys are only on a, %d only on b", onlyA, onlyB)
			}
		})
	}
}

// TestNotStored_AcknowledgedOnlyBehindTheRefusal: never does a count as safe what b is
// about to refuse.
func TestNotStored_AcknowledgedOnlyBehindTheRefusal(t *testing.T) {
	d := unequal(t)
	d.heal()
	n := d.onlyOnA()
	d.set(0, "late", strings.Repeat("v", 10_000))
	for range 20 {
		d.now++
		d.send(0)
		for d.take(1) {
		}
		d.send(1)
		for d.take(0) {
			if d.n[0].st.Unacked() <= n {
				t.Fatal("it counts as acknowledged")
			}
		}
	}
	d.wantNotOnPeer(n + 1)
}

// TestNotStored_DrainSaysWhatIsLost: a planned restart gives up at once, and tells the
// number; what the peer has room for by then goes over first.
func TestNotStored_DrainSaysWhatIsLost(t *testing.T) {
	for _, room := range []bool{false, true} {
		d := unequal(t)
		d.heal()
		n := d.onlyOnA()
		if room {
			d.n[1].st.SetMemoryLimit(16 << 20)
		}
		dep := departure{}
		verdict, turns := VerdictWait, 0
		for ; verdict == VerdictWait && turns < 10_000; turns++ {
			d.turn()
			verdict = dep.verdict(d.now, d.n[0].st, Standing{sessions: 1, Linked: true, Quiet: d.n[0].s.Quiet()})
		}
		left, unacked := lost(d.now, d.n[0].st, 0, true)
		switch {
		case room && (verdict != VerdictBye || unacked != 0):
			t.Errorf("with room: verdict %d, %d unacknowledged", verdict, unacked)
		case !room && (verdict != VerdictGiveUp || left != n):
			t.Errorf("without: verdict %d, %d of %d left", verdict, left, n)
		}
	}
}

// TestNotStored_OfWhatHasChangedSince counts nothing.
func TestNotStored_OfWhatHasChangedSince(t *testing.T) {
	d := newDuo(t)
	d.set(0, "k", "v")
	d.heal()
	r, _, _ := d.n[0].st.Inspect([]byte("k"))
	part := store.PartitionOf([]byte("k"))
	for name, f := range map[string]wire.Refused{
		"another version":   {Part: part, Key: []byte("k"), Version: r.Version + 1, Why: 1},
		"another key":       {Part: part, Key: []byte("q"), Version: r.Version, Why: 1},
		"another partition": {Part: part ^ 1, Key: []byte("k"), Version: r.Version, Why: 1},
	} {
		if err := d.n[0].s.OnFrame(d.now, body(t, func(w *wire.Writer) { w.Refused(&f) })); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d.wantNotOnPeer(0)
	}
}
