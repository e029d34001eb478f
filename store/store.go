package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"twincached/internal/glob"
)

// Config is what a store is made from.
type Config struct {
	MemoryBytes    int64    // everything the data may cost: items, index, tombstones, slack; at least MinMemoryBytes
	LargeBytes     int      // larger values are copied without a lock, and travel in pieces; 0: DefaultLargeBytes
	MaxItemBytes   int      // largest item as ItemBytes counts it; 0: DefaultMaxItemBytes
	NoEviction     bool     // answer NoMemory instead of evicting
	LocalKeys      []string // patterns (package glob) of keys that never leave this node
	Replicated     bool     // a peer is configured: keep tombstones for it
	Slot           uint8    // 0..63, the low bits of every version made here; see SetSlot
	TombstoneBytes int64    // budget of all tombstones; 0: 5 % of MemoryBytes, at least 1 MiB (or half of a small memory), at most 256 MiB

	// For simulations, which have small stores and one thread.
	GraveBits int            // bits set at which a grave's filter counts as full; 0: half of them
	WalkItems int            // items that a grave passes under one lock hold; 0: sweepChunk
	LetIn     func(part int) // called, with no lock of the partition held, wherever clients may come in while a session works; nil: nothing
}

// Limits of Config.
const (
	MinMemoryBytes      = 2 << 20 // 32 segments: less leaves the cleaner no choice
	MaxMemoryBytes      = 1 << 40 // what handles can name
	DefaultMaxItemBytes = 1 << 20 // memcached's
	MinItemLimitBytes   = 1 << 10 // memcached's
	MaxItemLimitBytes   = 1 << 30 // memcached's
)

// LargestItemBytes is the most that Config.MaxItemBytes may be for a memory limit: half of
// it, or one item would leave no room for any other.
func LargestItemBytes(memoryBytes int64) int64 { return memoryBytes / 2 }

// Store is one node's data. All methods may be called from any goroutine.
type Store struct {
	cfg   Config
	local glob.List
	seed  maphash.Seed
	clock clock
	born  atomic.Uint64
	arena *arena
	parts [Partitions]partition

	flushedTo   atomic.Uint64 // F: values with a version up to it are flushed
	flushMu     sync.Mutex    // orders changes of the flush state
	pending     PendingFlush  // guarded by flushMu
	cancelled   uint64        // version of the pending flush that was last replaced or carried out; guarded by flushMu
	pendingAt   atomic.Int64  // pending.AtMillis, 0: none; read on every command
	tombBytes   atomic.Int64
	markerBytes atomic.Int64 // of tombBytes, markers
	tombBudget  atomic.Int64
	limit       atomic.Int64 // Config.MemoryBytes, or what SetMemoryLimit said
	reclaimMu   sync.Mutex
	minFreq     uint8  // reads an item needs for the hand to spare it; guarded by reclaimMu
	keptAvg     int    // bytes the hand spared of a segment, averaged; guarded by reclaimMu
	vain        int    // segments in a row that freed next to nothing; guarded by reclaimMu
	lot         uint64 // see draw; guarded by reclaimMu
	sweep       sweeper
	resetMu     sync.Mutex
	statsBase   statsBase // guarded by resetMu
	tooLarge    atomic.Uint64
	shortAt     atomic.Int64               // see ShortMillis
	evictedIdle [SizeClasses]atomic.Uint64 // ClassStats.EvictedIdle
	cmdFlush    atomic.Uint64
	reclaimRuns atomic.Uint64
	filters     atomic.Int64                                     // of all graves
	onEvict     atomic.Pointer[func(nowMillis int64, e Evicted)] // see SetEvicted

	link linkState
	loan atomic.Pointer[Loan] // what the session is sending in pieces; nil: nothing
}

