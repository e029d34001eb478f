package store

const (
	unackedWalk  = 256  // how far UnackedAbout looks into one partition
	unackedSteps = 8192 // how far into all of them: a client may ask for stats as often as it likes
	unackedLeast = 8    // and how far into each of the others, once those are used up
)

// UnackedAbout is Unacked for people: exact while little is unacknowledged, an
// estimate otherwise. It takes a bounded number of steps, not a walk over every item.
func (s *Store) UnackedAbout() (n uint64) {
	n, _ = s.unackedAbout()
	return n
}

// unackedAbout also says how many items it looked at.
func (s *Store) unackedAbout() (n, steps uint64) {
	if !s.cfg.Replicated {
		return 0, 0
	}
	for i := range s.parts {
		limit := uint64(unackedLeast)
		if steps < unackedSteps {
			limit = max(limit, min(unackedWalk, unackedSteps-steps))
		}
		p := &s.parts[i]
		p.mu.Lock()
		count, looked := p.unackedAbout(limit)
		p.mu.Unlock()
		n += count
		steps += looked
	}
	return n, steps
}

func (p *partition) unackedAbout(limit uint64) (n, steps uint64) {
	a, acked := p.s.arena, p.peer.acked
	count := uint64(0)
	for h := p.list.tail; h != 0 && a.at(h).seq() > acked.B; h = a.at(h).prev {
		hd := a.at(h)
		if steps == limit { // what was not looked at is taken to be like the rest
			count = min(count*(p.list.seq-acked.B)/steps, uint64(p.idx.count))
			break
		}
		steps++
		if !p.acked(hd) && (hd.is(bitTomb) || hd.version > p.s.flushedTo.Load()) {
			count++
		}
	}
	return p.graves() + p.refused + min(count+acked.T-acked.A, count+uint64(p.idx.count)), steps
}
