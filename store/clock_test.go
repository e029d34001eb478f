package store

import (
	"math"
	"testing"
)

// TestClock_NeverMakesBit63: at its end the clock stands still.
func TestClock_NeverMakesBit63(t *testing.T) {
	for _, slot := range []uint64{0, 63} {
		for _, start := range []uint64{0, 1<<63 - 200, 1<<63 - 65, 1<<63 - 64, 1<<63 - 1} {
			for _, now := range []int64{testNow, MaxClockMillis, 1<<44 - 1, 1 << 44, math.MaxInt64} {
				var c clock
				c.slot.Store(slot)
				c.lift(start)
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
