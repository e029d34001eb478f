package store

import "math/bits"

// A large item has a run of whole pages. The first unit of the run has the number of its
// segment entry, and the item comes after it.

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
	id := a.runIDLocked()
	a.segs[id] = segment{off: off, size: int32(pages), pages: int32(pages)}
	a.enterRunLocked(id, part)
	return a.handleAt(off + 1<<a.shift)
}

func (a *arena) freeRunLocked(h handle) {
	id := a.runOf(h)
	if a.segs[id].state == segRun {
		a.unlinkLocked(id)
	}
	a.goneLocked(id)
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
	for n > 0 {
		k := min(n, 64-p%64) // pages of this word
		mask := (^uint64(0) >> (64 - k)) << (p % 64)
		if used {
			m.words[p/64] |= mask
		} else {
			m.words[p/64] &^= mask
		}
		p, n = p+k, n-k
	}
}
