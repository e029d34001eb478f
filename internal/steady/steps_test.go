package steady

import (
	"testing"
	"time"
)

// TestClock_FollowsASuspendInSteps: a wall that comes back after a suspend may do so in
// more than one step.
func TestClock_FollowsASuspendInSteps(t *testing.T) {
	h := &hands{wall: 1_750_000_000_000}
	c := h.clock()
	h.slept = 30 * day
	for _, step := range []time.Duration{time.Hour, 10 * day, 15 * day} {
		h.wall += step.Milliseconds()
		if got := h.look(c, 10).Jumped; got != step {
			t.Errorf("%v: jumped %v", step, got)
		}
	}
}

// TestClock_JumpsOfADayCount: jumps in different hours of a day stay within one, together.
func TestClock_JumpsOfADayCount(t *testing.T) {
	h := &hands{wall: 1_750_000_000_000}
	c := h.clock()
	for n := range 40 { // one each half an hour
		h.wall += (2 * time.Hour).Milliseconds()
		if got := h.look(c, 10); n < 12 && got.Jumped != 2*time.Hour || n >= 12 && got.Refused == 0 {
			t.Fatalf("jump %d: %+v", n, got)
		}
		h.pass(30*time.Minute - 10*time.Second)
	}
}

// TestClock_FarBeyondWhatATimeCanSay: however far the wall is ahead, and whatever was followed.
func TestClock_FarBeyondWhatATimeCanSay(t *testing.T) {
	h := &hands{wall: 1_750_000_000_000}
	c := h.clock()
	h.wall += time.Hour.Milliseconds()
	h.look(c, 10)
	h.wall += 1 << 50
	if got := h.look(c, 10); got.Jumped != 0 || got.Refused == 0 {
		t.Errorf("%+v", got)
	}
}
