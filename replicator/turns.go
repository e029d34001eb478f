package replicator

import "time"

// pushGap is the time between two writes of changes to the peer, as long as those are few:
// what changes within it goes out together. A write costs the node about as much as a
// client's request does.
const pushGap = 100 * time.Microsecond

// epoch is where the time of conn.pushedAt begins.
var epoch = time.Now()

// hasWork is called by the store when there is something for the sender, from any goroutine
// and under a lock of the store's.
func (l *Link) hasWork() {
	if l.turns.Load() > 0 {
		return // that loop will look when its turn ends
	}
	if c := l.active.Load(); c != nil {
		c.signal()
	}
}

// BeginTurn tells that an event loop is about to change the store. Until EndTurn no change
// wakes another goroutine: the loop sends it, with its own thread.
func (l *Link) BeginTurn() { l.turns.Add(1) }

// EndTurn sends what has changed to the peer, as far as the socket takes it at once. If this
// was done a moment ago, it does nothing and returns the time after which BeginTurn and
// EndTurn are to be called again. last: it does not put it off.
func (l *Link) EndTurn(last bool) (wait time.Duration) {
	l.turns.Add(-1) // before the look: hasWork does the two the other way round
	if !l.cfg.Store.Signalled() {
		return 0
	}
	c := l.active.Load()
	switch {
	case c == nil:
		return 0
	case c.direct == nil || last:
		c.signal()
		return 0
	}
	now := time.Since(epoch)
	if wait = pushGap - (now - time.Duration(c.pushedAt.Load())); wait > 0 {
		return wait
	}
	c.pushedAt.Store(int64(now))
	c.pushNow(true)
	return 0
}
