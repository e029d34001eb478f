package store

import (
	"sort"
	"unsafe"
)

// Stats is a snapshot of the store's counts. Counters run since the start or the
// last ResetStats; Items, Bytes, Tombstones and Classes are states.
type Stats struct {
	Items          uint64 // values held, expired ones included until they are removed
	Bytes          uint64 // what they occupy: header, key, value, rounding
	LimitBytes     uint64 // Config.MemoryBytes
	CommittedBytes uint64 // taken of it: segments, large runs, index tables
	DeadBytes      uint64 // of that, items unlinked and not yet cleaned
	Tombstones     uint64 // deletes the peer has not acknowledged
	TombstoneBytes uint64
	LocalItems     uint64 // items that match Config.LocalKeys
	Classes        [SizeClasses]ClassStats

	Counters
}

// Counters are what ResetStats sets back.
type Counters struct {
	TotalItems                       uint64 // values stored by clients
	CmdGet, GetHits, GetMisses       uint64 // CmdGet = GetHits + GetMisses
	GetExpired, GetFlushed           uint64 // misses because the item had expired, or was flushed
	CmdSet                           uint64 // the whole set family, successful or not
	CmdTouch, TouchHits, TouchMisses uint64 // touch, gat and gats
	CmdFlush                         uint64
	DeleteHits, DeleteMisses         uint64
	IncrHits, IncrMisses             uint64
	DecrHits, DecrMisses             uint64
	CasHits, CasMisses, CasBadval    uint64
	StoreTooLarge, StoreNoMemory     uint64
	Evictions                        uint64 // live items removed for memory
	EvictedUnfetched                 uint64 // of those, never read
	Reclaimed                        uint64 // expired items removed
	ExpiredUnfetched                 uint64 // of those, never read
	Reclaims                         uint64 // times a writer had to wait for the cleaner

	Received       uint64 // states the peer sent
	ConflictsWon   uint64 // concurrent writes of one key where ours was the later
	ConflictsLost  uint64
	ApplyLocal     uint64 // refused: the key is local here
	ApplyTooLarge  uint64 // above this node's item limit: dropped, and what we held of the key
	ApplyNoMemory  uint64 // no memory and no eviction: likewise
	TouchUnknown   uint64 // expiry changes of values this node did not hold
	Buried         uint64 // tombstones forgotten over the budget
	GraveRejects   uint64 // values refused because a forgotten delete may have covered them
	GraveEvictions uint64 // values evicted because the peer may have forgotten their delete
}

// SizeClasses is the number of size classes that statistics know: like
// memcached's slab classes, each 1.25 times the one before. They are for
// statistics only; memory has no classes. Class 0 is unused.
const SizeClasses = 64

// ClassStats describes the items of one size class.
type ClassStats struct {
	ChunkBytes       uint32 // largest item of the class, as ItemBytes counts
	Items            uint64
	Bytes            uint64 // what they occupy
	Evicted          uint64
	EvictedUnfetched uint64
}

var classLimits = makeClassLimits()

func makeClassLimits() (limits [SizeClasses]uint32) {
	size := 96.0
	for i := 1; i < SizeClasses; i++ {
		limits[i] = uint32(size+7) &^ 7
		size *= 1.25
	}
	limits[SizeClasses-1] = MaxItemLimitBytes
	return limits
}

const smallClassBytes = 16 << 10

var smallClasses = makeSmallClasses()

func makeSmallClasses() (t [smallClassBytes/8 + 1]uint8) {
	for i := range t {
		t[i] = searchClass(i * 8)
	}
	return t
}

func searchClass(size int) uint8 {
	return uint8(1 + sort.Search(SizeClasses-2, func(i int) bool { return size <= int(classLimits[i+1]) }))
}

// ClassOf returns the size class of an item.
func ClassOf(itemBytes int) int {
	if itemBytes <= smallClassBytes {
		return int(smallClasses[(itemBytes+7)/8])
	}
	return int(searchClass(itemBytes))
}

// partStats are a partition's counts, under its lock.
type partStats struct {
	Counters
	items, bytes, localItems uint64
	class                    [SizeClasses]classCount
}

type classCount struct {
	items, evicted, unfetched uint32
	bytes                     uint64
}

// add counts a value in (1) or out (-1).
func (t *partStats) add(hd *header, n int) {
	bytes := hd.bytes()
	c := &t.class[ClassOf(ItemBytes(int(hd.keyLen), int(hd.valLen)))]
	t.items += uint64(n)
	t.bytes += uint64(n * bytes)
	c.items += uint32(n)
	c.bytes += uint64(n * bytes)
	if hd.is(bitLocal) {
		t.localItems += uint64(n)
	}
}

func (t *partStats) evict(hd *header) {
	c := &t.class[ClassOf(ItemBytes(int(hd.keyLen), int(hd.valLen)))]
	t.Evictions++
	c.evicted++
	if !hd.is(bitFetched) {
		t.EvictedUnfetched++
		c.unfetched++
	}
}

// words sees counters, which are nothing but uint64, as an array.
func (c *Counters) words() []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(c)), unsafe.Sizeof(*c)/8)
}

func (c *Counters) add(o *Counters) {
	for i, n := range o.words() {
		c.words()[i] += n
	}
}

func (c *Counters) subtract(o *Counters) {
	for i, n := range o.words() {
		c.words()[i] -= n
	}
}

// Stats returns a snapshot; partitions are visited one after the other.
func (s *Store) Stats() Stats {
	st := s.snapshot()
	s.resetMu.Lock()
	st.Counters.subtract(&s.statsBase)
	s.resetMu.Unlock()
	return st
}

// ResetStats makes the counters count from 0 again.
func (s *Store) ResetStats() {
	st := s.snapshot()
	s.resetMu.Lock()
	s.statsBase = st.Counters
	s.resetMu.Unlock()
}

func (s *Store) snapshot() (st Stats) {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		p.stats.addTo(&st)
		st.Tombstones += uint64(p.tombN)
		p.mu.Unlock()
	}
	for i := range st.Classes {
		st.Classes[i].ChunkBytes = classLimits[i]
	}
	st.CmdFlush = s.cmdFlush.Load()
	st.Reclaims = s.reclaimRuns.Load()
	a := s.arena
	a.mu.Lock()
	st.CommittedBytes, st.DeadBytes = uint64(a.committed), uint64(a.dead)
	a.mu.Unlock()
	st.LimitBytes = uint64(s.cfg.MemoryBytes)
	st.TombstoneBytes = uint64(s.tombBytes.Load())
	return st
}

func (t *partStats) addTo(st *Stats) {
	st.Counters.add(&t.Counters)
	st.Items += t.items
	st.Bytes += t.bytes
	st.LocalItems += t.localItems
	for i := range t.class {
		c, k := &t.class[i], &st.Classes[i]
		k.Items += uint64(c.items)
		k.Bytes += c.bytes
		k.Evicted += uint64(c.evicted)
		k.EvictedUnfetched += uint64(c.unfetched)
	}
}

// Sizes calls f for each 32-byte step of item size that is in use, ascending. It
// walks everything, a partition at a time.
func (s *Store) Sizes(f func(sizeBytes int, items uint64)) {
	found := map[int]uint64{}
	s.walkAll(func(p *partition, h handle) {
		if hd := p.s.arena.at(h); !hd.is(bitTomb) {
			found[(ItemBytes(int(hd.keyLen), int(hd.valLen))+31)/32*32]++
		}
	})
	var steps []int
	for n := range found {
		steps = append(steps, n)
	}
	sort.Ints(steps)
	for _, n := range steps {
		f(n, found[n])
	}
}
