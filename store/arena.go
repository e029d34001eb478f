package store

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// arena is the memory of the node: one reservation of address space, touched as
// needed, that all partitions share. Small items are appended to segments of one
// size; a segment is freed as a whole, after the cleaner has moved or evicted
// what still lives in it, so memory freed by one size serves every other. Large
// items get runs of pages of their own.
//
// Segments and large runs stand in one of three orders, in which the eviction hand
// walks.
//
// arena.mu is a leaf lock: it is taken under partition locks, and nothing is
// taken under it.
type arena struct {
	base  unsafe.Pointer
	mem   []byte
	shift uint // log2 of the unit, the grain of handles and of item sizes

	segBytes int   // a power of two
	maxSmall int   // larger items get a run
	room     int64 // the highest that limit may become
	huge     bool  // the system is asked for huge pages

	mu        sync.Mutex
	limit     int64     // bytes that may be committed
	committed int64     // bytes in segments, runs and index tables that count against limit
	dead      int64     // bytes of unlinked items in segments in use
	segs      []segment // 0 is unused; then the small segments; then the large runs in use or reusable
	free      []int32   // committed, empty
	cold      []int32   // not committed
	open      int32     // takes the items of clients and of the peer
	evac      int32     // takes what the cleaner moves
	orders    [orders]order
	passes    uint64 // of the hand
	smallSegs int32
	runIDs    []int32 // segment entries of freed runs
	gone      []int32 // runs whose memory is to be given back, in its order
	runs      runMap

	passedAvg atomic.Int64 // size of the items that the hand passes, on average, in 1<<avgShift-ths of a byte; written under reclaimMu
}

type segState uint8

const (
	segFree     segState = iota // on free or cold
	segOpen                     // open or evac
	segClosed                   // in the order
	segCleaning                 // the cleaner is emptying it
	segRun                      // a large item's own, in the order
	segDraft                    // a large item's, which is not there yet
	segGone                     // a large item's, which is not there any more: it is read still, or waits to be given back
)

type segment struct {
	off        int64 // of a run; a small segment's is its number times segBytes
	size       int32 // pages of a run
	pages      int32 // of those, committed
	pins       int32 // readers of a run that hold no lock
	used, dead int32 // bytes
	prev, next int32
	state      segState
	order      uint8 // that it is in, or was in last
}

const (
	pageBytes    = 4096
	hugePage     = 2 << 20
	minSegBytes  = 64 << 10
	maxSegBytes  = 1 << 20
	segsPerLimit = 128 // segments that a full store has at least: one being filled is under 1 % of the limit
	maxSmallPart = 16  // an item of up to 1/16 of a segment is small: what its tail wastes stays under 1/16
	maxDeadPart  = 20  // at the limit, dead bytes above 1/20 of it are cleaned rather than items evicted
	reserveSegs  = 1   // free segments that only the cleaner may take: it always has somewhere to move to
)

func newArena(limit int64) (*arena, error) {
	room := roomFor(limit)
	a, err := newArenaWith(limit, room)
	if err != nil && room > limit { // the system counts address space
		a, err = newArenaWith(limit, limit)
	}
	return a, err
}

func newArenaWith(limit, room int64) (*arena, error) {
	a := &arena{limit: limit, room: room, shift: unitShift(room)}
	a.segBytes = minSegBytes
	for a.segBytes < maxSegBytes && int64(a.segBytes)*2*segsPerLimit <= limit {
		a.segBytes *= 2
	}
	a.maxSmall = a.segBytes / maxSmallPart
	a.smallSegs = int32(room / int64(a.segBytes))
	small := int64(a.smallSegs+1) * int64(a.segBytes)
	// Runs come and go in any size: twice the limit of address space for them
	// keeps a free stretch findable while the bytes in use stay under the limit.
	large := (2*room + 1<<20) &^ (pageBytes - 1)
	var err error
	if a.mem, err = reserve(small + large); err != nil {
		return nil, err
	}
	a.base = unsafe.Pointer(unsafe.SliceData(a.mem))
	if a.huge = limit >= 256<<20; a.huge {
		adviseHuge(a.mem[:small])
	}
	a.segs = make([]segment, a.smallSegs+1)
	a.cold = make([]int32, 0, a.smallSegs)
	for i := a.smallSegs; i > 0; i-- {
		a.cold = append(a.cold, i)
	}
	a.runs = newRunMap(small, large)
	return a, nil
}

func (a *arena) close() {
	unreserve(a.mem)
	a.base, a.mem = nil, nil
}

// at returns the header of a handle.
func (a *arena) at(h handle) *header {
	return (*header)(unsafe.Add(a.base, uintptr(h)<<a.shift))
}

// round returns what an item of n bytes costs.
func (a *arena) round(n int) int {
	unit := 1<<a.shift - 1
	return (n + unit) &^ unit
}

func (a *arena) handleAt(off int64) handle { return handle(off >> a.shift) }

