package store

import "errors"

// Config is what a store is made from.
type Config struct {
	MemoryBytes    int64    // everything the data may cost: items, index, tombstones, slack
	MaxItemBytes   int      // largest item, as memcached counts it: 48 + key + 1 + value + 2 + 8
	NoEviction     bool     // -M: answer NoMemory instead of evicting
	LocalKeys      []string // globs (path.Match) of keys that never leave this node
	Replicated     bool     // a peer is configured: keep tombstones for it
	Slot           uint8    // 0..63, the low bits of every version made here
	TombstoneBytes int64    // budget; 0 = 5 % of MemoryBytes, 1 MiB..256 MiB
}

// Store is one node's data. All methods may be called from any goroutine.
type Store struct{}

func New(cfg Config, nowMillis int64) (*Store, error) { return nil, errors.New("stub") }
func (s *Store) Close()                               {}

// ---- clients
func (s *Store) Do(nowMillis int64, r *Request) Result { panic("stub") }

// Get appends render(view) for a live item to dst. A miss returns dst unchanged and false.
func (s *Store) Get(nowMillis int64, key, dst []byte, render Render) ([]byte, bool) { panic("stub") }

// GetAndTouch is Get that also gives the item a new expiry (absolute ms, 0 never).
func (s *Store) GetAndTouch(nowMillis int64, key []byte, expires int64, dst []byte, render Render) ([]byte, bool) {
	panic("stub")
}

// Flush makes everything written until now dead.  FlushAt does so at atMillis; a later call of either replaces a pending one.
func (s *Store) Flush(nowMillis int64)             { panic("stub") }
func (s *Store) FlushAt(nowMillis, atMillis int64) { panic("stub") }

// Tick does what time demands: a due delayed flush, a slice of the expiry sweep. Call it a few times a second.
func (s *Store) Tick(nowMillis int64) { panic("stub") }

// Stats is a snapshot (fields will be: Items, Bytes, Tombstones, ... and the per-command counters).
type Stats struct {
	Items, TotalItems, Bytes, LimitBytes                                 uint64
	CmdGet, CmdSet, CmdTouch, CmdFlush                                   uint64
	GetHits, GetMisses, GetExpired, GetFlushed                           uint64
	DeleteHits, DeleteMisses, IncrHits, IncrMisses, DecrHits, DecrMisses uint64
	CasHits, CasMisses, CasBadval, TouchHits, TouchMisses                uint64
	StoreTooLarge, StoreNoMemory                                         uint64
	Evictions, ExpiredUnfetched, EvictedUnfetched, Reclaimed             uint64
	Classes                                                              [64]ClassStats // index = memcached-like slab class, 0 unused
}

// ClassStats describes the items whose size falls into one memcached-like size class.
type ClassStats struct {
	ChunkBytes                             uint32 // upper size of the class
	Items, Bytes                           uint64
	Evicted, EvictedUnfetched, OutOfMemory uint64
	AgeSeconds                             uint64
}

func (s *Store) Stats() Stats { panic("stub") }
func (s *Store) ResetStats()  { panic("stub") } // "stats reset"

// Sizes calls f for each 32-byte size step that holds items, ascending ("stats sizes").
func (s *Store) Sizes(f func(sizeBytes int, items uint64)) { panic("stub") }

// ---- replication: one peer

// PendingFlush is a delayed flush that has not happened yet. Zero = none.
type PendingFlush struct {
	Version  uint64
	AtMillis int64
}

// State is what a node tells its peer at the start of a session (frame STATE).
type State struct {
	Clock    uint64 // hlc: the highest version made or seen
	Born     uint64 // the clock when this process started
	Flush    uint64 // F: values with Version <= Flush are dead
	Pending  PendingFlush
	Items    uint64
	LastPeer ID                 // incarnation this store last replicated with; zero = never
	Cursors  [Partitions]Cursor // what it holds of LastPeer's changes
}

// BulkStart: the bulk lane of a partition (re)starts; tell the peer BULK{part, t=T, count}.
type BulkStart struct {
	Part  int
	T     uint64
	Count uint64 // items the bulk will walk over, about
}

