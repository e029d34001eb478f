package replicator

import (
	"context"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/snapshot"
)

// Between two looks at the gate: while time can move it or a copy is to be reported, and
// otherwise.
const (
	watchBusy    = session.TickMillis * time.Millisecond
	watchSettled = time.Second
)

// watch moves the gate with time and logs its changes.
func (l *Link) watch(ctx context.Context) {
	tick := time.NewTimer(watchBusy)
	defer tick.Stop()
	var copying copyLog
	var logged notStoredLogged
	for seen := session.Joining; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.logNotStored(l.cfg.Now(), &logged)
		l.mu.Lock()
		establishing := l.establishingLocked() || l.diallingLocked()
		before := l.core.State()
		settled := l.core.Tick(l.cfg.Now(), establishing)
		after, as, d := l.core.State(), l.core.Qualifier(), l.core.Denial()
		l.publishLocked()
		c := l.cur
		if after != session.Copying {
			c = nil
		}
		l.mu.Unlock()
		copying.look(l, c)
		l.logGate(before, seen, after, as, d)
		if after == session.Refused {
			_ = l.meets() // whoever is there may go on without this node
		}
		seen = after
		if settled {
			tick.Reset(watchSettled)
		} else {
			tick.Reset(watchBusy)
		}
	}
}

// What repcached says of its copy, which is the whole of it (まるごと) or over (おわり).
const (
	textCopying = "marugoto copying"
	textCopied  = "marugoto owari"
)

// copyLog logs how far the copy to a joining node has come.
type copyLog struct {
	at    int64  // when the last line was logged, or the copy began, Unix ms; 0 = there is no copy
	bytes uint64 // how many had arrived by then
}

// look logs a line when it is time. c carries the session that brings the copy; nil = none
// does.
func (g *copyLog) look(l *Link, c *conn) {
	if c == nil {
		g.at = 0
		return
	}
	now := l.cfg.Now()
	if g.at != 0 && now-g.at < l.cfg.ReportMillis && now >= g.at {
		return
	}
	c.mu.Lock()
	r, ok := c.s.Report(now)
	c.mu.Unlock()
	if !ok { // it has ended, and another session may count by now
		return
	}
	if args := g.line(now, &r.CopyIn); args != nil {
		l.cfg.Log.Info(textCopying, append([]any{nodelog.Copying}, args...)...)
	}
}

// line is the keys and values of a line; nil = it is too early for one.
func (g *copyLog) line(now int64, r *snapshot.Report) (args []any) {
	if millis := now - g.at; g.at != 0 && millis > 0 && r.StartedMillis != 0 {
		percent, left := uint64(0), int64(-1) // percent done; seconds left, -1 = unknown
		if r.ItemsTotal > 0 {
			percent = r.ItemsDone * 100 / r.ItemsTotal
		}
		if r.ItemsDone > 0 {
			took := float64(max(now-r.StartedMillis, 0)) / 1000
			left = int64(took * float64(r.ItemsTotal-r.ItemsDone) / float64(r.ItemsDone))
		}
		args = []any{"items", r.ItemsDone, "of", r.ItemsTotal, "percent", percent, "mib", r.Bytes >> 20,
			"mib_per_s", float64((r.Bytes-min(g.bytes, r.Bytes))*10_000>>20/uint64(millis)) / 10, "seconds_left", left}
	}
	g.at, g.bytes = now, r.Bytes
	return args
}
