package store

// Sent is what one Collect did.
type Sent struct {
	Items  int    // records emitted
	To     uint64 // the lane's new position
	Moved  bool   // a batch has to be sent, be it empty
	More   bool   // the lane has more right now
	Done   bool   // bulk lane: the gap is empty now; DONE has to be sent
	Loan   *Loan  // a large value, which is all there is of the batch: it is to be sent in pieces, and then closed
	Wait   bool   // the lane stands before a large value, and another is lent: it goes on when that is closed
	Cursor Cursor // what the peer holds once it has this batch: hand it to Acked then
}

// collectVisits bounds the items looked at under one lock hold, where many are
// skipped because the peer has them.
const collectVisits = 1024

// Collect walks a lane of a partition under its lock, calls emit for at most
// maxItems records of about maxBytes of keys and values (at least one), and moves
// the session's cursor. emit must encode or copy: the record dies when it returns.
// A lane that merely passes items the peer has moves without a batch.
func (s *Store) Collect(part int, lane Lane, maxItems, maxBytes int, emit func(*Record)) (r Sent) {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.peer.attached {
		return r
	}
	c := p.peer.sent
	pos, end := &p.list.live, ^uint64(0)
	r.To = c.B
	if lane == Bulk {
		if !c.open() {
			return r
		}
		pos, end = &p.list.bulk, c.T
		r.To = c.A
	}
	a := s.arena
	rec := &p.rec
	for visits, bytes := 0, 0; *pos != 0 && visits < collectVisits && r.Items < maxItems && bytes < maxBytes; visits++ {
		h := *pos
		hd := a.at(h)
		if hd.seq() > end {
			break
		}
		if p.large(hd, lane) {
			if r.Wait = s.loan.Load() != nil; r.Wait || r.Items > 0 {
				break
			}
			*pos, r.To = hd.next, hd.seq()
			p.unrefuse(hd)
			r.Loan, r.Items = p.lend(h, lane), 1
			break
		}
		*pos, r.To = hd.next, hd.seq()
		if p.skips(hd) {
			continue
		}
		p.unrefuse(hd)
		p.fill(rec, hd, lane)
		emit(rec)
		r.Items++
		bytes += len(rec.Key) + len(rec.Value)
		if hd.is(bitTomb) {
			p.tombMove(h, tombLive+uint8(lane))
		}
	}
	r.More = *pos != 0 && (lane == Live || a.at(*pos).seq() <= end)
	r.Moved = r.Items > 0
	if lane == Live {
		if *pos == 0 {
			r.To = p.list.seq // the changes after the last item are of items that are gone
		}
		c.B = r.To
		p.peer.sentMax = max(p.peer.sentMax, c.B)
	} else {
		c.A = r.To
		if !r.More {
			c.A, r.Done = c.T, true
		}
	}
	p.setSent(c)
	r.Cursor = p.peer.sent
	return r
}

// large reports whether an item is sent in pieces.
func (p *partition) large(hd *header, lane Lane) bool {
	if int(hd.valLen) <= p.s.cfg.LargeBytes || hd.is(bitTomb) || p.skips(hd) { // a tombstone may have more room than it needs
		return false
	}
	return !p.asTouch(hd, lane)
}

// asTouch reports whether an item travels as an expiry without the value.
func (p *partition) asTouch(hd *header, lane Lane) bool {
	return hd.is(bitTouch) && lane == Live
}

// skips reports whether the peer needs nothing of this item: it sent it itself,
// it is local, or flushed.
func (p *partition) skips(hd *header) bool {
	return hd.is(bitLocal) || p.fromPeer(hd) ||
		!hd.is(bitTomb) && hd.version <= p.s.flushedTo.Load()
}

// fill describes an item as it travels. A touch goes without the value only on
// the live lane: the peer of a bulk walk may not have it.
func (p *partition) fill(r *Record, hd *header, lane Lane) {
	*r = Record{Key: hd.key(), Version: hd.version, ExpVersion: hd.expVersion()}
	switch {
	case hd.is(bitTomb):
		r.Op = RecordTombstone
	case p.asTouch(hd, lane):
		r.Op, r.Expires, r.Marks = RecordTouch, hd.expires(), hd.marks()
	default:
		r.Op, r.Expires, r.Flags, r.Value, r.Marks = RecordValue, hd.expires(), hd.flags(), hd.value(), hd.marks()
	}
}
