package serve

// counted is what a buffer of size bytes counts for: one that every busy conn has is no sign of a client that waits.
func counted(size int) int {
	if size <= busyReadBytes {
		return 0
	}
	return size
}

// charge says what c's buffers take by now. Where that makes it more than the engine's share
// of Config.BufferBytes, those of the others that wait longest are closed.
func (c *goConn) charge(bytes int) {
	more := int64(0)
	c.holds.Lock()
	if !c.shed {
		more = int64(bytes) - c.charged.Swap(int64(bytes))
		c.p.held.Add(more)
	}
	c.holds.Unlock()
	for more > 0 && c.p.shed(c) {
	}
}

// shed closes the conn that has waited longest of those that are charged, but not c. false: there
// is none, or no need. Many conns ask at once, so the need is looked at behind the lock.
func (p *portable) shed(c *goConn) bool {
	if p.held.Load() <= int64(p.s.share) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held.Load() <= int64(p.s.share) {
		return false
	}
	var victim *goConn
	for v := range p.open {
		if v != c && v.charged.Load() > 0 && (victim == nil || v.waits.Load() < victim.waits.Load()) {
			victim = v
		}
	}
	if victim == nil {
		return false
	}
	victim.holds.Lock()
	victim.shed = true // neither does it close others while it ends
	p.held.Add(-victim.charged.Swap(0))
	victim.holds.Unlock()
	p.s.countShed(p.s.share)
	socketOf(victim.nc).Close()
	return true
}

// progress notes that the client has taken, or sent, n bytes.
func (c *goConn) progress(n int) {
	c.waits.Store(c.p.s.cfg.Now())
	c.holds.Lock()
	c.hold.moved += n
	c.holds.Unlock()
}

// holding notes whether c has memory of the store.
func (c *goConn) holding(some bool) {
	c.holds.Lock()
	defer c.holds.Unlock()
	switch {
	case !some:
		c.hold = hold{}
	case c.hold.since == 0:
		c.hold = hold{since: c.p.s.cfg.Now()}
	}
}

// press closes the conns that hold memory of the store, of which there is too little, and
// hardly move.
func (p *portable) press() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.s.cfg.Now()
	for c := range p.open {
		c.holds.Lock()
		stale := c.hold.since != 0 && c.hold.stale(now)
		if stale {
			c.hold = hold{} // it is not to be closed twice
		}
		c.holds.Unlock()
		if stale {
			p.s.count.shed.Add(1)
			socketOf(c.nc).Close()
		}
	}
}
