package node

import (
	"sync/atomic"
	"time"
)

const (
	reanchorAhead = 2 * time.Second // the wall is this far ahead of the node's clock ...
	reanchorFor   = 3 * time.Second // ... for this long: the machine was suspended
)

// clock is the node's steady clock: the wall clock at start plus what the
// monotonic clock counted since. A wall clock that is set moves it only forward,
// and only when the difference lasts; it never goes back.
type clock struct {
	wall  func() int64         // Unix ms
	since func() time.Duration // monotonic, from any start

	base  atomic.Int64 // Unix ms at since() == 0
	ahead time.Duration
	seen  bool // ahead says since when the wall has been ahead
}

func newClock() *clock {
	start := time.Now()
	return newClockFrom(
		wallMillis,
		func() time.Duration { return time.Since(start) },
	)
}

func newClockFrom(wall func() int64, since func() time.Duration) *clock {
	c := &clock{wall: wall, since: since}
	c.base.Store(wall() - since().Milliseconds())
	return c
}

// Now is Unix milliseconds. Any goroutine may ask.
func (c *clock) Now() int64 { return c.base.Load() + c.since().Milliseconds() }

// check compares with the wall clock; one goroutine calls it about once a
// second. It returns how far the clock jumped forward, mostly zero.
func (c *clock) check() time.Duration {
	mono := c.since()
	ahead := time.Duration(c.wall()-c.Now()) * time.Millisecond
	if ahead <= reanchorAhead {
		c.seen = false
		return 0
	}
	if !c.seen {
		c.seen, c.ahead = true, mono
		return 0
	}
	if mono-c.ahead < reanchorFor {
		return 0
	}
	c.seen = false
	c.base.Add(ahead.Milliseconds())
	return ahead
}
