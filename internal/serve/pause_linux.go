package serve

import (
	"time"

	"golang.org/x/sys/unix"

	"twincached/memproto"
)

// pause leaves c alone until its handler wants to be called again; its input stays. While a drain goes on there is nothing to
// wait for: such a client is owed nothing.
func (l *loop) pause(c *conn, until int64) {
	if l.draining {
		c.closing, c.why = true, memproto.CloseShutdown
		return
	}
	c.until = until
	l.paused = append(l.paused, c)
	if l.due == 0 || until < l.due {
		l.due = until
	}
}

// resume tells whether c, which was paused, may be served.
func (l *loop) resume(c *conn) bool {
	if l.draining {
		c.why = memproto.CloseShutdown
		l.close(c)
		return false
	}
	if l.nowMillis < c.until {
		return false
	}
	c.until, c.more = 0, true
	return true
}

// wakePaused gives a turn to the conns whose pause is over.
func (l *loop) wakePaused() {
	if l.due == 0 || l.nowMillis < l.due {
		return
	}
	l.due = 0
	rest := l.paused[:0]
	for _, c := range l.paused {
		switch {
		case c.fd < 0 || c.until == 0: // gone, or served already
		case c.until <= l.nowMillis:
			l.again(c)
		default:
			rest = append(rest, c)
			if l.due == 0 || c.until < l.due {
				l.due = c.until
			}
		}
	}
	clear(l.paused[len(rest):])
	l.paused = rest
}

// waitPaused waits for events until the next pause is over.
func (l *loop) waitPaused() []unix.EpollEvent {
	return l.pol.waitUntil(time.Now().Add(time.Duration(max(1, l.due-l.nowMillis)) * time.Millisecond))
}
