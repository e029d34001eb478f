package store

import (
	"math"
	"testing"
	"time"
)

// TestClock_NeverMakesBit63: at its end the clock stands still.
func TestClock_NeverMakesBit63(t *testing.T) {
	for _, slot := range []uint64{0, 63} {
		for _, start := range []uint64{0, 1<<63 - 200, 1<<63 - 65, 1<<63 - 64, 1<<63 - 1} {
			for _, now := range []int64{testNow, MaxClockMillis, 1<<44 - 1, 1 << 44, math.MaxInt64} {
				var c clock
				c.slot.Store(slot)
				c.observe(start)
				last := uint64(0)
				for range 10 {
					v := c.next(now)
					if v>>63 != 0 || v < last || c.hlc.Load()>>63 != 0 || c.hlc.Load() < start {
						t.Fatalf("slot %d, from %#x at %d: %#x after %#x, clock %#x", slot, start, now, v, last, c.hlc.Load())
					}
					last = v
				}
			}
		}
	}
}

// TestClock_AtItsEndTheStoreGoesOn: writes there have one version; each still is what is
// read, and nothing of the store breaks.
func TestClock_AtItsEndTheStoreGoesOn(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Observe(math.MaxInt64)
	for i := range byte(20) {
		want := string([]byte{'a' + i})
		s.set(testNow, "k", want)
		if got, _ := s.get(testNow, "k"); got != want {
			t.Fatalf("write %d: %q is read", i, got)
		}
	}
	s.Flush(testNow)
	if got, hit := s.get(testNow, "k"); hit {
		t.Errorf("after a flush: %q", got)
	}
}

func TestNew_RefusesATimeWithoutVersions(t *testing.T) {
	for now, good := range map[int64]bool{-1: false, 0: true, testNow: true, MaxClockMillis: true, MaxClockMillis + 1: false, math.MaxInt64: false} {
		s, err := New(Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16}, now)
		if (err == nil) != good {
			t.Errorf("%d: %v", now, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

// TestUntouched_StopsNobody: who is at work on one partition does not make those of all
// others wait, because somebody asks.
func TestUntouched_StopsNobody(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	if !s.Untouched() {
		t.Fatal("a new store is touched")
	}
	s.set(testNow, "k", "v")
	last := &s.parts[Partitions-1]
	last.mu.Lock()
	done := make(chan bool)
	go func() { done <- s.Untouched() }()
	select {
	case untouched := <-done:
		if untouched {
			t.Error("a store with an item is untouched")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for a partition, and holds all others")
	}
	last.mu.Unlock()
}

// TestVersion_HasTheLayoutOfTheProtocol: bit 63 is 0, then 44 bits of milliseconds, 13 of
// the step and 6 of the slot.
func TestVersion_HasTheLayoutOfTheProtocol(t *testing.T) {
	v := uint64(testNow)<<19 | 5000<<6 | 61
	if ms, logical, slot := VersionParts(v); ms != testNow || logical != 5000 || slot != 61 {
		t.Errorf("%#x: %d ms, step %d, slot %d", v, ms, logical, slot)
	}
	if got := VersionAt(testNow); got != uint64(testNow)<<19 || VersionMillis(got) != testNow {
		t.Errorf("version of %d: %#x", int64(testNow), got)
	}
	if highest := VersionAt(MaxClockMillis) | 1<<19 - 1; highest>>63 != 0 || MaxSlot != 63 {
		t.Errorf("%#x is not below 1<<63, or the largest slot is not 63 but %d", highest, MaxSlot)
	}
}
