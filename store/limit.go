package store

const (
	growthFactor = 4         // how many times its first limit a store may grow to: it costs address space
	growthAtOnce = 256 << 20 // and at least this far

	shrinkSegs = 32 // segments that one Tick gives up: at most what a writer may have to wait for
)

// roomFor returns the limit up to which a store that begins with limit may grow. It
// is not so far that handles would need a coarser unit.
func roomFor(limit int64) int64 {
	most := int64(1) << 32 << unitShift(limit) / 4 // segments, and twice that for runs, and room to round up
	return max(limit, min(max(limit*growthFactor, growthAtOnce), most, MaxMemoryBytes))
}

// unitShift returns the log2 of the unit that handles count in, for a store with
// this limit.
func unitShift(limit int64) (shift uint) {
	shift = 3
	for (3*limit+4<<20)>>shift >= 1<<32 {
		shift++
	}
	return shift
}

// MemoryLimit is Config.MemoryBytes, or what SetMemoryLimit made of it.
func (s *Store) MemoryLimit() int64 { return s.limit.Load() }

// SetMemoryLimit changes Config.MemoryBytes while the store is in use. More may be
// used at once; less is reached in the Ticks that follow, which evict what has to
// go. false: the limit is too small for the item limit, or above what there is
// address space for, and nothing has changed.
func (s *Store) SetMemoryLimit(bytes int64) bool {
	a := s.arena
	if bytes < MinMemoryBytes || int64(s.cfg.MaxItemBytes) > LargestItemBytes(bytes) || bytes > a.room {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.limit.Store(bytes)
	s.tombBudget.Store(s.cfg.tombBudget(bytes))
	// At least one free segment stays for the cleaner, be it over the limit.
	if len(a.free) < reserveSegs && len(a.cold) > 0 {
		a.free = append(a.free, a.cold[len(a.cold)-1])
		a.cold = a.cold[:len(a.cold)-1]
		a.committed += int64(a.segBytes)
	}
	a.limit = max(bytes, a.committed)
	return true
}

// tombBudget is what tombstones may take of a memory of this size.
func (c *Config) tombBudget(bytes int64) int64 {
	if c.TombstoneBytes != 0 {
		return c.TombstoneBytes
	}
	return min(max(bytes/20, min(1<<20, bytes/8)), 256<<20)
}

// shrink moves the limit by one step towards what SetMemoryLimit has set. over: it was not
// there.
func (s *Store) shrink(nowMillis int64) (over bool) {
	a := s.arena
	a.mu.Lock()
	target := s.limit.Load()
	over = a.limit > target
	if over {
		a.limit = max(target, a.limit-shrinkSegs*int64(a.segBytes))
		for a.committed > a.limit && len(a.free) > reserveSegs {
			last := len(a.free) - 1
			id := a.free[last]
			a.free = a.free[:last]
			a.chillLocked(id)
		}
	}
	a.mu.Unlock()
	for i := range s.parts {
		if s.tombBytes.Load() <= s.tombBudget.Load() { // it shrinks also where the data fits
			break
		}
		p := &s.parts[i]
		p.mu.Lock()
		p.limitTombs()
		p.mu.Unlock()
	}
	if !over || s.reclaim(nowMillis, 0) {
		return over
	}
	a.mu.Lock()
	a.limit = max(s.limit.Load(), a.committed) // eviction is off: what is there stays
	a.mu.Unlock()
	return true
}
