package store

// reclaim makes room for n bytes: it cleans segments that are mostly
// dead, or lets the hand pass over the oldest one and evicts there. It returns
// false when nothing can be had. The caller holds no lock: the cleaner takes one
// partition lock at a time and waits for it, which cannot deadlock.
func (s *Store) reclaim(nowMillis, n int64) bool {
	s.reclaimMu.Lock()
	defer s.reclaimMu.Unlock()
	a := s.arena
	need := max(int64(a.segBytes), n)
	s.reclaimRuns.Add(1)
	a.mu.Lock()
	most, runs := 4*len(a.segs), len(a.segs)-int(a.smallSegs)
	a.mu.Unlock()
	for tries, read := 0, 0; ; tries++ {
		a.giveFor(need)
		if a.lacks(need) && s.revoke(s.limit.Load()/revokePart) {
			a.giveFor(need)
		}
		v, compact := int32(victimNone), false // the hand has been everywhere, or all large items are read by clients
		if tries <= most && read <= int(orders)*runs {
			v, compact = a.victim(need, s.cfg.NoEviction, max(read, s.vain-s.manyVain()))
		}
		switch {
		case v == victimNotNeeded:
			return true
		case v == victimNone && s.revoke(0):
			tries, read = 0, 0 // what that gives may be enough
			continue
		case v == victimNone:
			return false
		}
		inUse, stuck := s.clean(nowMillis, v, compact)
		if read++; !inUse {
			read = 0
		}
		if stuck {
			tries = most // so would be every other one
		}
	}
}

// lacks says that n bytes are not available.
func (a *arena) lacks(n int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.availableLocked() < n
}

const (
	victimNone      = -1
	victimNotNeeded = 0
)

// victim takes the segment to be cleaned next out of the order. compact says that
// what lives in it is to be kept. read is for eldestLocked.
func (a *arena) victim(need int64, noEviction bool, read int) (id int32, compact bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	enough := a.availableLocked() >= need
	if enough && !a.wastefulLocked() {
		return victimNotNeeded, false
	}
	if enough || noEviction || a.dead > a.limit/maxDeadPart {
		if id = a.mostDeadLocked(); id != 0 {
			compact = true
		} else if enough {
			return victimNotNeeded, false
		} else if noEviction {
			return victimNone, false
		}
	}
	if id == 0 {
		id = a.eldestLocked(read)
	}
	if id == 0 { // all is in the segment being filled
		a.closeLocked(&a.open)
		if id = a.eldestLocked(read); id == 0 {
			return victimNone, false
		}
	}
	a.unlinkLocked(id)
	a.segs[id].state = segCleaning
	return id, compact
}

