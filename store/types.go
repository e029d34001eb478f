package store

// Sizes that both nodes of a pair must agree on, or that a client can see.
const (
	Partitions  = 256 // top 8 bits of the key's hash; fixed by the wire protocol
	MaxKeyBytes = 250 // memcached's doc/protocol.txt, "Keys"
)

// AlreadyExpired is an expiry that has passed whatever the clock says; a Request that
// carries it stores nothing and removes what was there.
const AlreadyExpired int64 = -1

// ID is a random 128-bit name: of a node, or of one start of its process (an
// incarnation). The zero ID means "none".
type ID [16]byte

// Op is what a client wants done to one key.
type Op uint8

// The mutations of all protocols. Reads are Get and Fetch.
const (
	OpSet Op = iota + 1
	OpAdd
	OpReplace
	OpAppend
	OpPrepend
	OpCAS // a set that compares, with Request.Compare or without; NotFound where there is no item
	OpDelete
	OpDrop // a delete the client did not ask for (its set was too large); counted as StoreTooLarge alone
	OpIncr
	OpDecr
	OpTouch
	OpMark // a new version of the item that is there: stale (Request.Invalidate), emptied (Request.Empty), or both
)

// Request is one complete, checked mutation. Key and Value are borrowed for the
// length of the call.
type Request struct {
	Op Op

	// What the meta protocol can ask for besides.
	Create     bool // append, prepend, incr, decr: where there is no item, make one
	Touch      bool // incr, decr, OpMark: Expires is the item's new expiry
	Invalidate bool // OpMark: the item is stale. OpCAS: a CAS older than the item's, and not 0, stores the value, as stale
	Empty      bool // OpMark: the item's value is gone; it has the flags of this request, and never expires unless Touch says so

	Key     []byte // 1..MaxKeyBytes
	Value   []byte
	Draft   *Draft // where Value stands already, for set, add, replace and cas; the caller drops it afterwards. nil: Value is copied
	Refused bool   // no memory could be had for the value while it arrived: it is as if Do had found none
	Flags   uint32
	Expires int64  // absolute Unix ms; 0 never; AlreadyExpired: it is past
	Compare bool   // carry it out only if the item's version is CAS; all ops but OpAdd, OpDrop and OpTouch, which look at no CAS
	CAS     uint64 // with Compare, and for OpCAS: the version that must be current; no item has version 0, so 0 never matches
	Delta   uint64 // OpIncr, OpDecr

	CreateExpires int64  // as Expires, of an item that Create makes
	Initial       uint64 // the number that incr and decr then begin with

	Look *Look // Do fills it in; nil: nobody watches
}

// Status is the outcome of a Request.
type Status uint8

// Outcomes. Which op can have which is said beside each.
const (
	Stored     Status = iota + 1 // set family, incr and decr, mark
	Created                      // incr and decr with Create on a miss
	NotStored                    // add on a hit; replace, append, prepend on a miss
	Exists                       // the CAS did not match
	NotFound                     // cas, delete, incr, decr, touch, mark on a miss
	Deleted                      // delete on a hit
	Touched                      // touch on a hit
	NonNumeric                   // incr or decr of a value that is not a decimal uint64
	TooLarge                     // the item would be over Config.MaxItemBytes (append, prepend, set)
	NoMemory                     // memory is full and eviction is off, or nothing could be evicted
)

// Result is the answer to a Request. Where the status is Stored or Created, Version
// is the item's new version (the CAS unique), and Number its value as a number after
// incr or decr, the length of its value in bytes after every other op; else they are
// 0. Expires is the expiry after incr or decr. With a fifth field the compiler would
// no longer return it in registers: 20 ns a request.
type Result struct {
	Status  Status
	Version uint64
	Number  uint64
	Expires int64
}

// Marks are what the meta protocol says about a value. The numbers travel.
type Marks uint8

// The marks of an item.
const (
	MarkStale Marks = 1 // a client called the value outdated; it is served, and said to be so
	MarkWon   Marks = 2 // a client was told to renew the value; others are told that one was
)