func (a *arena) isRun(h handle) bool { return int64(h)<<a.shift >= a.runs.base }

// availableLocked returns the bytes that may still be taken, the cleaner's
// reserve left alone.
func (a *arena) availableLocked() int64 {
	return a.limit - a.committed + int64(len(a.free)-reserveSegs)*int64(a.segBytes)
}

// alloc takes memory for an item of n bytes of partition part, or returns 0 when
// the store has to be reclaimed first. The cleaner may use the reserve.
func (a *arena) alloc(n int, part uint8, cleaner bool) handle {
	n = a.round(n)
	a.mu.Lock()
	h := a.allocLocked(n, part, cleaner)
	a.mu.Unlock()
	return h
}

// allocLocked is alloc of n bytes, rounded.
func (a *arena) allocLocked(n int, part uint8, cleaner bool) handle {
	if n > a.maxSmall {
		return a.allocRunLocked(n, part)
	}
	cur := &a.open
	if cleaner {
		cur = &a.evac
	}
	if *cur == 0 || int(a.segs[*cur].used)+n > a.segBytes {
		if !a.turnLocked(cur, cleaner) {
			return 0
		}
	}
	s := &a.segs[*cur]
	h := a.handleAt(int64(*cur)*int64(a.segBytes) + int64(s.used))
	s.used += int32(n)
	a.at(h).part = part
	return h
}

// turnLocked closes the segment in *cur and opens an empty one.
func (a *arena) turnLocked(cur *int32, cleaner bool) bool {
	if !cleaner && (a.availableLocked() < int64(a.segBytes) || a.wastefulLocked()) {
		return false
	}
	var id int32
	switch {
	case len(a.free) > 0:
		id = a.free[len(a.free)-1]
		a.free = a.free[:len(a.free)-1]
	case len(a.cold) > 0 && a.committed+int64(a.segBytes) <= a.limit:
		id = a.cold[len(a.cold)-1]
		a.cold = a.cold[:len(a.cold)-1]
		a.committed += int64(a.segBytes)
	default:
		return false
	}
	a.closeLocked(cur)
	a.segs[id] = segment{state: segOpen}
	*cur = id
	return true
}

// wastefulLocked reports whether dead items occupy so much that cleaning comes
// before taking more memory, although the limit is not reached.
func (a *arena) wastefulLocked() bool {
	return a.dead > 8*int64(a.segBytes) && a.dead > a.committed/4
}

// closeLocked puts the segment in *cur into the order, or frees it when all in it is dead.
func (a *arena) closeLocked(cur *int32) {
	id := *cur
	if id == 0 {
		return
	}
	*cur = 0
	s := &a.segs[id]
	if s.dead == s.used {
		a.freeLocked(id)
		return
	}
	s.state = segClosed
	if cur == &a.evac {
		a.pushLocked(id, orderMain)
	} else {
		a.pushLocked(id, orderYoung)
	}
}

// freeLocked makes an empty small segment takable. Of many free segments most go
// back to the system, so that resident memory follows the data.
func (a *arena) freeLocked(id int32) {
	s := &a.segs[id]
	a.dead -= int64(s.dead)
	*s = segment{}
	if len(a.free) > max(8, int(a.limit/int64(a.segBytes))/32) || a.committed > a.limit && len(a.free) >= reserveSegs {
		a.chillLocked(id)
		return
	}
	a.free = append(a.free, id)
}

func (a *arena) chillLocked(id int32) {
	off := int64(id) * int64(a.segBytes)
	giveBack(a.mem[off : off+int64(a.segBytes)])
	a.cold = append(a.cold, id)
	a.committed -= int64(a.segBytes)
}

// commitLocked counts n bytes against the limit, giving free segments back for
// them where it must. urgent takes them of the cleaner's reserve too, and above the
// limit if need be: the next reclaim brings both back.
func (a *arena) commitLocked(n int64, urgent bool) bool {
	if !urgent && a.availableLocked() < n {
		return false
	}
	for a.committed+n > a.limit && len(a.free) > 0 {
		last := len(a.free) - 1
		id := a.free[last]
		a.free = a.free[:last]
		a.chillLocked(id)
	}
	a.committed += n
	return true
}

// commit counts memory that the arena does not hold itself (index tables).
func (a *arena) commit(n int64, urgent bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commitLocked(n, urgent)
}

func (a *arena) uncommit(n int64) {
	a.mu.Lock()
	a.committed -= n
	a.mu.Unlock()
}

// release gives the n bytes of an unlinked item back. Its header must be marked
// dead and keep its lengths: the cleaner steps over it.
func (a *arena) release(h handle, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isRun(h) {
		a.freeRunLocked(h)
		return
	}
	n = a.round(n)
	id := int32((int64(h) << a.shift) / int64(a.segBytes))
	s := &a.segs[id]
	s.dead += int32(n)
	a.dead += int64(n)
	if s.state == segClosed && s.dead == s.used {
		a.unlinkLocked(id)
		a.freeLocked(id)
	}
}
