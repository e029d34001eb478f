package node

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/steady"
	"twincached/internal/testkit"
	"twincached/store"
)

// hands are a wall clock and a monotonic clock that a test moves.
type hands struct {
	wall int64
	mono time.Duration
}

// pass lets time go by on both.
func (h *hands) pass(d time.Duration) {
	h.mono += d
	h.wall += d.Milliseconds()
}

func (h *hands) clock() *steady.Clock {
	return steady.NewFrom(func() int64 { return h.wall }, func() time.Duration { return h.mono },
		func() time.Duration { return 0 }, time.Second)
}

// TestFailure_NodesClockJumpsByDays: the log says so, by how much and what to do, and that it is
// over; statistics show it; versions and expiries know nothing of it.
func TestFailure_NodesClockJumpsByDays(t *testing.T) {
	var log testkit.Log
	cfg := testConfig(&log)
	var off atomic.Int64
	begin := time.Now()
	since := func() time.Duration { return time.Since(begin) }
	cfg.clock = steady.NewFrom(func() int64 { return begin.UnixMilli() + since().Milliseconds() + off.Load() }, since,
		func() time.Duration { return 0 }, time.Millisecond)
	n := start(t, cfg)
	waitReady(t, n)
	c := client(t, n)
	mustSet(t, c, "k", "v")
	const jump = 400 * 24 * time.Hour
	off.Store(jump.Milliseconds())
	testkit.Eventually(t, "it is seen", func() bool { return n.clock.Refused() > 0 })
	if got := ask(t, n, "stats")["clock_refused_ms"]; len(got) != len("34560000000") || got[:5] != "34559" && got[:5] != "34560" {
		t.Errorf("clock_refused_ms is %s", got)
	}
	testkit.Eventually(t, "it is said", func() bool {
		return strings.Contains(log.String(), "level=ERROR msg=\"the wall clock is ahead by more than a day and is not followed")
	})
	mustSet(t, c, "k", "w")
	it, err := c.Get("k")
	if err != nil || store.VersionMillis(it.CasID) > time.Now().Add(time.Hour).UnixMilli() {
		t.Errorf("version of %v: %v", time.UnixMilli(store.VersionMillis(it.CasID)), err)
	}
	off.Store(0)
	testkit.Eventually(t, "it is over", func() bool { return strings.Contains(log.String(), "the wall clock is right again") })
	if got := ask(t, n, "stats")["clock_refused_ms"]; got != "0" {
		t.Errorf("clock_refused_ms is %s", got)
	}
}

// TestNode_ClockOfYear2600IsRefused: no version can say it.
func TestNode_ClockOfYear2600IsRefused(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.clock = (&hands{wall: time.Date(2600, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()}).clock()
	if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "the machine's clock says 2600-01-01T00:00:00Z: set it") {
		if err == nil {
			n.Close()
		}
		t.Errorf("got %v", err)
	}
}
