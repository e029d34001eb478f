package store

// What follows is for checks and simulations: it looks inside, or does by hand what
// else only memory pressure does.

// Inspect returns what stands under a key, as it would travel in a full copy: an
// item, be it expired or flushed, or a tombstone. acked says that the peer has it,
// or is never to have it. The record's key and value are the store's, until it is
// changed.
func (s *Store) Inspect(key []byte) (r Record, acked, ok bool) {
	p, tag := s.partition(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.find(tag, key)
	if h == 0 {
		return r, false, false
	}
	hd := s.arena.at(h)
	p.fill(&r, hd, Bulk)
	return r, p.acked(hd), true
}

// Buried reports whether a delete of this key, of version or later, may have been
// forgotten here: whether a grave stands for it.
func (s *Store) Buried(key []byte, version uint64) bool {
	p, _ := s.partition(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buried(key, version)
}

// Evict removes a key's item as memory pressure would. It returns false where no
// item is.
func (s *Store) Evict(nowMillis int64, key []byte) bool {
	p, tag := s.partition(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	h, hd := p.lookup(tag, key, nowMillis, nil)
	if hd == nil {
		return false
	}
	p.evict(h, nowMillis)
	return true
}
