package store

import "sync/atomic"

// A version is a 64-bit hybrid logical clock: bit 63 is 0, then 44 bits of Unix
// milliseconds, 13 logical bits and 6 bits of the node's slot. One number is the
// order of writes, the name of a tombstone and the memcached cas unique. Other files
// read the parts of a version with the functions here.
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

// lastTick is the last time that next makes a version of, in logical steps. The clock stands
// still there: all writes have one version then, and the larger value of two wins. Only a
// clock that is set beyond MaxClockMillis after the start gets there.
const lastTick = 1<<(63-slotBits) - 1

// VersionAt returns the lowest version of a millisecond.
func VersionAt(nowMillis int64) uint64 {
	return uint64(nowMillis) << (logicalBits + slotBits)
}

// VersionMillis returns the Unix millisecond that a version was made in, as far
// as its node's clock knew (a busy clock runs ahead of time by its logical bits).
func VersionMillis(v uint64) int64 { return int64(v >> (logicalBits + slotBits)) }

// VersionParts takes a version apart: its millisecond as VersionMillis, the number of the
// logical step within that, and the slot of the node that made it.
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

// observe lifts the clock to v. It is called with every version from the peer before that
// is applied. Otherwise a later local write could get a lower version.
func (c *clock) observe(v uint64) {
	for {
		old := c.hlc.Load()
		if v <= old || c.hlc.CompareAndSwap(old, v) {
			return
		}
	}
}

// Untouched says that no client and no peer has ever changed anything here. Only the clock
// may have moved since New. It locks one partition at a time, because a stranger's HELLO can
// cause a call, and that must not stop all clients.
func (s *Store) Untouched() bool {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		touched := p.touchedLocked()
		p.mu.Unlock()
		if touched { // that never changes back
			return false
		}
	}
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	return !s.anyFlushLocked()
}

// touchedLocked says that something was ever changed in the partition. Its lock is held.
func (p *partition) touchedLocked() bool { return p.list.seq > 0 || p.grave.floor > 0 }

// anyFlushLocked says that there was a flush, or one is pending. flushMu is held.
func (s *Store) anyFlushLocked() bool { return s.flushedTo.Load() > 0 || s.pending.Version > 0 }

// Rewind sets the clock of an untouched store to nowMillis, and so gives up what the clock
// has observed. false: the store is not untouched, and nothing has changed. Nobody may hold
// a version above nowMillis that was made here. It locks all partitions, so that no write
// can begin meanwhile.
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

// SetSlot changes it; only the low 6 bits of slot count. Versions keep their order, because
// the bits above the slot grow with each. When it returns, no write is under way that could
// still make a version with the old slot.
func (s *Store) SetSlot(slot uint8) {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.lockParts()
	defer s.unlockParts()
	s.clock.slot.Store(uint64(slot) & slotMask)
}
