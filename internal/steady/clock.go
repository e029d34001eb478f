package steady

import (
	"sync/atomic"
	"time"
)

const (
	reanchorAhead = 2 * time.Second // the wall is this far ahead of the clock ...
	reanchorFor   = 3 * time.Second // ... for this long: the machine was suspended

	// maxFollowed is how far the clock follows its wall in all, within a day. The peer
	// does not link with a clock that is further ahead.
	maxFollowed = 24 * time.Hour
)

// Clock never goes back, and follows a wall that was set only forward, only when the
// difference lasts, and only so far: a wall that is more than a day ahead is wrong, or
// for a person to judge. Now and Refused are for any goroutine, Check for one.
type Clock struct {
	wall  func() int64         // Unix ms
	since func() time.Duration // monotonic, from any start
	slept func() time.Duration // how long the machine has been suspended in all, as far as it can prove it

	base      atomic.Int64 // Unix ms at since() == 0
	refused   atomic.Int64 // ms that the wall is ahead and not followed
	aheadFrom time.Duration
	seen      bool              // aheadFrom says since when the wall has been ahead
	followed  [25]time.Duration // by hour of since()
	hour      int64             // of the newest of them
	credit    time.Duration     // of slept() that was followed
	patience  time.Duration     // reanchorFor
}

// Change is what Check found. At most one of the three is set.
type Change struct {
	Jumped  time.Duration // forward, by so much
	Refused time.Duration // the wall is ahead by so much, and not followed
	Over    bool          // it is not any more
}

// New starts a clock at the wall's time.
func New() *Clock {
	start := time.Now()
	return NewFrom(wallMillis, func() time.Duration { return time.Since(start) }, slept, reanchorFor)
}

// NewFrom makes a clock of other hands, for tests and simulations: the wall in Unix ms,
// a monotonic clock, how long the machine has slept, and how long the wall has to be
// ahead before that counts.
func NewFrom(wall func() int64, since, slept func() time.Duration, patience time.Duration) *Clock {
	c := &Clock{wall: wall, since: since, slept: slept, credit: slept(), patience: patience}
	c.base.Store(wall() - since().Milliseconds())
	return c
}

// Now is Unix milliseconds.
func (c *Clock) Now() int64 { return c.base.Load() + c.since().Milliseconds() }

// Refused is how far the wall is ahead and not followed, ms; 0 = it is followed.
func (c *Clock) Refused() int64 { return c.refused.Load() }

// Check compares with the wall; call it about once a second.
func (c *Clock) Check() Change {
	mono := c.since()
	ahead := time.Duration(min(c.wall()-c.Now(), int64(maxMillis))) * time.Millisecond
	if ahead <= reanchorAhead {
		c.seen = false
		return Change{Over: c.refused.Swap(0) != 0}
	}
	if !c.seen {
		c.seen, c.aheadFrom = true, mono
		return Change{}
	}
	if mono-c.aheadFrom < c.patience {
		return Change{}
	}
	asleep := max(min(ahead, c.slept()-c.credit), 0) // proved, so it may be any time
	if !c.affords(mono, ahead-asleep) {
		c.refused.Store(ahead.Milliseconds())
		return Change{Refused: ahead}
	}
	c.seen = false
	c.credit += asleep
	c.refused.Store(0)
	c.base.Add(ahead.Milliseconds())
	return Change{Jumped: ahead}
}

const maxMillis = int64(1<<63-1) / int64(time.Millisecond) // that a time.Duration can say

// affords says that a jump keeps within what may be followed in a day, and counts it.
func (c *Clock) affords(mono, jump time.Duration) bool {
	hour := int64(mono / time.Hour)
	for n := min(hour-c.hour, int64(len(c.followed))); n > 0; n-- {
		c.followed[(hour-n+1)%int64(len(c.followed))] = 0
	}
	c.hour = max(c.hour, hour)
	sum := jump
	for _, d := range c.followed {
		sum += d
	}
	if jump > maxFollowed || sum > maxFollowed {
		return false
	}
	c.followed[hour%int64(len(c.followed))] += jump
	return true
}
