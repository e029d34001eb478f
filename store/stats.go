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
	LimitBytes     uint64 // Config.MemoryBytes, or what SetMemoryLimit made of it
	CommittedBytes uint64 // taken of it: segments, large runs, index tables
	DeadBytes      uint64 // of that, items unlinked and not yet cleaned
	Tombstones     uint64 // deletes the peer has not acknowledged
	TombstoneBytes uint64 // what they occupy
	LocalItems     uint64 // items that match Config.LocalKeys
	IndexSlots     uint64 // places in all indexes, empty ones included
	IndexBytes     uint64 // what they take of CommittedBytes
	Classes        [SizeClasses]ClassStats

	Counters
}

// Counters are what ResetStats sets back. All are uint64: see words.
type Counters struct {
	TotalItems       uint64 // values stored by clients
	CmdGet           uint64 // reads: GetHits + GetMisses; gat and gats are no gets, as in memcached
	GetHits          uint64 // reads of an item that was there
	GetMisses        uint64 // reads of one that was not
	GetExpired       uint64 // misses because the item had expired
	GetFlushed       uint64 // misses because the item was flushed
	CmdSet           uint64 // the whole set family, successful or not
	CmdTouch         uint64 // touch, gat and gats: TouchHits + TouchMisses
	TouchHits        uint64 // of an item that was there
	TouchMisses      uint64 // of one that was not
	CmdFlush         uint64 // flushes asked for, refused ones included
	DeleteHits       uint64 // deletes of an item that was there
	DeleteMisses     uint64 // deletes of one that was not
	IncrHits         uint64 // incr of an item that was there
	IncrMisses       uint64 // incr of one that was not
	DecrHits         uint64 // decr of an item that was there
	DecrMisses       uint64 // decr of one that was not
	CasHits          uint64 // sets with a CAS that matched
	CasMisses        uint64 // sets with a CAS where no item was
	CasBadval        uint64 // sets with a CAS that did not match
	StoreTooLarge    uint64 // values refused because the item would be above Config.MaxItemBytes
	StoreNoMemory    uint64 // values refused because no memory was to be had
	Evictions        uint64 // live items removed for memory
	EvictedUnfetched uint64 // of those, never read
	EvictedActive    uint64 // of those, read since the hand had last passed
	Reclaimed        uint64 // expired or flushed items that the cleaner removed
	CrawlerReclaimed uint64 // expired or flushed items that the sweep removed
	CrawlerChecked   uint64 // items the sweep looked at
	ExpiredUnfetched uint64 // items never read that expired and were removed, by whomever
	DirectReclaims   uint64 // times a client's store had to wait for the cleaner
	Reclaims         uint64 // times anybody had to, the peer's changes included

	Received       uint64 // states the peer sent
	ConflictsWon   uint64 // concurrent writes of one key where ours was the later
	ConflictsLost  uint64 // and where the peer's was
	ApplyLocal     uint64 // refused: the key is local here
	ApplyTooLarge  uint64 // above this node's item limit: dropped, and what we held of the key
	ApplyNoMemory  uint64 // no memory and no eviction: likewise
	TouchUnknown   uint64 // expiry changes of values this node did not hold
	Buried         uint64 // tombstones forgotten over the budget
	GraveRejects   uint64 // values refused because a forgotten delete may have covered them
	GraveEvictions uint64 // values evicted because the peer may have forgotten their delete
}

// partStats are a partition's counts, under its lock. Counters that ClassCounters
// have as well stay 0 here.
type partStats struct {
	Counters
	items, bytes, localItems uint64
	class                    [SizeClasses]classRow
}

// add counts a value in (1) or out (-1).
func (t *partStats) add(hd *header, n int) {
	bytes := hd.bytes()
	c := t.row(hd)
	t.items += uint64(n)
	t.bytes += uint64(n * bytes)
	c.items += uint64(n)
	c.bytes += uint64(n * bytes)
	if hd.is(bitLocal) {
		t.localItems += uint64(n)
	}
}

func (t *partStats) evict(hd *header) {
	c := t.row(hd)
	c.Evictions++
	if hd.expires() != 0 {
		c.EvictedNonzero++
	}
	if !hd.is(bitFetched) {
		c.EvictedUnfetched++
	} else if hd.bits&bitFreq > 0 {
		c.EvictedActive++
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
	st.Counters.subtract(&s.statsBase.Counters)
	for i := range st.Classes {
		st.Classes[i].subtract(&s.statsBase.class[i])
	}
	s.resetMu.Unlock()
	return st
}

// ResetStats makes the counters count from 0 again.
func (s *Store) ResetStats() {
	st := s.snapshot()
	s.resetMu.Lock()
	s.statsBase.Counters = st.Counters
	for i := range st.Classes {
		s.statsBase.class[i] = st.Classes[i].ClassCounters
	}
	s.resetMu.Unlock()
}

// statsBase is what the counters were at the last reset.
type statsBase struct {
	Counters
	class [SizeClasses]ClassCounters
}

// CountTooLarge counts a store that was refused for its size before it came here.
func (s *Store) CountTooLarge() { s.tooLarge.Add(1) }

// CountFlush counts a flush that was refused.
func (s *Store) CountFlush() { s.cmdFlush.Add(1) }

func (s *Store) snapshot() (st Stats) {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		p.stats.addTo(&st)
		st.Tombstones += uint64(p.tombN)
		st.IndexSlots += uint64(len(p.idx.slots))
		p.mu.Unlock()
	}
	for i := range st.Classes {
		k := &st.Classes[i]
		k.ChunkBytes, k.OldestMillis, k.EvictedIdle = classLimits[i], s.sweep.old[i].Load(), s.evictedIdle[i].Load()
	}
	st.sum()
	st.IndexBytes = uint64(tableBytes(int(st.IndexSlots)))
	st.CmdFlush = s.cmdFlush.Load()
	st.StoreTooLarge += s.tooLarge.Load()
	st.Reclaims = s.reclaimRuns.Load()
	a := s.arena
	a.mu.Lock()
	st.CommittedBytes, st.DeadBytes = uint64(a.committed), uint64(a.dead)
	a.mu.Unlock()
	st.LimitBytes = uint64(s.limit.Load())
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
		k.Items += c.items
		k.Bytes += c.bytes
		k.add(&c.ClassCounters)
	}
}

// Sizes calls f for each 32-byte step of item size that is in use, ascending. It
// walks over all items, one partition at a time.
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
