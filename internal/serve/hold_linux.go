package serve

import "twincached/memproto"

// take returns a buffer of at least size bytes for c. Where the loop's share of
// Config.BufferBytes is used up, the conn that waits longest makes room: it is closed.
func (l *loop) take(c *conn, size int) []byte {
	buf := l.bufs.get(size)
	for l.held += cap(buf); l.held > l.share && l.shed(c); {
	}
	l.trim()
	return buf
}

// drop takes a buffer back; nil is none.
func (l *loop) drop(buf []byte) {
	l.held -= cap(buf)
	l.bufs.put(buf)
	l.trim()
}

// trim gives up the buffers that are kept for later where they and those in use are more
// than the share: else each size would have had its turn, and stayed.
func (l *loop) trim() {
	if l.bufs.kept > 0 && l.held+l.bufs.kept > l.share {
		l.bufs = buffers{}
	}
}

// shed closes the conn that has waited longest of those that hold a buffer, but not c. false:
// there is none.
func (l *loop) shed(c *conn) bool {
	var victim *conn
	for _, v := range l.slots {
		if v != c && v.fd >= 0 && cap(v.in)+cap(v.out) > 0 && (victim == nil || v.waits < victim.waits) {
			victim = v
		}
	}
	if victim == nil {
		return false
	}
	l.s.countShed(l.share)
	victim.why = memproto.CloseError
	l.close(victim)
	return true
}

// began notes that c has memory of the store from now on, if it had none.
func (c *conn) began(nowMillis int64) *lent {
	if c.lent == nil {
		c.lent = &lent{hold: hold{since: nowMillis}}
	}
	return c.lent
}

// progress notes that the client has taken, or sent, n bytes.
func (c *conn) progress(nowMillis int64, n int) {
	c.waits = nowMillis
	if c.lent != nil {
		c.lent.moved += n
	}
}

// press makes each loop look at its conns: see loop.press.
func (ls *loops) press() {
	for _, l := range ls.loops {
		l.pressed.Store(true)
		l.poke()
	}
}

// poke ends the loop's wait.
func (l *loop) poke() {
	l.mu.Lock()
	if !l.closed {
		l.pol.wake()
	}
	l.mu.Unlock()
}

// press closes the conns that hold memory of the store, of which there is too little, and
// hardly move.
func (l *loop) press() {
	for _, c := range l.slots {
		if c.fd < 0 || c.lent == nil || !c.lent.stale(l.nowMillis) {
			continue
		}
		l.s.count.shed.Add(1)
		c.why = memproto.CloseIdle
		l.close(c)
	}
}