// clean empties one segment: what is dead, flushed or expired goes; the rest is
// moved, if compact is set or it was read often enough, or evicted. read: it is a large
// item that clients read, and stays. stuck: where nothing may be evicted, the rest stays
// that there was no room for; graves, for one, take what the cleaner has in reserve.
func (s *Store) clean(nowMillis int64, id int32, compact bool) (read, stuck bool) {
	a := s.arena
	if id > a.smallSegs {
		return s.cleanRun(nowMillis, id), false
	}
	a.mu.Lock()
	used, in := int(a.segs[id].used), a.segs[id].order
	a.mu.Unlock()
	start, kept := int64(id)*int64(a.segBytes), 0
	most := a.segBytes
	if s.keptAvg > a.segBytes/8*7 {
		most = a.segBytes / 8 * 7 // the hand makes no progress: nearly all is read all the time
	}
	for off := 0; off < used && !stuck; {
		h := a.handleAt(start + int64(off))
		hd := a.at(h)
		p := &s.parts[hd.part]
		p.mu.Lock()
		n := a.round(hd.bytes())
		if !hd.is(bitDead) {
			if p.cleanItem(h, nowMillis, compact, kept+n <= most) {
				kept += n
			}
			stuck = !hd.is(bitDead)
		}
		p.mu.Unlock()
		off += n
	}
	if !compact {
		s.steer(kept)
		s.noteFreed(in, kept)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if stuck {
		a.keepLocked(id, kept)
	} else {
		a.freeLocked(id)
	}
	return false, stuck
}

// keepLocked puts a segment back into the order that could not be emptied: moved bytes of
// it were.
func (a *arena) keepLocked(id int32, moved int) {
	s := &a.segs[id]
	s.dead += int32(moved)
	a.dead += int64(moved)
	s.state = segClosed
	a.pushLocked(id, s.order)
}

// steer sets how often an item must have been read to be spared, so that the hand does
// not go round in what is read all the time: over some segments it frees a sixteenth of
// what it passes, at least.
func (s *Store) steer(kept int) {
	s.keptAvg += (kept - s.keptAvg) / 8
	switch {
	case s.keptAvg > s.arena.segBytes/16*15 && s.minFreq < 3:
		s.minFreq++
	case s.keptAvg < s.arena.segBytes/4*3 && s.minFreq > 1:
		s.minFreq--
	}
}

// noteFreed counts the segments in a row of which next to nothing was freed. When they are
// many, the hand looks in all orders by turns, until the main one gives something again: what
// it spares there over and over may be tombstones, which have to stay.
func (s *Store) noteFreed(in uint8, kept int) {
	switch {
	case kept > s.arena.segBytes/16*15:
		s.vain++
	case in == orderMain || s.vain <= s.manyVain():
		s.vain = 0
	}
}

// manyVain is half of the segments that the memory has room for.
func (s *Store) manyVain() int { return int(s.limit.Load()/int64(s.arena.segBytes)) / 2 }

// cleanItem decides about one live item in a segment being cleaned, and reports
// whether it was moved. Where nothing may be evicted, it may stay.
func (p *partition) cleanItem(h handle, nowMillis int64, compact, room bool) bool {
	hd := p.s.arena.at(h)
	switch {
	case hd.is(bitTomb):
		if p.relocate(h) != 0 {
			return true
		}
		p.bury(hd)
		p.unlink(h)
	case hd.version <= p.s.flushedTo.Load():
		p.stats.row(hd).Reclaimed++
		p.unlink(h)
	case past(hd.expires(), nowMillis):
		row := p.stats.row(hd)
		row.Reclaimed++
		if !hd.is(bitFetched) {
			row.ExpiredUnfetched++
		}
		p.mustRemoveLocal(h, true)
	case compact || room && p.s.spares(hd):
		moved := p.relocate(h)
		if moved == 0 {
			if !p.s.cfg.NoEviction {
				p.evict(h, nowMillis)
			}
			return false
		}
		if !compact { // a hand that passes often enough takes everything
			p.s.arena.at(moved).halveReads()
		}
		return true
	default:
		p.evict(h, nowMillis)
	}
	return false
}

// relocate moves an item or tombstone to the cleaner's segment; 0: no room there.
func (p *partition) relocate(old handle) handle {
	a := p.s.arena
	od := a.at(old)
	n := od.bytes()
	h := a.alloc(n, p.id, true)
	if h == 0 {
		return 0
	}
	hd := a.at(h)
	copy(itemBytes(hd, n), itemBytes(od, n))
	p.swapLinks(old, h)
	if hd.is(bitTomb) {
		p.tombSwap(old, h)
	}
	p.idx.replace(p.s.tag(hd.key()), old, h)
	od.bits |= bitDead
	return h
}

func (p *partition) evict(h handle, nowMillis int64) {
	hd := p.s.arena.at(h)
	p.tellEvicted(hd, nowMillis)
	p.stats.evict(hd)
	p.s.evictedIdle[classOf(hd)].Store(uint64(hd.idleSeconds(nowMillis)))
	p.mustRemoveLocal(h, true)
}

// cleanRun lets the hand pass over a large item. read: it stays, because clients read it.
func (s *Store) cleanRun(nowMillis int64, id int32) (read bool) {
	a := s.arena
	a.mu.Lock()
	seg := &a.segs[id]
	if seg.state != segCleaning {
		a.mu.Unlock()
		return false // freed by its owner meanwhile
	}
	h := a.handleAt(seg.off + 1<<a.shift)
	p := &s.parts[a.at(h).part]
	a.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	a.mu.Lock()
	seg = &a.segs[id]
	gone := seg.state != segCleaning
	read = !gone && s.readLocked(id) // to take it would win nothing
	spare := !gone && !read && s.spares(a.at(h)) && a.at(h).version > s.flushedTo.Load()
	if !gone {
		seg.state = segRun // an item of an order again, at its young end
		if spare {
			seg.order = orderMain
		}
		a.pushLocked(id, seg.order)
	}
	a.mu.Unlock()
	switch {
	case gone, read:
	case spare:
		a.at(h).halveReads()
	default:
		p.cleanItem(h, nowMillis, false, false)
	}
	return read
}
