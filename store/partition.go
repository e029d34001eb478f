package store

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// partition is 1/256 of the keys: the lock, the unit of streaming, and the owner
// of an index, a change list and the tombstones of its keys. Methods of a
// partition expect its lock to be held.
type partition struct {
	mu    sync.Mutex
	s     *Store
	id    uint8
	slots slotsAt // of idx; read without the lock
	idx   index
	list  changeList
	peer  peerState

	tombs     [tombLists]tombList
	tombN     int
	grave     grave  // what was buried and is still to be announced
	announced grave  // what the peer has been told, and has not acknowledged
	forgotMax uint64 // highest version ever removed here without a local trace, of a value, a delete or an expiry

	refused uint64 // items that the peer has not stored

	short int64  // bytes that the last put found missing
	view  View   // what Get hands to Render: here, so that it costs no allocation
	rec   Record // what Collect hands to emit, likewise
	stats partStats
	_     [64]byte // the next partition's lock stands in another cache line
}

// change is a new state of a key, on its way into the partition.
type change struct {
	key        []byte
	value      []byte
	tail       []byte // after value; one of the two may be the present value of the item
	version    uint64
	expVersion uint64
	expires    int64
	flags      uint32
	marks      Marks
	src        uint8 // 0: made here
	tomb       bool
	touch      bool   // only the expiry differs from what the peer acknowledged
	access     uint16 // accessCode of the last access; no meaning for a tombstone
	fetched    bool   // read at least once; a tombstone: it is a marker
	history    bool   // access is given to putNew, which else says now
	cleaner    bool   // made by the cleaner: takes its memory from the cleaner's segment
	inPlace    bool   // a tombstone that may waste the memory it takes over
	draft      *Draft // has the value already, in memory that the item takes over; nil: value is to be copied
}

// copyTo writes the value. It may be written over what it is made of: in place, the
// present value is value or tail, and moves up at most.
func (c *change) copyTo(hd *header) {
	v := hd.value()
	copy(v[len(c.value):], c.tail)
	copy(v, c.value)
}

// find returns the item or tombstone of a key, or 0.
func (p *partition) find(tag uint32, key []byte) handle {
	x := &p.idx
	for i := x.start(tag); ; i++ {
		e := x.slots[i]
		if e == 0 || uint32(e>>32) > tag {
			return 0
		}
		if uint32(e>>32) == tag {
			h := handle(e)
			if bytes.Equal(p.s.arena.at(h).key(), key) {
				return h
			}
		}
	}
}

// put is the only writer of items: whatever changes a key, local or from the
// peer, command, eviction or expiry, ends here. old is the key's present item or
// tombstone (0: none). It returns 0, having changed nothing, when memory has to be
// reclaimed first.
func (p *partition) put(tag uint32, old handle, c *change) handle {
	a := p.s.arena
	valLen, shape, head := len(c.value)+len(c.tail), p.s.shapeOf(c), uint8(0)
	if c.tomb {
		valLen = tombValueBytes(headerBytes, len(c.key))
	}
	h := old
	if old != 0 && !c.cleaner && c.draft == nil && p.fits(old, shape, valLen, c) {
		p.reenter(old)
		if c.tomb {
			valLen = int(a.at(old).valLen)
		}
	} else {
		if old == 0 && !p.idx.room() && !p.growIndex() {
			return 0
		}
		if h, head = p.take(c, shape, len(c.key)+valLen); h == 0 {
			return 0
		}
	}
	hd := a.at(h)
	if h != old {
		hd.head, hd.keyLen, hd.valLen = head, uint8(len(c.key)), uint32(valLen)
		if !c.tomb && c.draft == nil {
			c.copyTo(hd) // from what may stand in the memory that enter gives back
		}
		p.enter(tag, old, h, c.key)
	}
	hd.valLen = uint32(valLen)
	hd.version = c.version
	hd.setSource(c.src)
	hd.setExpiry(c.expires, c.expVersion)
	hd.setFlags(c.flags)
	hd.setMarks(c.marks)
	hd.setAccessCode(c.access)
	if c.touch {
		hd.bits |= bitTouch
	}
	if c.fetched {
		hd.bits |= bitFetched
	}
	if c.tomb {
		hd.bits |= bitTomb
	} else if h == old {
		c.copyTo(hd)
	}
	p.noteSize(hd, h)
	p.bump(h, old == 0)
	if c.tomb {
		p.limitTombs()
	}
	return h
}

