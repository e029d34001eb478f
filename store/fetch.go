package store

// Get appends render(view) to dst for a live item: with a view of the value alone,
// without marks and history. A miss returns dst unchanged and false.
func (s *Store) Get(nowMillis int64, key, dst []byte, render Render) ([]byte, bool) {
	return s.GetPinned(nowMillis, key, dst, render, nil, nil)
}

// GetPinned is Get that keeps a large value in place instead of copying it: pin then
// holds it, and render is told so (View.Pinned). pin holds nothing before; nil: copy.
// look is filled in; nil: nobody watches.
func (s *Store) GetPinned(nowMillis int64, key, dst []byte, render Render, pin *Pinned, look *Look) ([]byte, bool) {
	s.dueFlush(nowMillis)
	p, tag := s.partition(key)
	p.mu.Lock()
	h, hd := p.lookup(tag, key, nowMillis, look)
	if hd == nil {
		p.stats.GetMisses++
		p.dropExpired(h)
		p.mu.Unlock()
		return dst, false
	}
	p.stats.row(hd).GetHits++
	v := &p.view
	v.show(hd)
	pin.pin(s, h, v)
	dst = render(dst, v)
	v.Key, v.Value, v.Pinned = nil, nil, nil
	hd.countRead(nowMillis)
	p.mu.Unlock()
	return dst, true
}

// Fetch is Get that may also change the item, as f says, in the same critical
// section: a new expiry, an item where there was none, the word that this reader
// shall renew the value. render is called once for each try: a try that found no
// memory is taken back. A miss returns dst unchanged and false, and so does a touch that
// finds no memory, which sets f.NoMemory and leaves the item as it was.
func (s *Store) Fetch(nowMillis int64, f *Fetch, dst []byte, render Renderer) ([]byte, bool) {
	s.dueFlush(nowMillis)
	p, tag := s.partition(f.Key)
	before, found := len(dst), false
	for range maxAttempts {
		f.Pin.Release() // of a try that is taken back
		p.mu.Lock()
		out, hit, done := p.fetch(tag, nowMillis, f, dst[:before], render)
		p.view = View{}
		short := p.short
		p.mu.Unlock()
		dst, found = out, hit
		if done {
			return dst, hit
		}
		if !s.reclaim(nowMillis, short) {
			break
		}
	}
	return s.fetchRefused(nowMillis, f, dst[:before], dst, found, render)
}

// fetchRefused ends a fetch that no memory can be had for. found: its last try found the item,
// and dst is base and that reply.
func (s *Store) fetchRefused(nowMillis int64, f *Fetch, base, dst []byte, found bool, render Renderer) ([]byte, bool) {
	p, tag := s.partition(f.Key)
	switch {
	case !found:
		p.refuse(tag, nowMillis, &Request{Op: OpAdd, Key: f.Key})
		return base, false
	case f.Touch && past(f.Expires, nowMillis):
		// Not even the marker of an item that expires at once can be had.
		p.refuse(tag, nowMillis, &Request{Op: OpDelete, Key: f.Key})
		return dst, true
	case f.Touch: // as OpTouch
		f.Pin.Release()
		f.NoMemory = true
		p.refuse(tag, nowMillis, &Request{Op: OpTouch, Key: f.Key})
		return base, false
	}
	// It cannot be noted that this reader wins, so it does not: the next one would win too.
	f.Pin.Release()
	p.refuse(tag, nowMillis, &Request{Op: OpTouch, Key: f.Key})
	loser := *f
	loser.MayWin, loser.Create, loser.Look = false, false, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	out, hit, _ := p.fetch(tag, nowMillis, &loser, base, render)
	p.view = View{}
	return out, hit
}

