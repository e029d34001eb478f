package store

// Held counts the items that replicate and that a client would get now: what is lost
// with this process if no peer has them. It walks over every item.
func (s *Store) Held(nowMillis int64) (n uint64) {
	s.walkAll(func(p *partition, h handle) {
		hd := p.s.arena.at(h)
		if !hd.is(bitTomb|bitLocal) && hd.version > p.s.flushedTo.Load() && !past(hd.expires(), nowMillis) {
			n++
		}
	})
	return n
}
