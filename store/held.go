package store

// Held counts the items that replicate and that a client would get now: what is lost
// with this process if no peer has them. It walks over every item.
func (s *Store) Held(nowMillis int64) uint64 {
	held, _ := s.Left(nowMillis)
	return held
}

// Unacked counts the items and tombstones that the peer does not have for certain,
// and the graves it has not acknowledged. It walks over every item.
func (s *Store) Unacked() uint64 {
	_, unacked := s.Left(0)
	return unacked
}

// Left is Held and Unacked in one walk.
func (s *Store) Left(nowMillis int64) (held, unacked uint64) {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		unacked += p.graves()
		p.mu.Unlock()
	}
	s.walkAll(func(p *partition, h handle) {
		hd := p.s.arena.at(h)
		tomb := hd.is(bitTomb)
		if !tomb && hd.version <= p.s.flushedTo.Load() {
			return
		}
		if !p.acked(hd) {
			unacked++
		}
		if !tomb && !hd.is(bitLocal) && !past(hd.expires(), nowMillis) {
			held++
		}
	})
	return held, unacked
}
