package store

import "unsafe"

// Few items need all that an item can have. What stands between the header and the key
// is the item's shape: the sum of the bytes of each, which are bits that name them.
const (
	shapeFlags   = 4  // the client's flags, if they are not 0; last, before the key
	shapeExpires = 8  // the expiry, if the item has one
	shapeTouched = 16 // the same, and the version of its last change, if that is not the item's

	shapeAll = shapeTouched | shapeFlags // of a large item: there it costs nothing, and a Draft comes before it is known what it needs
)

// expiry is what shapeExpires and shapeTouched stand for; the former is without version.
type expiry struct {
	at      int64 // Unix ms; 0 never
	version uint64
}

// maxExpires is in May 2109; later means that, not never.
const maxExpires = 1<<42 - 1

func (h *header) shape() uint8 { return h.head - headerBytes }

// holds reports whether an item of this shape can have what needs the shape need.
func (h *header) holds(need uint8) bool {
	has := h.shape()
	return need&^(has|has>>1&shapeExpires) == 0
}

func (h *header) expiry() *expiry { return (*expiry)(unsafe.Add(unsafe.Pointer(h), headerBytes)) }

func (h *header) expires() int64 {
	if h.head&(shapeExpires|shapeTouched) == 0 {
		return 0
	}
	return h.expiry().at
}

// expVersion is the version of the last change of the expiry.
func (h *header) expVersion() uint64 {
	if h.head&shapeTouched == 0 {
		return h.version
	}
	return h.expiry().version
}

// setExpiry notes an expiry in ms and the version of its change. The item holds both.
func (h *header) setExpiry(ms int64, version uint64) {
	if h.head&(shapeExpires|shapeTouched) != 0 {
		h.expiry().at = min(ms, maxExpires)
	}
	if h.head&shapeTouched != 0 {
		h.expiry().version = version
	}
}

// clientFlags are behind the expiry.
func (h *header) clientFlags() *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(h), uintptr(h.head)-shapeFlags))
}

// flags are the client's.
func (h *header) flags() uint32 {
	if h.head&shapeFlags == 0 {
		return 0
	}
	return *h.clientFlags()
}

// setFlags notes the client's flags. The item holds them.
func (h *header) setFlags(flags uint32) {
	if h.head&shapeFlags != 0 {
		*h.clientFlags() = flags
	}
}

// shapeOf is what the new state has to hold. Where nothing is evicted a touch must not want
// memory: the room for it is there from the start.
func (s *Store) shapeOf(c *change) (shape uint8) {
	if c.tomb {
		return 0
	}
	if c.flags != 0 {
		shape = shapeFlags
	}
	switch {
	case s.cfg.NoEviction || c.expVersion != c.version:
		shape |= shapeTouched
	case c.expires != 0:
		shape |= shapeExpires
	}
	return shape
}

// headFor returns the head of a new item of at least this shape, whose key and value take n
// bytes.
func (s *Store) headFor(shape uint8, n int) uint8 {
	head := headerBytes + shape
	if s.arena.round(int(head)+n) > s.arena.maxSmall {
		head = headerBytes + shapeAll
	}
	return head
}

// touchable returns the item h, moved to new memory if it has no room for an expiry with a
// version of its own; 0: memory has to be reclaimed first, and nothing has changed.
func (p *partition) touchable(h handle) handle {
	a := p.s.arena
	od := a.at(h)
	if od.holds(shapeTouched) {
		return h
	}
	n := int(od.keyLen) + int(od.valLen)
	head := p.s.headFor(od.shape()&shapeFlags|shapeTouched, n)
	to := a.alloc(int(head)+n, p.id, false)
	if to == 0 {
		p.short = a.cost(int(head) + n)
		return 0
	}
	hd := a.at(to)
	hd.version, hd.valLen, hd.mix, hd.accessLo = od.version, od.valLen, od.mix, od.accessLo
	hd.head, hd.keyLen = head, od.keyLen
	hd.setExpiry(od.expires(), od.expVersion())
	hd.setFlags(od.flags())
	copy(hd.value(), od.value())
	bits := od.bits
	p.enter(p.s.tag(od.key()), h, to, od.key())
	hd.bits = bits
	p.noteSize(hd, to)
	return to
}
