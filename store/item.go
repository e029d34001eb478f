package store

import "unsafe"

// handle names an item: its offset in the arena, in units. 0 is none. A handle
// is good only while the lock of the item's partition is held, because items move.
type handle uint32

// header stands before the key and the value of every item. All fields but part
// belong to the lock of the item's partition; part never changes while the memory
// is in use, so that the cleaner can read which lock to take.
type header struct {
	version  uint64
	prev     handle // neighbours in the change list
	next     handle
	seqLo    uint32 // place in the change list: 47 bits
	valLen   uint32
	seqHi    uint16 // above its 15 bits seqRefused
	mix      uint8  // source, won and the upper bits of the access code
	accessLo uint8  // its lower bits
	keyLen   uint8
	head     uint8 // where the key begins: headerBytes and its shape
	bits     uint8
	part     uint8
}

const headerBytes = 32

// header.bits
const (
	bitFreq    = 3 << 0 // times read since the hand last passed, 0..3; in a tombstone: which list it is in
	bitTomb    = 1 << 2
	bitTouch   = 1 << 3 // changed only by a touch since the peer acknowledged the value
	bitLocal   = 1 << 4 // never replicated
	bitDead    = 1 << 5 // unlinked: the memory waits for the cleaner
	bitFetched = 1 << 6 // read at least once since it was stored; a tombstone: it is a marker
	bitStale   = 1 << 7 // a client called the value outdated (meta protocol, flag I)
)

// header.mix
const (
	mixSource      = 3      // 0 made here, else the small id of the peer incarnation it came from
	mixWon         = 1 << 2 // a client was told to renew the value (meta protocol, W)
	mixAccessShift = 3      // 3 bits of the access code
	accessLoBits   = 8
)

// tombLinks is what a tombstone keeps where an item keeps its value.
type tombLinks struct{ prev, next handle }

const tombLinkBytes = 8

// seqRefused, in header.seqHi: the peer has said that it has not stored this state.
const seqRefused = 1 << 15

func (h *header) seq() uint64 { return uint64(h.seqHi&^seqRefused)<<32 | uint64(h.seqLo) }

// setSeq also forgets what the peer has said of the place before.
func (h *header) setSeq(v uint64) { h.seqLo, h.seqHi = uint32(v), uint16(v>>32)&^seqRefused }

func (h *header) refused() bool { return h.seqHi&seqRefused != 0 }

func (h *header) source() uint8 { return h.mix & mixSource }

func (h *header) setSource(src uint8) { h.mix = h.mix&^mixSource | src }

// marks are what travels of an item's state beside value and expiry.
func (h *header) marks() (m Marks) {
	if h.bits&bitStale != 0 {
		m |= MarkStale
	}
	if h.mix&mixWon != 0 {
		m |= MarkWon
	}
	return m
}

func (h *header) setMarks(m Marks) {
	h.bits, h.mix = h.bits&^bitStale, h.mix&^mixWon
	if m&MarkStale != 0 {
		h.bits |= bitStale
	}
	if m&MarkWon != 0 {
		h.mix |= mixWon
	}
}

func (h *header) is(bit uint8) bool { return h.bits&bit != 0 }

func (h *header) key() []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(h), uintptr(h.head))), int(h.keyLen))
}

func (h *header) value() []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(h), uintptr(h.head)+uintptr(h.keyLen))), int(h.valLen))
}

// links returns the tombstone's list links. They stand at the end of the
// header's 8-byte grid after the key, so that they are aligned.
func (h *header) links() *tombLinks {
	off := (uintptr(h.head) + uintptr(h.keyLen) + 7) &^ 7
	return (*tombLinks)(unsafe.Add(unsafe.Pointer(h), off))
}

// bytes returns what the item occupies before rounding to units.
func (h *header) bytes() int { return int(h.head) + int(h.keyLen) + int(h.valLen) }

// tombValueBytes is the valLen that a tombstone needs: links and the padding before them.
func tombValueBytes(head uint8, keyLen int) int { return tombLinkBytes + -(int(head)+keyLen)&7 }

// countRead notes that a client read the item.
func (h *header) countRead(nowMillis int64) {
	h.countAccess(nowMillis)
	h.bits |= bitFetched
}

// countAccess notes that a client came to the item and did not read it.
func (h *header) countAccess(nowMillis int64) {
	h.setAccess(nowMillis)
	if f := h.bits & bitFreq; f < 3 {
		h.bits += 1
	}
}

// halveReads is what the hand does to an item that it spares.
func (h *header) halveReads() { h.bits = h.bits&^bitFreq | h.bits&bitFreq>>1 }

// itemBytes sees n bytes of an item, header and all.
func itemBytes(h *header, n int) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(h)), n) }
