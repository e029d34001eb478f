package store

import "unsafe"

// Large values. Copying one takes far longer than a lock may be held, and so does giving
// its memory back. So the memory of one is filled before there is an item (Draft), read
// after the item may have gone (Loan), and given back by whoever holds no lock.

// DefaultLargeBytes is the largest value that is copied under its partition's lock.
const DefaultLargeBytes = 1 << 20

const (
	giveAtOnce = 1 << 20 // memory of a run that is given back under the arena's lock
	giveStep   = 2 << 20 // and of a larger one at a time, without: some 100 us
	revokePart = 16      // of a full memory, a value that is lent and gone may keep this part
)

// runIDLocked returns an unused segment entry for a run.
func (a *arena) runIDLocked() (id int32) {
	if l := len(a.runIDs); l > 0 {
		id, a.runIDs = a.runIDs[l-1], a.runIDs[:l-1]
		return id
	}
	a.segs = append(a.segs, segment{})
	return int32(len(a.segs) - 1)
}

// enterRunLocked puts a run into the order, as the memory of an item.
func (a *arena) enterRunLocked(id int32, part uint8) {
	s := &a.segs[id]
	s.state = segRun
	a.pushLocked(id, a.youngOrder(id))
	*(*int32)(unsafe.Add(a.base, s.off)) = id
	a.at(a.handleAt(s.off + 1<<a.shift)).part = part
}

// runOf returns the segment entry of a large item.
func (a *arena) runOf(h handle) int32 {
	return *(*int32)(unsafe.Add(a.base, int64(h)<<a.shift-1<<a.shift))
}

// pinned reports whether a large item must keep its bytes.
func (a *arena) pinned(h handle) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.segs[a.runOf(h)].pins > 0
}

func (a *arena) unpinLocked(id int32) {
	s := &a.segs[id]
	if s.pins--; s.pins == 0 && s.state == segGone {
		a.goneLocked(id)
	}
}

// goneLocked is called for a run whose item is gone. Unless somebody still reads it, its
// memory goes back to the system: at once if it is small, else in several steps.
func (a *arena) goneLocked(id int32) {
	s := &a.segs[id]
	s.state = segGone
	switch {
	case s.pins > 0:
	case int64(s.pages)*pageBytes <= giveAtOnce:
		giveBack(a.mem[s.off : s.off+int64(s.pages)*pageBytes])
		a.committed -= int64(s.pages) * pageBytes
		a.dropRunLocked(id)
	default:
		a.gone = append(a.gone, id)
	}
}

func (a *arena) dropRunLocked(id int32) {
	s := &a.segs[id]
	a.runs.give(s.off, int(s.size))
	*s = segment{}
	a.runIDs = append(a.runIDs, id)
}

// giveFor gives memory of large items that are gone back to the system, until n bytes are
// available. The caller holds reclaimMu and no other lock.
func (a *arena) giveFor(n int64) {
	for a.giveSome(n) {
	}
}

// giveSome is one step of giveFor. false: there is nothing more to give back, or n bytes are
// available.
func (a *arena) giveSome(n int64) bool {
	a.mu.Lock()
	if len(a.gone) == 0 || a.availableLocked() >= n {
		a.mu.Unlock()
		return false
	}
	s := &a.segs[a.gone[0]]
	pages := min(s.pages, giveStep/pageBytes)
	from := s.off + int64(s.pages-pages)*pageBytes
	a.mu.Unlock()

	giveBack(a.mem[from : from+int64(pages)*pageBytes])

	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.gone[0]
	s = &a.segs[id]
	s.pages -= pages
	a.committed -= int64(pages) * pageBytes
	if s.pages == 0 {
		a.gone = append(a.gone[:0], a.gone[1:]...)
		a.dropRunLocked(id)
	}
	return true
}

// giveAll gives back all memory of large items that are gone. Others get reclaimMu between
// two steps.
func (s *Store) giveAll() {
	for more := true; more; {
		s.reclaimMu.Lock()
		more = s.arena.giveSome(MaxMemoryBytes)
		s.reclaimMu.Unlock()
	}
}
