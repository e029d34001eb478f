package store

import (
	"math/bits"
	"unsafe"
)

// Large items: a run of whole pages, the segment entry's number in its first
// unit, the item behind it.

func (a *arena) runPages(n int) int { return (n + 1<<a.shift + pageBytes - 1) / pageBytes }

// cost returns what an item of n bytes takes from the limit when it has to be made room for.
func (a *arena) cost(n int) int64 {
	if n = a.round(n); n > a.maxSmall {
		return int64(a.runPages(n)) * pageBytes
	}
	return int64(a.segBytes)
}

func (a *arena) allocRunLocked(n int, part uint8) handle {
	pages := a.runPages(n)
	if !a.commitLocked(int64(pages)*pageBytes, false) {
		return 0
	}
	off := a.runs.take(pages)
	if off < 0 {
		a.committed -= int64(pages) * pageBytes
		return 0
	}
	var id int32
	if l := len(a.runIDs); l > 0 {
		id, a.runIDs = a.runIDs[l-1], a.runIDs[:l-1]
	} else {
		id = int32(len(a.segs))
		a.segs = append(a.segs, segment{})
	}
	a.segs[id] = segment{off: off, size: int32(pages), state: segRun}
	a.pushLocked(id)
	*(*int32)(unsafe.Add(a.base, off)) = id
	h := a.handleAt(off + 1<<a.shift)
	a.at(h).part = part
	return h
}

func (a *arena) freeRunLocked(h handle) {
	off := int64(h)<<a.shift - 1<<a.shift
	id := *(*int32)(unsafe.Add(a.base, off))
	s := &a.segs[id]
	if s.state == segRun {
		a.unlinkLocked(id)
	}
	pages := int(s.size)
	*s = segment{}
	a.runIDs = append(a.runIDs, id)
	a.runs.give(off, pages)
	giveBack(a.mem[off : off+int64(pages)*pageBytes])
	a.committed -= int64(pages) * pageBytes
}

// runMap finds stretches of free pages: one bit a page, next fit.
type runMap struct {
	base  int64 // first byte of the area
	words []uint64
	pages int
	hand  int
}

func newRunMap(base, bytes int64) runMap {
	pages := int(bytes / pageBytes)
	return runMap{base: base, words: make([]uint64, (pages+63)/64), pages: pages}
}

// take marks n pages used and returns their offset in the arena, or -1.
func (m *runMap) take(n int) int64 {
	p := m.find(m.hand, m.pages, n)
	if p < 0 {
		p = m.find(0, min(m.hand+n, m.pages), n)
	}
	if p < 0 {
		return -1
	}
	m.set(p, n, true)
	m.hand = p + n
	return m.base + int64(p)*pageBytes
}

func (m *runMap) give(off int64, n int) { m.set(int((off-m.base)/pageBytes), n, false) }

func (m *runMap) find(from, to, n int) int {
	for p := from; p+n <= to; {
		used := m.seek(p, p+n, 0)
		if used == p+n {
			return p
		}
		p = m.seek(used, to, ^uint64(0))
	}
	return -1
}

// seek returns the first page in [from,to) whose bit, xor flip, is set, or to.
func (m *runMap) seek(from, to int, flip uint64) int {
	for p := from; p < to; {
		w := (m.words[p/64] ^ flip) >> (p % 64)
		if w != 0 {
			return min(p+bits.TrailingZeros64(w), to)
		}
		p += 64 - p%64
	}
	return to
}

func (m *runMap) set(p, n int, used bool) {
	for ; n > 0; p, n = p+1, n-1 {
		if used {
			m.words[p/64] |= 1 << (p % 64)
		} else {
			m.words[p/64] &^= 1 << (p % 64)
		}
	}
}
