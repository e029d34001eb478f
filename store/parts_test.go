package store

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestClock_GoesUpAndPastWhatItSees(t *testing.T) {
	var c clock
	c.slot.Store(5)
	last := uint64(0)
	for i := range 20_000 {
		now := testNow + int64(i%7) // a wall clock that goes back and forth
		if i%1000 == 0 {
			c.observe(last + uint64(i)<<30)
			last += uint64(i) << 30
		}
		v := c.next(now)
		if v <= last {
			t.Fatalf("version %d after %d", v, last)
		}
		if v&slotMask != 5 || v>>63 != 0 {
			t.Fatalf("version %x has the wrong form", v)
		}
		last = v
	}
	if got := VersionMillis(VersionAt(testNow)); got != testNow {
		t.Errorf("the version of %d says %d", testNow, got)
	}
}

func TestRunMap_AgreesWithABitmap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := newRunMap(0, 300*pageBytes)
	used := make([]bool, 300)
	type run struct{ at, n int }
	var runs []run
	for range 20_000 {
		if n := 1 + rng.IntN(40); rng.IntN(2) == 0 {
			off := m.take(n)
			if off < 0 {
				for at, free := 0, 0; at < 300; at++ {
					if free++; used[at] {
						free = 0
					}
					if free == n {
						t.Fatalf("a stretch of %d free pages was not found", n)
					}
				}
				continue
			}
			at := int(off / pageBytes)
			for i := at; i < at+n; i++ {
				if used[i] {
					t.Fatalf("page %d was given twice", i)
				}
				used[i] = true
			}
			runs = append(runs, run{at, n})
		} else if len(runs) > 0 {
			i := rng.IntN(len(runs))
			r := runs[i]
			runs[i] = runs[len(runs)-1]
			runs = runs[:len(runs)-1]
			m.give(int64(r.at)*pageBytes, r.n)
			for i := r.at; i < r.at+r.n; i++ {
				used[i] = false
			}
		}
	}
}

func TestIndex_AgreesWithAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	x := newIndex(make([]uint64, indexMinSlots))
	have := map[handle]uint32{}
	last := 0
	for i := range 50_000 {
		if rng.IntN(5) < 3 {
			if !x.room() {
				n := newIndex(make([]uint64, x.grown()))
				for !x.moveTo(&n) {
					n = newIndex(make([]uint64, len(n.slots)*2))
				}
				x = n
			}
			tag := rng.Uint32()
			switch rng.IntN(20) { // some equal, some at the very end: collisions and overflow
			case 0:
				tag = 7
			case 1:
				if last < indexPad/2 { // more at one place than chance would bring is not what it is for
					tag |= 0xfffffff0
					last++
				}
			}
			if len(have) < 500 {
				h := handle(i + 1)
				x.insert(tag, h)
				have[h] = tag
			}
			continue
		}
		for h, tag := range have {
			x.remove(tag, h)
			delete(have, h)
			break
		}
	}
	if x.count != len(have) {
		t.Fatalf("%d of %d", x.count, len(have))
	}
	for h, tag := range have {
		x.slotOf(tag, h) // panics where it is not found
	}
	order := uint32(0)
	for _, e := range x.slots {
		if e != 0 && uint32(e>>32) < order {
			t.Fatal("the slots are not in the order of their tags")
		} else if e != 0 {
			order = uint32(e >> 32)
		}
	}
}

func TestFlushAt_IsReplacedCancelledAndCarriedOut(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.set(testNow, "a", "1")
	s.FlushAt(testNow, testNow+5000)
	if _, hit := s.get(testNow+4999, "a"); !hit {
		t.Error("flushed before its time")
	}
	s.FlushAt(testNow+4999, testNow+9000) // replaces the first
	if _, hit := s.get(testNow+5001, "a"); !hit {
		t.Error("a replaced flush was carried out")
	}
	if _, hit := s.get(testNow+9000, "a"); hit {
		t.Error("not flushed at its time")
	}
	s.set(testNow+9001, "a", "2")
	s.FlushAt(testNow+9001, testNow+20_000)
	s.Flush(testNow + 9002)
	s.set(testNow+9003, "a", "3")
	if v, _ := s.get(testNow+30_000, "a"); v != "3" {
		t.Errorf("an immediate flush did not replace the pending one: %q", v)
	}
	_, _, pending := s.FlushState()
	if pending != (PendingFlush{}) {
		t.Error("a pending flush is left")
	}
	other := newTestStore(t, Config{Replicated: true})
	other.FlushAt(testNow, testNow+1000)
	_, _, p := other.FlushState()
	s.ApplyFlushAt(p)
	if _, _, got := s.FlushState(); got != (PendingFlush{}) {
		t.Error("a peer's pending flush that is older than our flush was taken")
	}
	other.Flush(testNow + 40_000)
	f, cancelled, _ := other.FlushState()
	if cancelled != p.Version {
		t.Error("the flush does not say what it cancelled")
	}
	s.ApplyFlush(f, cancelled)
	if _, hit := s.get(testNow+40_000, "a"); hit {
		t.Error("the peer's flush did not arrive")
	}
	for range 3 { // the memory comes back as well
		s.Tick(testNow + 40_000)
	}
	if st := s.Stats(); st.Items != 0 {
		t.Errorf("%d flushed items are still held", st.Items)
	}
}

