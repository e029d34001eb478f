package store

import "sync/atomic"

// A version is a 64-bit hybrid logical clock: bit 63 is 0, then 44 bits of Unix
// milliseconds, 13 logical bits and 6 bits of the node's slot. One number is the
// order of writes, the name of a tombstone and the memcached cas unique. Nobody else
// looks at the parts of a version but through the functions here.
const (
	slotBits    = 6
	logicalBits = 13
	slotMask    = 1<<slotBits - 1
)

// MaxSlot is the largest slot; the slots are 0..MaxSlot, and all its bits are set.
const MaxSlot = slotMask

// MaxClockMillis is the latest time that a store begins at or takes a version of, in
// Unix ms: a year before the 44 bits end, in 2527. No process lives that long, nor
// makes that many versions ahead of time, so bit 63 stays 0.
const MaxClockMillis = 1<<44 - 366*24*60*60*1000

// lastTick is the last of next's steps. The clock stands still there: its writes have
// one version then, and the larger value of two wins. Nothing leads there but a clock
// that was set, behind the start, beyond MaxClockMillis.
const lastTick = 1<<(63-slotBits) - 1

// VersionAt returns the lowest version of a millisecond.
func VersionAt(nowMillis int64) uint64 {
	return uint64(nowMillis) << (logicalBits + slotBits)
}

// VersionMillis returns the Unix millisecond that a version was made in, as far
// as its node's clock knew (a busy clock runs ahead of time by its logical bits).
func VersionMillis(v uint64) int64 { return int64(v >> (logicalBits + slotBits)) }

// VersionParts takes a version apart: its millisecond as VersionMillis, the number of the
// step within that, and the slot of the node that made it.
func VersionParts(v uint64) (millis int64, logical uint16, slot uint8) {
	return VersionMillis(v), uint16(v >> slotBits & (1<<logicalBits - 1)), uint8(v & slotMask)
}

// clock makes versions. Safe for concurrent use.
type clock struct {
	hlc  atomic.Uint64 // highest version made or seen
	slot atomic.Uint64 // 0..slotMask
}

// next returns a version above every one made or observed before. It is called
// inside the partition lock, in the critical section of the write it names (a
// flush's: inside flushMu).
func (c *clock) next(nowMillis int64) uint64 {
	phys := uint64(nowMillis) << logicalBits
	for {
		old := c.hlc.Load()
		v := min(max(phys, old>>slotBits+1), lastTick)<<slotBits | c.slot.Load()
		if c.hlc.CompareAndSwap(old, max(old, v)) {
			return v
		}
	}
}

// observe lifts the clock to v. Every version that comes from the peer passes
// here before it is applied: else a later local write could get a lower version.
func (c *clock) observe(v uint64) {
	for {
		old := c.hlc.Load()
		if v <= old || c.hlc.CompareAndSwap(old, v) {
			return
		}
	}
}

// Untouched says that no client and no peer has ever changed anything here: the store is
// as New made it, but for what its clock has observed. It stops nobody: a stranger's
// HELLO may ask for it.
func (s *Store) Untouched() bool {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		touched := p.touchedLocked()
		p.mu.Unlock()
		if touched { // and stays so
			return false
		}
	}
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	return !s.anyFlushLocked()
}

func (p *partition) touchedLocked() bool { return p.list.seq > 0 || p.grave.floor > 0 }

// anyFlushLocked tells whether anything was flushed, or is to be. flushMu is held.
func (s *Store) anyFlushLocked() bool { return s.flushedTo.Load() > 0 || s.pending.Version > 0 }

// Rewind makes the clock of an untouched store begin at nowMillis, whatever bound it has
// observed; false: it is not untouched. Nobody may hold a version above nowMillis that
// was made here.
func (s *Store) Rewind(nowMillis int64) bool {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.lockParts()
	defer s.unlockParts()
	for i := range s.parts {
		if s.parts[i].touchedLocked() {
			return false
		}
	}
	if s.anyFlushLocked() {
		return false
	}
	s.born.Store(VersionAt(nowMillis))
	s.clock.hlc.Store(VersionAt(nowMillis))
	return true
}

// Slot is what every version made from now on has in its low 6 bits.
func (s *Store) Slot() uint8 { return uint8(s.clock.slot.Load()) }

// SetSlot changes it; only the low 6 bits of slot count. Versions stay in their
// order, because the bits above grow with each. When it returns, no write is at work
// that could still make one with the old slot.
func (s *Store) SetSlot(slot uint8) {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.lockParts()
	defer s.unlockParts()
	s.clock.slot.Store(uint64(slot) & slotMask)
}