// fetch reads and acts in one critical section. done is false, and nothing has
// changed but dst, when memory has to be reclaimed first; hit is then whether the item
// is there.
func (p *partition) fetch(tag uint32, nowMillis int64, f *Fetch, dst []byte, render Renderer) (out []byte, hit, done bool) {
	h, hd := p.lookup(tag, f.Key, nowMillis, f.Look)
	if hd == nil {
		if f.Create {
			expired := p.isExpired(h)
			if out, hit, done = p.vivify(tag, h, nowMillis, f, dst, render); done && expired {
				p.stats.GetExpired++
			}
			return out, hit, done
		}
		p.countFetch(f, nil)
		if !f.Peek {
			p.dropExpired(h)
		}
		return dst, false, true
	}
	p.show(hd, nowMillis)
	expires := hd.expires()
	if f.Touch && f.AfterTouch {
		expires = f.Expires
	}
	renew := f.Renew && expires != 0 && expires < f.RenewBefore
	p.view.Wins = f.MayWin && p.view.Marks&MarkWon == 0 && (renew || p.view.Marks&MarkStale != 0)
	wins := p.view.Wins
	f.Pin.pin(p.s, h, &p.view)
	dst = render.Render(dst, &p.view)
	if f.Peek {
		return dst, true, true
	}
	row := p.stats.row(hd) // touch may remove the item
	switch {
	case f.Touch:
		if !p.touch(tag, h, nowMillis, f.Expires, wins, f.Quiet) {
			return dst, true, false
		}
	case wins:
		if !p.touch(tag, h, nowMillis, hd.expires(), true, f.Quiet) {
			return dst, true, false
		}
	case !f.Quiet:
		hd.countRead(nowMillis)
	}
	p.countFetch(f, row)
	return dst, true, true
}

// vivify makes the item that a fetch did not find: empty, and its reader has won.
func (p *partition) vivify(tag uint32, h handle, nowMillis int64, f *Fetch, dst []byte, render Renderer) (out []byte, hit, done bool) {
	c := change{key: f.Key, expires: f.CreateExpires, marks: MarkWon}
	if !p.putNew(tag, h, nowMillis, &c) {
		return dst, false, false
	}
	p.view = View{Key: f.Key, Version: c.version, Expires: max(f.CreateExpires, 0), Wins: true, Created: true}
	dst = render.Render(dst, &p.view)
	p.countFetch(f, &p.stats.class[ClassOf(ItemBytes(len(f.Key), 0))])
	return dst, true, true
}

// countFetch counts a fetch as memcached does: one that sets an expiry is a touch,
// and no get. row is the class of the item that was found, nil on a miss.
func (p *partition) countFetch(f *Fetch, row *classRow) {
	switch {
	case f.Peek:
	case f.Touch && row != nil:
		row.TouchHits++
	case f.Touch:
		p.stats.TouchMisses++
	case row != nil:
		row.GetHits++
	default:
		p.stats.GetMisses++
	}
}

// show fills the view for one reply. It is the partition's, so that it costs no
// allocation, and has to be cleared before the lock is given up.
func (p *partition) show(hd *header, nowMillis int64) {
	p.view = View{Marks: hd.marks(), Fetched: hd.is(bitFetched), IdleSeconds: hd.idleSeconds(nowMillis)}
	p.view.show(hd)
}

// show fills the fields that every reply may want.
func (v *View) show(hd *header) {
	v.Key, v.Value = hd.key(), hd.value()
	v.Flags, v.Version, v.Expires = hd.flags(), hd.version, hd.expires()
}

// isExpired tells whether lookup found an expired item, where it found nothing to show.
func (p *partition) isExpired(h handle) bool { return h != 0 && !p.s.arena.at(h).is(bitTomb) }

// dropExpired removes what lookup found expired, where h is that.
func (p *partition) dropExpired(h handle) {
	if !p.isExpired(h) {
		return
	}
	var removed uint64
	p.stats.GetExpired++
	p.expire(h, &removed)
}

// expire removes an expired item and counts it in by. Without memory for a marker
// it stays: unseen, and for the sweep or the cleaner to remove.
func (p *partition) expire(h handle, by *uint64) {
	hd := p.s.arena.at(h)
	fetched, row := hd.is(bitFetched), p.stats.row(hd)
	if p.removeLocal(h, false) {
		*by++
		if !fetched {
			row.ExpiredUnfetched++
		}
	}
}