// TestApplyFlush_AYoungerDelayedOneStays: a flush of the peer that was asked for before the
// delayed one does not take its place.
func TestApplyFlush_AYoungerDelayedOneStays(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.FlushAt(testNow+10, testNow+5000)
	_, _, asked := s.FlushState()
	s.ApplyFlush(VersionAt(testNow+5), VersionAt(testNow+1))
	if f, _, pending := s.FlushState(); pending != asked || f != VersionAt(testNow+5) {
		t.Errorf("pending %+v, was %+v", pending, asked)
	}
	s.set(testNow+20, "a", "1")
	if _, hit := s.get(testNow+5000, "a"); hit {
		t.Error("the delayed flush has not come")
	}
}

// TestApplyFlush_CancelsTheDelayedOneThatItNames: also one that is younger.
func TestApplyFlush_CancelsTheDelayedOneThatItNames(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.FlushAt(testNow+10, testNow+5000)
	_, _, asked := s.FlushState()
	s.ApplyFlush(VersionAt(testNow+5), asked.Version)
	if _, cancelled, pending := s.FlushState(); pending != (PendingFlush{}) || cancelled != asked.Version {
		t.Errorf("pending %+v, cancelled %d of %d", pending, cancelled, asked.Version)
	}
}

// TestApplyFlushAt_OneThatIsKnownStaysWhereItIs: the peer says the same flush with a time
// of its own clock; only MoveFlushAt, which has measured that, moves it.
func TestApplyFlushAt_OneThatIsKnownStaysWhereItIs(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.FlushAt(testNow, testNow+5000)
	_, _, asked := s.FlushState()
	s.ApplyFlushAt(PendingFlush{Version: asked.Version, AtMillis: testNow + 9000})
	s.ApplyFlushAt(PendingFlush{Version: asked.Version - 64, AtMillis: testNow + 9000})
	if _, _, p := s.FlushState(); p != asked {
		t.Errorf("it was moved from %+v to %+v", asked, p)
	}
	s.MoveFlushAt(PendingFlush{Version: asked.Version + 64, AtMillis: testNow + 9000})
	if _, _, p := s.FlushState(); p != asked {
		t.Errorf("another one's time moved it to %+v", p)
	}
}

// TestFlush_WaitsForWhoeverIsAtWork: while one partition's lock is held, by a command say, a
// flush makes no version and lifts no watermark.
func TestFlush_WaitsForWhoeverIsAtWork(t *testing.T) {
	for name, flush := range map[string]func(s *Store){
		"ours":       func(s *Store) { s.Flush(testNow + 10) },
		"due":        func(s *Store) { s.FlushAt(testNow, testNow+5); s.dueFlush(testNow + 10) },
		"the peer's": func(s *Store) { s.ApplyFlush(VersionAt(testNow+10), 0) },
	} {
		s := newTestStore(t, Config{Replicated: true})
		s.besideWork(t, name, func() { flush(s) }, func() {
			if s.flushedTo.Load() != 0 || s.Clock() >= VersionAt(testNow+10) {
				t.Errorf("%s: the watermark is %x, the clock %x", name, s.flushedTo.Load(), s.Clock())
			}
		})
	}
}

// TestSetSlot_WaitsForWhoeverIsAtWork: who holds a lock may have drawn a version.
func TestSetSlot_WaitsForWhoeverIsAtWork(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.besideWork(t, "SetSlot", func() { s.SetSlot(9) }, func() {
		if s.Slot() == 9 {
			t.Error("the slot has changed")
		}
	})
}

// besideWork begins f while the last partition's lock is held, calls check when f waits
// for the partitions, and lets it go on.
func (s *Store) besideWork(t *testing.T, name string, f, check func()) {
	p := &s.parts[Partitions-1]
	p.mu.Lock()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	for waits := false; !waits; {
		select {
		case <-done:
			p.mu.Unlock()
			t.Fatalf("%s: it did not wait", name)
		default:
		}
		if waits = !s.parts[0].mu.TryLock(); !waits { // it has begun to take the locks
			s.parts[0].mu.Unlock()
		}
		runtime.Gosched()
	}
	check()
	p.mu.Unlock()
	<-done
}

func TestSweep_FindsWhatNobodyAsksFor(t *testing.T) {
	s := newTestStore(t, Config{})
	for i := range 1000 {
		s.Do(testNow, &Request{Op: OpSet, Key: []byte{'k', byte(i), byte(i >> 8)}, Value: []byte("v"), Expires: testNow + 100})
	}
	for range 5 {
		s.Tick(testNow + 100 + sweepLateMillis)
	}
	if st := s.Stats(); st.Items != 0 || st.CrawlerReclaimed != 1000 || st.ExpiredUnfetched != 1000 {
		t.Errorf("%d items left, %d reclaimed, %d never read", st.Items, st.CrawlerReclaimed, st.ExpiredUnfetched)
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no memory":       {},
		"too little":      {MemoryBytes: 1 << 20},
		"item over half":  {MemoryBytes: 4 << 20, MaxItemBytes: 3 << 20},
		"item under 1 KB": {MemoryBytes: 64 << 20, MaxItemBytes: 100},
		"slot":            {MemoryBytes: 64 << 20, Slot: 64},
		"above a TiB":     {MemoryBytes: 1 << 41},
	} {
		if s, err := New(cfg, testNow); err == nil {
			s.Close()
			t.Errorf("%s: taken", name)
		}
	}
}
