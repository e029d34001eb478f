package steady

import (
	"testing"
	"time"
)

// hands are a wall clock and a monotonic clock that a test moves.
type hands struct {
	wall int64
	mono time.Duration

	slept time.Duration // what the machine proves
}

func (h *hands) clock() *Clock {
	return NewFrom(func() int64 { return h.wall }, func() time.Duration { return h.mono }, func() time.Duration { return h.slept }, reanchorFor)
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
		if jump := c.Check().Jumped; jump != 0 {
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
		jumped += c.Check().Jumped
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
			if jump := c.Check().Jumped; jump < 0 {
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
	first := c.Check().Jumped // seen, not believed
	h.pass(2900 * time.Millisecond)
	first += c.Check().Jumped // still not
	h.wall -= 60_000
	h.pass(time.Second)
	second := c.Check().Jumped
	h.wall += 1_900
	for range 5 {
		h.pass(time.Second)
		if jump := c.Check().Jumped; jump != 0 {
			t.Fatalf("followed a lead of 1.9 s by %v", jump)
		}
	}
	if first != 0 || second != 0 || c.Now() != 1_009_900 {
		t.Fatalf("got %v, %v, %d", first, second, c.Now())
	}
}

// look lets as many seconds go by and says what was found last that is news.
func (h *hands) look(c *Clock, seconds int) (last Change) {
	for range seconds {
		h.pass(time.Second)
		if got := c.Check(); got != (Change{}) {
			last = got
		}
	}
	return last
}

const day = 24 * time.Hour

// TestFailure_ClockJumpsByDays: a wall that jumps ahead by more than a day is not
// followed, and when it is right again that is over.
func TestFailure_ClockJumpsByDays(t *testing.T) {
	for _, jump := range []time.Duration{day + time.Second, 30 * day, 70 * 365 * day, 290 * 365 * day} {
		h := &hands{wall: 1_750_000_000_000}
		c := h.clock()
		h.wall += jump.Milliseconds()
		for range 3 { // it is said again
			if got := h.look(c, 10).Refused; got < jump-time.Second || got > jump+time.Second {
				t.Errorf("%v: refused %v", jump, got)
			}
		}
		if c.Now() != 1_750_000_030_000 || c.Refused() != jump.Milliseconds() {
			t.Errorf("%v: now %d, refused %d", jump, c.Now(), c.Refused())
		}
		h.wall -= jump.Milliseconds()
		if got := h.look(c, 3); !got.Over || c.Refused() != 0 || c.Now() != h.wall {
			t.Errorf("%v: right again: %+v, refused %d, now %d, wall %d", jump, got, c.Refused(), c.Now(), h.wall)
		}
		if got := h.look(c, 10); got != (Change{}) {
			t.Errorf("%v: said twice: %+v", jump, got)
		}
		h.wall += 60_000
		if got := h.look(c, 10).Jumped; got != time.Minute {
			t.Errorf("%v: then a minute: %v", jump, got)
		}
	}
}

// TestClock_SmallJumpsDoNotAddUp: what is followed within a day stays within one.
func TestClock_SmallJumpsDoNotAddUp(t *testing.T) {
	h := &hands{wall: 1_750_000_000_000}
	c := h.clock()
	for range 40 {
		h.wall += (50 * time.Minute).Milliseconds()
		h.look(c, 60)
	}
	lead := c.Now() - 1_750_000_000_000 - h.mono.Milliseconds()
	if lead > day.Milliseconds() || lead < (23*time.Hour).Milliseconds() || c.Refused() == 0 {
		t.Errorf("followed %d ms of jumps, refuses %d ms", lead, c.Refused())
	}
	h.wall -= c.Refused() // what was refused was wrong
	h.look(c, 3)
	h.pass(day + time.Hour)
	h.wall += (10 * time.Hour).Milliseconds()
	if got := h.look(c, 10).Jumped; got != 10*time.Hour {
		t.Errorf("a day later: %v", got)
	}
}

// TestClock_FollowsAProvedSuspend: however long the machine slept.
func TestClock_FollowsAProvedSuspend(t *testing.T) {
	h := &hands{wall: 1_750_000_000_000, slept: time.Hour}
	c := h.clock()
	for range 3 {
		h.slept += 30 * day
		h.wall += (30 * day).Milliseconds()
		if got := h.look(c, 10).Jumped; got != 30*day || c.Now() != h.wall {
			t.Errorf("jumped %v to %d, wall %d", got, c.Now(), h.wall)
		}
	}
	h.wall += (2 * day).Milliseconds() // nobody slept
	if got := h.look(c, 10); got.Refused != 2*day {
		t.Errorf("two days more: %+v", got)
	}
	h.wall -= (2 * day).Milliseconds()
	h.slept += 3 * day
	h.wall += (3*day + 25*time.Hour).Milliseconds() // and more than it slept
	if got := h.look(c, 10); got.Refused == 0 {
		t.Errorf("a day more than it slept: %+v", got)
	}
}

func TestSlept_DoesNotGrowWhileAwake(t *testing.T) {
	before := slept()
	if after := slept(); after < 0 || after-before > time.Second {
		t.Errorf("from %v to %v", before, after)
	}
	c := New()
	if now := time.Now().UnixMilli(); c.Now() < now-60_000 || c.Now() > now+60_000 || c.Check() != (Change{}) {
		t.Errorf("it says %d, the wall %d", c.Now(), now)
	}
}
