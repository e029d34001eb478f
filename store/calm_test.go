package store

import (
	"fmt"
	"testing"
)

// TestTick_CalmIsAStoreWithNothingToDo: only then may a second pass to the next Tick.
func TestTick_CalmIsAStoreWithNothingToDo(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20})
	now := testNow
	want := func(what string, calm bool) {
		t.Helper()
		now += tickMillis
		if got := s.Tick(now); got != calm {
			t.Errorf("%s: calm %v", what, got)
		}
	}
	s.Tick(now)
	want("nothing happens", true)
	s.set(now, "k", "v")
	want("a write", false)
	want("nothing happens", true)
	s.FlushAt(now, now+1200)
	s.Tick(now)
	now = now + 1200 - (calmTicks+1)*tickMillis
	want("a flush is due soon", false)
	now += 1200
	s.Tick(now)
	s.Tick(now + 1)
	for i := range 40 {
		s.Do(now, &Request{Op: OpSet, Key: fmt.Appendf(nil, "large %d", i), Value: make([]byte, 1<<19)})
	}
	want("many writes", false)
	s.SetMemoryLimit(MinMemoryBytes)
	want("the memory shrinks", false)
	for range 100 {
		now += tickMillis
		s.Tick(now)
	}
	want("the memory has shrunk", true)
	for i := range 2 * sweepHurryItems {
		s.Do(now, &Request{Op: OpSet, Key: fmt.Appendf(nil, "%d", i)})
	}
	s.Tick(now)
	s.Crawl()
	want("a round in a hurry", false)
}

// TestTick_ASecondIsTenSlices: the sweep is as fast with few Ticks as with many.
func TestTick_ASecondIsTenSlices(t *testing.T) {
	s := newTestStore(t, Config{})
	s.Tick(testNow)
	for i := range 30 * sweepItems {
		s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "key %d", i), Expires: testNow + 1})
	}
	items := func() int { return int(s.Stats().Items) }
	before := items()
	s.Tick(testNow + 5000)
	if swept := before - items(); swept < 9*sweepItems || swept > 11*sweepItems {
		t.Errorf("after 5 s without a Tick it has swept %d items, want %d", swept, calmTicks*sweepItems)
	}
	before = items()
	s.Tick(testNow + 5000 + tickMillis)
	if swept := before - items(); swept < sweepItems/2 || swept > 2*sweepItems {
		t.Errorf("after a tenth of a second it has swept %d items, want %d", swept, sweepItems)
	}
}