// take returns memory for a new item that holds the shape, whose key and value take n
// bytes, and its head; or 0.
func (p *partition) take(c *change, shape uint8, n int) (handle, uint8) {
	if c.draft != nil {
		return c.draft.adopt(p.id), headerBytes + shapeAll
	}
	head := p.s.headFor(shape, n)
	n += int(head)
	h := p.s.arena.alloc(n, p.id, c.cleaner)
	if h == 0 {
		p.short = p.s.arena.cost(n)
	}
	return h, head
}

// retouch gives an item that is touchable a new expiry and marks, by a change of version
// expVersion that leaves the value alone. With put, it is all that writes items.
func (p *partition) retouch(h handle, expVersion uint64, expires int64, marks Marks, src, touchBit uint8) {
	hd := p.s.arena.at(h)
	hd.setExpiry(expires, expVersion)
	hd.setSource(src)
	hd.setMarks(marks)
	hd.bits = hd.bits&^bitTouch | touchBit
	p.bump(h, false)
}

// fits reports whether the new state may be written over the old one, whose shape stays.
func (p *partition) fits(old handle, shape uint8, valLen int, c *change) bool {
	a := p.s.arena
	hd := a.at(old)
	if c.tomb {
		spare := hd.bytes() - headerBytes - len(c.key) - valLen
		return !a.isRun(old) && int(hd.valLen) >= tombValueBytes(hd.head, len(c.key)) && (c.inPlace || spare <= tombSpareBytes)
	}
	return hd.holds(shape) && a.round(int(hd.head)+int(hd.keyLen)+valLen) == a.round(hd.bytes()) && (!a.isRun(old) || !a.pinned(old))
}

// reenter prepares the memory of an item for being written over.
func (p *partition) reenter(h handle) {
	hd := p.s.arena.at(h)
	p.forgetSize(hd, h)
	freq := hd.bits & bitFreq
	if hd.is(bitTomb) || freq == 0 {
		freq = 1 // as young as an item just appended: the hand spares it once
	}
	hd.bits = hd.bits&bitLocal | freq
}

// enter puts the new memory h in the place of old: index, change list, and the
// parts of the header that outlive a change. Without an old one, it adds the key.
func (p *partition) enter(tag uint32, old, h handle, key []byte) {
	a := p.s.arena
	hd := a.at(h)
	hd.keyLen, hd.bits, hd.seqHi = uint8(len(key)), 0, 0
	copy(hd.key(), key)
	if old == 0 {
		if p.s.isLocal(key) {
			hd.bits = bitLocal
		}
		p.idx.insert(tag, h)
		return
	}
	od := a.at(old)
	p.forgetSize(od, old)
	hd.seqLo, hd.seqHi = od.seqLo, od.seqHi
	hd.prev, hd.next = od.prev, od.next
	if !od.is(bitTomb) {
		hd.bits = od.bits & bitFreq
	}
	hd.bits |= od.bits & bitLocal
	p.swapLinks(old, h)
	p.idx.replace(tag, old, h)
	p.discard(old)
}

// unlink removes an item or tombstone without a trace. Who calls has seen to
// forgotMax, or knows that something else covers the version.
func (p *partition) unlink(h handle) {
	hd := p.s.arena.at(h)
	p.forgetSize(hd, h)
	p.listRemove(h)
	p.idx.remove(p.s.tag(hd.key()), h)
	p.discard(h)
	p.shrinkIndex()
}

// unlinkAcked removes an item whose version the peer has: only forgotMax remembers.
func (p *partition) unlinkAcked(h handle) {
	hd := p.s.arena.at(h)
	p.forgot(hd.version, hd.expVersion())
	p.unlink(h)
}

// forgot notes that of a state of some key nothing is left here. Its expiry counts
// like the rest: a peer that was away for the touch has the one from before.
func (p *partition) forgot(version, expVersion uint64) {
	p.forgotMax = max(p.forgotMax, version, expVersion)
}

