package store

// refuse answers a request that no memory can be had for. A set that fails must
// not leave the older value to be read; a delete needs none.
func (p *partition) refuse(tag uint32, nowMillis int64, r *Request) Result {
	p.s.shortAt.Store(nowMillis)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Op == OpDelete || r.Op == OpDrop {
		return p.deleteWithoutMemory(tag, nowMillis, r)
	}
	p.stats.StoreNoMemory++
	p.stats.requested(r).NoMemory++
	h := p.find(tag, r.Key)
	if h == 0 {
		r.Look.note(nil, Absent)
	} else {
		hd := p.s.arena.at(h)
		r.Look.note(hd, hd.presence(p.s.flushedTo.Load(), nowMillis))
	}
	if r.Op == OpSet {
		p.eraseWithoutMemory(tag, h, nowMillis, r.Key)
	}
	return Result{Status: NoMemory}
}

// deleteWithoutMemory is delete where there is no memory for a tombstone.
func (p *partition) deleteWithoutMemory(tag uint32, nowMillis int64, r *Request) Result {
	h, hd := p.lookup(tag, r.Key, nowMillis, r.Look)
	var row *classRow
	if hd != nil {
		if r.Compare && hd.version != r.CAS {
			return Result{Status: Exists}
		}
		row = p.stats.row(hd)
	}
	p.eraseWithoutMemory(tag, h, nowMillis, r.Key)
	return p.deleted(row, r)
}

// eraseWithoutMemory is erase for when nothing can be allocated: the tombstone
// takes over the item's own memory, or the delete is buried.
func (p *partition) eraseWithoutMemory(tag uint32, h handle, nowMillis int64, key []byte) {
	if !p.s.cfg.Replicated || p.s.isLocal(key) {
		if h != 0 {
			p.unlink(h)
		}
		return
	}
	v := p.s.clock.next(nowMillis)
	if h != 0 && p.put(tag, h, &change{key: key, version: v, expVersion: v, tomb: true, inPlace: true}) != 0 {
		return
	}
	p.buryKey(key, v)
	if h != 0 {
		p.unlink(h)
	}
}
