package store

import (
	"sync/atomic"
	"unsafe"
)

// index finds the items of a partition: open addressing over uint64 slots, tag
// in the upper half, handle in the lower; 0 is empty. The home of a tag is
// tag*home>>32, which grows with the tag, and slots are kept in the order of their
// tags: a search ends at the first larger tag, and a resize is one pass over the
// slots that touches no item.
//
// It holds no pointers, so that the garbage collector never looks inside.
type index struct {
	slots []uint64
	home  uint64 // slots that can be a home; the rest take the overflow of the last ones
	count int
}

const (
	indexPad      = 32 // overflow slots after the last home, and the empty one that ends every search
	indexMinSlots = 64
)

func newIndex(slots []uint64) index {
	return index{slots: slots, home: uint64(len(slots) - indexPad)}
}

func (x *index) start(tag uint32) uint64 { return uint64(tag) * x.home >> 32 }

// full reports whether one more item wants a larger table: seven eighths are taken.
func (x *index) full() bool { return uint64(x.count) >= x.home-x.home/8 }

// room reports whether an insert is sure to find an empty slot before the one
// that ends every search. Without it the table must grow first.
func (x *index) room() bool { return !x.full() && x.slots[len(x.slots)-2] == 0 }

// insert adds h. There must be room.
func (x *index) insert(tag uint32, h handle) {
	i := x.start(tag)
	for x.slots[i] != 0 && uint32(x.slots[i]>>32) <= tag {
		i++
	}
	end := i
	for x.slots[end] != 0 {
		end++
	}
	copy(x.slots[i+1:end+1], x.slots[i:end])
	x.slots[i] = uint64(tag)<<32 | uint64(h)
	x.count++
}

// slotOf returns the slot that holds h.
func (x *index) slotOf(tag uint32, h handle) uint64 {
	want := uint64(tag)<<32 | uint64(h)
	i := x.start(tag)
	for x.slots[i] != want {
		if x.slots[i] == 0 {
			panic("store: an item is not in its index")
		}
		i++
	}
	return i
}

func (x *index) replace(tag uint32, old, h handle) {
	x.slots[x.slotOf(tag, old)] = uint64(tag)<<32 | uint64(h)
}

func (x *index) remove(tag uint32, h handle) {
	i := x.slotOf(tag, h)
	end := i + 1
	for x.slots[end] != 0 && x.start(uint32(x.slots[end]>>32)) < end {
		end++
	}
	copy(x.slots[i:end-1], x.slots[i+1:end])
	x.slots[end-1] = 0
	x.count--
}

// moveTo copies all slots into an empty table. It returns false when that leaves
// no room after the last home.
func (x *index) moveTo(n *index) bool {
	at := uint64(0)
	for _, e := range x.slots {
		if e == 0 {
			continue
		}
		at = max(at, n.start(uint32(e>>32)))
		if at >= uint64(len(n.slots)-1) {
			return false
		}
		n.slots[at] = e
		at++
	}
	n.count = x.count
	return n.room()
}

// grown returns the slot count of the next larger table: by a half while all of it is a
// page, by a quarter later, so that the empty slots stay few.
func (x *index) grown() int {
	n := len(x.slots)
	if n < tablePage/8 {
		return n + n/2
	}
	return n + n/4
}

// like returns the first of the items with a tag, or 0.
func (x *index) like(tag uint32) handle {
	for i := x.start(tag); ; i++ {
		e := x.slots[i]
		if e == 0 || uint32(e>>32) > tag {
			return 0
		}
		if uint32(e>>32) == tag {
			return handle(e)
		}
	}
}

// slotsAt says where an index has its slots, to somebody who does not hold the lock of the
// partition. The two words may be of two indexes, and the memory may be gone: it is good for
// prefetch, and for nothing else.
type slotsAt struct {
	base atomic.Uintptr
	home atomic.Uint64
}

// address is where the search for a tag starts.
func (s *slotsAt) address(tag uint32) uintptr {
	return s.base.Load() + uintptr(uint64(tag)*s.home.Load()>>32)*unsafe.Sizeof(uint64(0))
}

// setIndex makes x the partition's index.
func (p *partition) setIndex(x index) {
	p.idx = x
	p.slots.base.Store(uintptr(unsafe.Pointer(unsafe.SliceData(x.slots))))
	p.slots.home.Store(x.home)
}
