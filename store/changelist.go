package store

// changeList is a partition's items in the order of their last change. It is the
// whole backlog of replication: compacted by construction, as an item stands in it
// once, and unbounded in time. A full copy walks it from the start, a resync from
// a cursor, live replication its tail.
//
// Cursors hold the next item to visit, and are moved on when that item moves.
type changeList struct {
	head, tail handle
	seq        uint64 // sequence of the newest change
	live, bulk handle // next item of the session's lanes; 0: at the end. Between sessions live stays where the last one was
	sweep      handle // next item of the expiry sweep; 0: start again
	walk       handle // next item of whoever walks in chunks; 0: at the end
}

// bump gives h the place of its change. An item that was never sent keeps its
// place: its value is read when it is sent, and a hot key does not run away from
// a slow peer. Else it moves to the tail.
func (p *partition) bump(h handle, isNew bool) {
	hd := p.s.arena.at(h)
	l := &p.list
	if !isNew {
		if hd.seq() > p.peer.sentMax {
			p.unrefuse(hd)
			p.wake(hd)
			return
		}
		p.listRemove(h)
	}
	l.seq++
	hd.setSeq(l.seq)
	hd.prev, hd.next = l.tail, 0
	if l.tail != 0 {
		p.s.arena.at(l.tail).next = h
	} else {
		l.head = h
	}
	l.tail = h
	if !p.peer.attached {
		if l.live == 0 {
			l.live = h
		}
		return
	}
	if l.live == 0 {
		if hd.is(bitLocal) || p.fromPeer(hd) {
			// Not for the peer, or its own change, and nothing waits before it: the lane is past it.
			p.peer.sent.B, p.peer.sentMax = l.seq, l.seq
			p.peer.sent.norm()
			return
		}
		l.live = h
	}
	p.wake(hd)
}

// wake tells the sender that the partition has something for the peer.
func (p *partition) wake(hd *header) {
	if p.peer.attached && hd.source() == 0 && !hd.is(bitLocal) {
		p.s.markDirty(p.id)
	}
}

// listRemove takes h out of the list and moves the cursors that stand on it.
func (p *partition) listRemove(h handle) {
	a, l := p.s.arena, &p.list
	hd := a.at(h)
	p.unrefuse(hd)
	if hd.prev != 0 {
		a.at(hd.prev).next = hd.next
	} else {
		l.head = hd.next
	}
	if hd.next != 0 {
		a.at(hd.next).prev = hd.prev
	} else {
		l.tail = hd.prev
	}
	l.moveCursors(h, hd.next)
}

func (l *changeList) moveCursors(from, to handle) {
	for _, c := range [...]*handle{&l.live, &l.bulk, &l.sweep, &l.walk} {
		if *c == from {
			*c = to
		}
	}
}

// swapLinks makes the list pass through h, a copy of old's links, instead of old.
func (p *partition) swapLinks(old, h handle) {
	a, l := p.s.arena, &p.list
	hd := a.at(h)
	if hd.prev != 0 {
		a.at(hd.prev).next = h
	} else {
		l.head = h
	}
	if hd.next != 0 {
		a.at(hd.next).prev = h
	} else {
		l.tail = h
	}
	l.moveCursors(old, h)
}

// firstAfterFrom is firstAfter, searched from h, which is an item of the list or 0: its end.
func (p *partition) firstAfterFrom(h handle, seq uint64) handle {
	a := p.s.arena
	for h != 0 && a.at(h).seq() <= seq {
		h = a.at(h).next
	}
	before := p.list.tail
	if h != 0 {
		before = a.at(h).prev
	}
	for before != 0 && a.at(before).seq() > seq {
		h, before = before, a.at(before).prev
	}
	return h
}

// firstAfter returns the first item with a sequence above seq, searched from the
// end that is likely nearer.
func (p *partition) firstAfter(seq uint64) handle {
	if seq > p.list.seq/2 {
		return p.firstAfterFrom(0, seq)
	}
	return p.firstAfterFrom(p.list.head, seq)
}