// New makes an empty store. nowMillis is the clock it starts at, 0..MaxClockMillis.
func New(cfg Config, nowMillis int64) (*Store, error) {
	if cfg.MaxItemBytes == 0 {
		cfg.MaxItemBytes = DefaultMaxItemBytes
	}
	if cfg.LargeBytes == 0 {
		cfg.LargeBytes = DefaultLargeBytes
	}
	if cfg.WalkItems == 0 {
		cfg.WalkItems = sweepChunk
	}
	if cfg.GraveBits == 0 {
		cfg.GraveBits = filterBits / 2
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if nowMillis < 0 || nowMillis > MaxClockMillis {
		return nil, fmt.Errorf("store: no versions can be made at %d ms of Unix time: 0 to %d", nowMillis, int64(MaxClockMillis))
	}
	local, err := glob.ParseList(cfg.LocalKeys)
	if err != nil {
		return nil, fmt.Errorf("store: local keys: %w", err)
	}
	a, err := newArena(cfg.MemoryBytes)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, local: local, arena: a, seed: maphash.MakeSeed(), minFreq: 1}
	s.limit.Store(cfg.MemoryBytes)
	s.tombBudget.Store(cfg.tombBudget(cfg.MemoryBytes))
	s.SetSlot(cfg.Slot)
	s.born.Store(VersionAt(nowMillis))
	s.clock.observe(VersionAt(nowMillis))
	for i := range s.parts {
		p := &s.parts[i]
		p.s, p.id = s, uint8(i)
		t, ok := s.newTable(indexMinSlots, false)
		if !ok {
			a.close()
			return nil, errors.New("store: the memory limit is too small for the indexes")
		}
		p.setIndex(newIndex(t))
	}
	return s, nil
}

func (c *Config) check() error {
	switch {
	case c.MemoryBytes < MinMemoryBytes:
		return fmt.Errorf("store: a memory limit of %d bytes is too small to be useful: at least %d MiB", c.MemoryBytes, MinMemoryBytes>>20)
	case c.MemoryBytes > MaxMemoryBytes:
		return fmt.Errorf("store: a memory limit of %d bytes is above the largest, %d GiB", c.MemoryBytes, int64(MaxMemoryBytes)>>30)
	case c.MaxItemBytes < MinItemLimitBytes || c.MaxItemBytes > MaxItemLimitBytes:
		return fmt.Errorf("store: an item limit of %d bytes is not between 1 KiB and 1 GiB", c.MaxItemBytes)
	case int64(c.MaxItemBytes) > LargestItemBytes(c.MemoryBytes):
		return fmt.Errorf("store: an item limit of %d bytes is above half of the memory limit of %d", c.MaxItemBytes, c.MemoryBytes)
	case c.Slot > slotMask:
		return fmt.Errorf("store: slot %d is not in 0..%d", c.Slot, slotMask)
	}
	return nil
}

// MaxItemBytes is the largest item that is stored, as ItemBytes counts it.
func (s *Store) MaxItemBytes() int { return s.cfg.MaxItemBytes }

// Close gives the memory back. Nothing may use the store during or after it.
func (s *Store) Close() {
	for i := range s.parts {
		s.freeTable(s.parts[i].idx.slots)
		s.parts[i].grave.free(s)
		s.parts[i].announced.free(s)
		s.parts[i].idx = index{}
	}
	s.arena.close()
}

// PartitionOf returns the partition of a key: the same on both nodes.
func PartitionOf(key []byte) int { return int(xxhash.Sum64(key) >> 56) }

// ItemBytes returns the size of an item as memcached counts it against its item
// limit: its header, the cas, the key and the value with their terminators.
func ItemBytes(keyBytes, valueBytes int) int { return 48 + 8 + keyBytes + 1 + valueBytes + 2 }

func (s *Store) partition(key []byte) (*partition, uint32) {
	return &s.parts[PartitionOf(key)], s.tag(key)
}

// Tables of indexes count against the limit. Small ones come from the Go heap,
// which the collector does not scan, as they hold no pointers.

const tablePage = 4096

func tableBytes(slots int) int64 { return int64(slots) * 8 }

// newTable returns at least n empty slots, or false when memory has to be
// reclaimed first. An urgent one is to be had in any case.
func (s *Store) newTable(n int, urgent bool) ([]uint64, bool) {
	if tableBytes(n) >= tablePage {
		n = int((tableBytes(n)+tablePage-1)/tablePage) * tablePage / 8
	}
	if !s.arena.commit(tableBytes(n), urgent) {
		return nil, false
	}
	if tableBytes(n) < tablePage {
		return make([]uint64, n), true
	}
	b, err := reserve(tableBytes(n))
	if err != nil {
		s.arena.uncommit(tableBytes(n))
		return nil, false
	}
	return wordsOf(b), true
}

func (s *Store) freeTable(t []uint64) {
	s.arena.uncommit(tableBytes(len(t)))
	if tableBytes(len(t)) >= tablePage {
		unreserve(bytesOf(t))
	}
}