// Grave tells the peer that deletes up to Floor may have been forgotten here. (Part 1: always saturated: every key.)
type Grave struct {
	Gen, Floor uint64
}

// State returns what this node holds.
func (s *Store) State() *State { panic("stub") }

// Attach begins a session with incarnation inc, whose STATE was st, and whose STATE said forInc == our inc if resumable is true.
// It observes the clock, merges flush state, and sets every partition's sent cursor: resumed where possible, else to a new bulk walk,
// which the returned list names (announce those before any batch of the partition).
func (s *Store) Attach(nowMillis int64, inc ID, st *State, resumable bool) []BulkStart { panic("stub") }

// Detach ends the session; what was sent and not acknowledged will be sent again.
func (s *Store) Detach() { panic("stub") }

// SetNotify registers f: called (from any goroutine, under a partition lock; must only signal) when there is new work for the sender
// and nobody was told since the last TakeDirty.
func (s *Store) SetNotify(f func()) { panic("stub") }

// TakeDirty returns the partitions (bit p of word p/64) that got changes (or graves) since the last call, and clears the set.
func (s *Store) TakeDirty() (set [Partitions / 64]uint64) { panic("stub") }

// Sent is what Collect did.
type Sent struct {
	Items  int    // records emitted; 0 with Moved false: nothing to say on this lane
	To     uint64 // the lane's new position
	Moved  bool   // a BATCH (possibly with zero records) has to be sent for To to count
	More   bool   // the lane has more right now
	Done   bool   // bulk lane only: the gap is empty; send DONE
	Cursor Cursor // what the peer holds once it acknowledges this batch: pass it to Acked
}

// Collect walks a lane of a partition from the sent cursor under the partition lock, calls emit for at most maxItems records / about maxBytes
// of key+value (at least one record), and advances the sent cursor. emit must encode or copy: the record dies when it returns.
func (s *Store) Collect(part int, lane Lane, maxItems, maxBytes int, emit func(*Record)) Sent {
	panic("stub")
}

// Tail returns the newest sequence of a partition; SentCursor how far the session has sent.
func (s *Store) Tail(part int) uint64       { panic("stub") }
func (s *Store) SentCursor(part int) Cursor { panic("stub") }

// NextGrave returns the grave to announce for part, if one is due (then send GRAVE before any batch of the partition); a bulk walk restarts with it.
func (s *Store) NextGrave(part int) (g Grave, b BulkStart, due bool) { panic("stub") }

// Acked: the peer acknowledged a batch whose Sent.Cursor was c. GraveAcked: it acknowledged GRAVE{gen}.
func (s *Store) Acked(part int, c Cursor)        { panic("stub") }
func (s *Store) GraveAcked(part int, gen uint64) { panic("stub") }

// ApplyBatch merges what the peer sent and advances the received cursor. Records whose key does not belong to part are an error
// (nothing of the batch counts then; close the link).
func (s *Store) ApplyBatch(nowMillis int64, part int, lane Lane, to uint64, recs []Record) error {
	panic("stub")
}
func (s *Store) BulkBegun(part int, t uint64)                  { panic("stub") }
func (s *Store) BulkDone(part int)                             { panic("stub") }
func (s *Store) ApplyGrave(nowMillis int64, part int, g Grave) { panic("stub") }
func (s *Store) ApplyFlush(nowMillis int64, f, pver uint64)    { panic("stub") } // FLUSH{F,pver}
func (s *Store) ApplyFlushAt(nowMillis int64, p PendingFlush)  { panic("stub") }

// FlushState is what FLUSH and FLUSH_AT would say now; the session sends them when it differs from what it sent last.
// cancelled is the Version of the pending flush that the last immediate flush replaced (FLUSH's pver), 0 = none.
func (s *Store) FlushState() (f, cancelled uint64, p PendingFlush) { panic("stub") }

// Observe lifts the clock above v (HELLO, STATE).
func (s *Store) Observe(v uint64) { panic("stub") }

// Unacked counts the items (tombstones included) that the peer does not have for certain.
func (s *Store) Unacked() uint64 { panic("stub") }
