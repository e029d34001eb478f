package store

import "unsafe"

// A tombstone exists only where the delete was made, and only until the peer has
// acknowledged it. It is an item whose value area holds the links of one of three
// lists: not sent yet, or sent on one of the two lanes.
const (
	tombUnsent = 0
	tombLive   = 1 // sent on the live lane, in the order of sending
	tombBulk   = 2 // sent on the bulk lane, the same
	tombLists  = 3

	// tombSpareBytes is how much larger than needed the memory of a value may be
	// that a tombstone takes over.
	tombSpareBytes = 24

	// markerPart is the part of the budget that markers may take while no peer is there. A
	// full store evicts all the time, so they would soon fill any budget; and they are less
	// than deletes: all that they spare the peer is to evict what a grave matches.
	markerPart = 8
)

type tombList struct{ head, tail handle }

func (p *partition) tombAdd(h handle, list uint8) {
	a := p.s.arena
	hd := a.at(h)
	hd.bits = hd.bits&^bitFreq | list
	t := &p.tombs[list]
	*hd.links() = tombLinks{prev: t.tail}
	if t.tail != 0 {
		a.at(t.tail).links().next = h
	} else {
		t.head = h
	}
	t.tail = h
	p.tombN++
	p.countTomb(hd, 1)
}

// countTomb counts the bytes of a tombstone in (1) or out (-1).
func (p *partition) countTomb(hd *header, n int64) {
	n *= int64(p.s.arena.round(hd.bytes()))
	p.s.tombBytes.Add(n)
	if hd.is(bitFetched) {
		p.s.markerBytes.Add(n)
	}
}

// markersAreMany says that an item which goes now is to be buried.
func (p *partition) markersAreMany() bool {
	return !p.peer.attached && p.s.markerBytes.Load() > p.s.tombBudget.Load()/markerPart
}

func (p *partition) tombRemove(h handle) {
	a := p.s.arena
	hd := a.at(h)
	t := &p.tombs[hd.bits&bitFreq]
	k := *hd.links()
	if k.prev != 0 {
		a.at(k.prev).links().next = k.next
	} else {
		t.head = k.next
	}
	if k.next != 0 {
		a.at(k.next).links().prev = k.prev
	} else {
		t.tail = k.prev
	}
	p.tombN--
	p.countTomb(hd, -1)
}

// tombMove puts a tombstone into another list: it was just sent.
func (p *partition) tombMove(h handle, list uint8) {
	p.tombRemove(h)
	p.tombAdd(h, list)
}

// tombSwap makes the list pass through h, a copy of old, instead of old.
func (p *partition) tombSwap(old, h handle) {
	a := p.s.arena
	hd := a.at(h)
	t := &p.tombs[hd.bits&bitFreq]
	k := hd.links()
	if k.prev != 0 {
		a.at(k.prev).links().next = h
	} else {
		t.head = h
	}
	if k.next != 0 {
		a.at(k.next).links().prev = h
	} else {
		t.tail = h
	}
}

// purgeTombs forgets the tombstones that the peer has acknowledged with a cursor. The lists of
// sent ones are in the order of sending, so the first that is not covered ends it.
func (p *partition) purgeTombs(acked Cursor) {
	for _, list := range [...]uint8{tombLive, tombBulk} {
		for h := p.tombs[list].head; h != 0; h = p.tombs[list].head {
			if !acked.covers(p.s.arena.at(h).seq()) {
				break
			}
			p.unlinkAcked(h)
		}
	}
}

// resortTombs is for a session that begins or ends: what was sent and not
// acknowledged counts as unsent again, and what is acknowledged goes.
func (p *partition) resortTombs() {
	a := p.s.arena
	for list := range p.tombs {
		for h := p.tombs[list].head; h != 0; {
			hd := a.at(h)
			next := hd.links().next
			if p.peer.acked.covers(hd.seq()) {
				p.unlinkAcked(h)
			} else if list != tombUnsent {
				p.tombMove(h, tombUnsent)
			}
			h = next
		}
	}
}

// limitTombs keeps the budget of the node: this partition buries its oldest
// tombstones while the sum is over it.
func (p *partition) limitTombs() {
	a := p.s.arena
	for p.tombN > 0 && p.s.tombBytes.Load() > p.s.tombBudget.Load() {
		var oldest handle
		for _, t := range p.tombs {
			if t.head != 0 && (oldest == 0 || a.at(t.head).version < a.at(oldest).version) {
				oldest = t.head
			}
		}
		p.stats.Buried++
		p.bury(a.at(oldest))
		p.unlink(oldest)
	}
}

var _ = [1]struct{}{}[unsafe.Sizeof(tombLinks{})-tombLinkBytes] // the constant is the size
var _ = [1]struct{}{}[unsafe.Sizeof(header{})-headerBytes]
