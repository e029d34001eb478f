package node

import (
	"testing"
	"time"
)

// hands are a wall clock and a monotonic clock that a test moves.
type hands struct {
	wall int64
	mono time.Duration
}

func (h *hands) clock() *clock {
	return newClockFrom(func() int64 { return h.wall }, func() time.Duration { return h.mono })
}

// pass lets time go by on both.
func (h *hands) pass(d time.Duration) {
	h.mono += d
	h.wall += d.Milliseconds()
}

func TestClock_GoesOnWhenTheWallIsSetBack(t *testing.T) {
	h := &hands{wall: 1_000_000}
	c := h.clock()
	h.pass(time.Second)
	h.wall -= 600_000
	for range 10 {
		h.pass(time.Second)
		if jump := c.check(); jump != 0 {
			t.Fatalf("jumped by %v", jump)
		}
	}
	if got := c.Now(); got != 1_011_000 {
		t.Fatalf("got %d, want 1011000", got)
	}
}

func TestClock_FollowsAWallThatStaysAhead(t *testing.T) {
	h := &hands{wall: 1_000_000}
	c := h.clock()
	h.wall += 60_000 // the machine was suspended
	var jumped time.Duration
	for range 5 {
		h.pass(time.Second)
		jumped += c.check()
	}
	if jumped != time.Minute || c.Now() != h.wall {
		t.Fatalf("jumped %v to %d; want 1m to %d", jumped, c.Now(), h.wall)
	}
}

// A clock that followed its wall stays there when the wall is set back again.
func TestClock_NeverGoesBack(t *testing.T) {
	h := &hands{wall: 1_000_000}
	c := h.clock()
	last := c.Now()
	step := func(set int64) {
		h.wall += set
		for range 8 {
			h.pass(500 * time.Millisecond)
			if jump := c.check(); jump < 0 {
				t.Fatalf("jumped by %v", jump)
			}
			if now := c.Now(); now < last+500 {
				t.Fatalf("from %d to %d in 500 ms", last, now)
			}
			last = c.Now()
		}
	}
	for _, set := range []int64{60_000, -120_000, 30_000, 90_000, -1, 1_990} {
		step(set)
	}
	if last != 1_000_000+60_000+6*4_000 {
		t.Fatalf("ends at %d", last)
	}
}

func TestClock_IgnoresAShortOrSmallLead(t *testing.T) {
	h := &hands{wall: 1_000_000}
	c := h.clock()
	h.wall += 60_000
	h.pass(time.Second)
	first := c.check() // seen, not believed
	h.pass(2900 * time.Millisecond)
	first += c.check() // still not
	h.wall -= 60_000
	h.pass(time.Second)
	second := c.check()
	h.wall += 1_900
	for range 5 {
		h.pass(time.Second)
		if jump := c.check(); jump != 0 {
			t.Fatalf("followed a lead of 1.9 s by %v", jump)
		}
	}
	if first != 0 || second != 0 || c.Now() != 1_009_900 {
		t.Fatalf("got %v, %v, %d", first, second, c.Now())
	}
}
