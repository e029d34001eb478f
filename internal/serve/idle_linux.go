package serve

import "twincached/memproto"

// kickIdle makes each loop look at its conns.
func (ls *loops) kickIdle() {
	for _, l := range ls.loops {
		l.kick.Store(true)
		l.poke()
	}
}

// kickIdle closes the conns that have had no request for too long and are not in the middle of a value or a reply. A request
// that has arrived by now has been read: events come first.
func (l *loop) kickIdle() {
	for _, c := range l.slots {
		if c.fd < 0 || c.state.Load() != stateRead || c.more || c.readable || c.until > 0 || !l.s.isIdle(c.seen.Load(), l.nowMillis) {
			continue
		}
		l.s.count.idleKicks.Add(1)
		c.why = memproto.CloseIdle
		l.bye(c)
	}
}