// View is one item as a reader sees it, before the reading changed anything. Key
// and Value point into the store's memory and are valid only inside the Render
// function that got them.
type View struct {
	Key         []byte
	Value       []byte
	Flags       uint32
	Version     uint64 // the CAS unique
	Expires     int64  // absolute Unix ms; 0 never
	Marks       Marks
	Fetched     bool  // read before, since it was stored
	IdleSeconds int64 // since it was last read or stored, on this node; to the second up to 8 minutes, then to 512 s, up to three days
	Wins        bool  // Fetch: this reader shall renew the value
	Created     bool  // Fetch: it was not there, and is now

	// Pinned: the value stays where it is until that is released. Render leaves it out,
	// and says in Pinned.At where it belongs. nil: Render copies it.
	Pinned *Pinned
}

// Render appends a reply for v to dst and returns it. It runs under a partition
// lock: it must not block, keep v, or call the store. Pass package-level
// functions, not closures: those cost no allocation.
type Render func(dst []byte, v *View) []byte

// Render calls f, so that a Render is a Renderer.
func (f Render) Render(dst []byte, v *View) []byte { return f(dst, v) }

// Renderer is Render with a state of its own.
type Renderer interface {
	Render(dst []byte, v *View) []byte
}

// Fetch is a read that may change the item. Key is borrowed for the length of the call.
type Fetch struct {
	Key []byte // 1..MaxKeyBytes

	Touch   bool  // the item gets a new expiry: Expires, absolute Unix ms, 0 never, AlreadyExpired: it is past
	Expires int64 // without Touch: no meaning

	Create        bool  // where there is no item make an empty one, whose reader wins
	CreateExpires int64 // its expiry

	MayWin      bool  // the reader can be told to renew the value: it wins if that is stale and nobody has won yet
	Renew       bool  // with MayWin: the reader also wins if the item expires before RenewBefore and nobody has won yet
	RenewBefore int64 // absolute Unix ms
	AfterTouch  bool  // Renew looks at the new expiry, not at the one before

	Quiet bool // the read is not noted as an access
	Peek  bool // an inspection: not noted, not counted, and changes nothing

	NoMemory bool // Fetch sets it: no memory could be had for the new expiry, and the item has its old one

	Pin  *Pinned // as for GetPinned
	Look *Look   // Fetch fills it in; nil: nobody watches
}

// RecordOp says what a Record carries. The numbers travel: append only.
type RecordOp uint8

// The states of a key as they travel between the nodes.
const (
	RecordValue     RecordOp = 0
	RecordTombstone RecordOp = 1
	RecordTouch     RecordOp = 2 // a new expiry for a value the receiver has
	// 3 is reserved for counters.
	RecordPieced RecordOp = 4 // a value that came before, in pieces
)

// Record is one state of one key on its way between nodes. Key and Value belong
// to whoever filled them in.
type Record struct {
	Key        []byte
	Op         RecordOp
	Version    uint64 // orders writes
	ExpVersion uint64 // expiry version: of the last change of Expires; equal to Version until the item is touched
	Expires    int64  // absolute Unix ms; 0 never
	Flags      uint32
	Value      []byte
	Marks      Marks // none for a tombstone
	in         *Incoming
}

// Batch is states of keys of one partition that come on one lane, in order.
type Batch struct {
	Part    int
	To      uint64 // the lane's position once they are applied
	Records []Record
}

// Refusal is why a value that the peer sent is not stored here. The numbers travel:
// append only.
type Refusal uint8

// Reasons of a refusal.
const (
	RefusedNoMemory Refusal = 1 // memory is full and eviction is off
	RefusedTooLarge Refusal = 2 // above Config.MaxItemBytes
	RefusedLocal    Refusal = 3 // the key matches Config.LocalKeys here
)

// Cursor says what a receiver holds of one partition of a source: every change
// with a sequence in [0,A] or (T,B]. The gap (A,T] is bulk still owed.
type Cursor struct{ A, T, B uint64 }

// Lane is one of the two ways a change travels.
type Lane uint8

// The lanes of a session. The numbers travel.
const (
	Live Lane = 0
	Bulk Lane = 1
)