func (p *partition) discard(h handle) {
	hd := p.s.arena.at(h)
	hd.bits |= bitDead
	p.s.arena.release(h, hd.bytes())
}

// noteSize and forgetSize keep the counts. A tombstone's stand with its list.
func (p *partition) noteSize(hd *header, h handle) {
	if hd.is(bitTomb) {
		p.tombAdd(h, tombUnsent)
		return
	}
	p.stats.add(hd, 1)
}

func (p *partition) forgetSize(hd *header, h handle) {
	if hd.is(bitTomb) {
		p.tombRemove(h)
		return
	}
	p.stats.add(hd, -1)
}

// removeLocal takes an item away for good (evicted, expired), so that nothing of
// it can come back: silently where the peer has it or never will, else leaving a
// marker tombstone, or burying it where there are many of those. A marker kills
// strictly older copies only, as the peer may have this one; if it was touched, the
// peer's copy may have an outdated expiry, and the marker kills it too. It returns false, having done nothing, when there
// is no memory for the marker.
func (p *partition) removeLocal(h handle, cleaner bool) bool {
	hd := p.s.arena.at(h)
	if p.acked(hd) {
		p.unlinkAcked(h)
		return true
	}
	v := p.markerOf(hd.version, hd.expVersion())
	if p.markersAreMany() {
		p.stats.Buried++
		p.bury(hd)
		p.unlink(h)
		return true
	}
	key := hd.key()
	return p.put(p.s.tag(key), h, &change{key: key, version: v, expVersion: v, tomb: true, fetched: true, cleaner: cleaner}) != 0
}

// markerOf is the version of the marker that a state leaves: see removeLocal.
func (p *partition) markerOf(version, expVersion uint64) uint64 {
	if expVersion == version {
		return version - 1
	}
	p.forgot(version, expVersion) // the marker says nothing of the expiry
	return version
}

// mustRemoveLocal is removeLocal that needs no memory: without room for a
// marker the version is buried.
func (p *partition) mustRemoveLocal(h handle, cleaner bool) {
	if !p.removeLocal(h, cleaner) {
		p.bury(p.s.arena.at(h))
		p.unlink(h)
	}
}

// acked reports whether the peer has this state of the key, or is never to have it.
func (p *partition) acked(hd *header) bool {
	return p.peerHas(hd.is(bitLocal), hd.refused(), p.fromPeer(hd), hd.seq())
}

// peerHas is acked for a state of which that is known.
func (p *partition) peerHas(local, refused, fromPeer bool, seq uint64) bool {
	return local || !p.s.cfg.Replicated || !refused && (fromPeer || p.peer.acked.covers(seq))
}

// fromPeer reports whether the peer's present incarnation sent this state.
func (p *partition) fromPeer(hd *header) bool {
	return hd.source() != 0 && hd.source() == p.s.peerSrc()
}

func (p *partition) growIndex() bool {
	for n := p.idx.grown(); ; n += n / 4 {
		fits, ok := p.resizeIndex(n)
		if !ok {
			p.short = tableBytes(n) + tablePage
			return false
		}
		if fits {
			return true
		}
	}
}

// resizeIndex gives the index n slots, if what it has fits in those. ok is false where there is
// no memory for them.
func (p *partition) resizeIndex(n int) (fits, ok bool) {
	t, ok := p.s.newTable(n, false)
	if !ok {
		return false, false
	}
	if x := newIndex(t); p.idx.moveTo(&x) {
		p.s.freeTable(p.idx.slots)
		p.setIndex(x)
		return true, true
	}
	p.s.freeTable(t)
	return false, true
}

func (p *partition) shrinkIndex() {
	n := len(p.idx.slots)
	if n < 8*indexMinSlots || p.idx.count > n/5 {
		return
	}
	p.resizeIndex(n / 2) // it is only a saving
}

// tag is the part of a key's hash that the indexes use. It is seeded per
// process, so that nobody can choose keys that collide.
func (s *Store) tag(key []byte) uint32 { return uint32(maphash.Bytes(s.seed, key)) }
