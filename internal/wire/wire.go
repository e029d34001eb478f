package wire

import (
	"strconv"

	"twincached/store"
)

// Versions of the protocol that this package speaks.
const (
	ProtoMin, ProtoMax = 1, 1
)

// Limits of what travels. Both sides hold them: the writer never makes a frame
// that the decoder of the same version would refuse.
const (
	MaxHandshakeBytes = 8 << 10   // body of any frame before the peer has authenticated itself
	MinFrameBytes     = 1 << 20   // the smallest value of MaxFrameBytes: a batch of small items fits with room
	HeadBytes         = 8         // length and checksum in front of a body
	MaxBatchRecords   = 1024      // records in one BATCH or MANY; a sender that follows docs/protocol.md stops at 128
	MaxPieceBytes     = 256 << 10 // one PIECE of a value
	MaxUnpackedBytes  = 1 << 20   // body of the frame in a PACKED: what a peer can make this node reserve for it
	MinPackedBytes    = 1 << 10   // body of a frame that the Writer packs: a shorter one gains little, and costs as much time
	MaxFilterBytes    = 4 << 10   // Bloom filter of one partition's grave
	MaxStatusBytes    = 64 << 10  // Status.Text: what a node says of itself for people is far shorter
	MaxClusterBytes   = 255       // Hello.Cluster: a name, not a document
	MaxSoftwareBytes  = 255       // Hello.Software
	MaxByeTextBytes   = 512       // Bye.Text: one line of log
	MaxSlot           = store.MaxSlot
	MaxVersion        = 1<<63 - 1 // bit 63 of a version is always 0
	MaxMillis         = 1<<53 - 1 // of any time that travels: far future, and sums of some such never overflow
)

// Features of Hello: bits of what a node understands beside its protocol version.
const (
	FeaturePieces  = 1 << 0 // PIECE, and items of the kind store.RecordPieced
	FeatureAnswers = 1 << 1 // BYE PLANNED is answered with BYE STAYS by a node that stays
	FeatureStatus  = 1 << 2 // STATUS
	FeatureMany    = 1 << 3 // MANY
	FeaturePacked  = 1 << 4 // PACKED

	Features = FeaturePieces | FeatureAnswers | FeatureStatus | FeatureMany | FeaturePacked // what this release understands
)

// frameSlackBytes is what a frame with one largest item needs besides the item:
// the msgpack heads, and room for fields that later versions append.
const frameSlackBytes = 64 << 10

// MaxFrameBytes is the limit of a body, in bytes, between authenticated nodes
// whose larger item limit is maxItemBytes.
func MaxFrameBytes(maxItemBytes int) int {
	return max(MinFrameBytes, maxItemBytes+frameSlackBytes)
}

// Type is the first element of a body.
type Type uint8

// The frames. Numbers travel: append only.
const (
	THello   Type = 1
	TAuth    Type = 2
	TState   Type = 3
	TBatch   Type = 4
	TBulk    Type = 5
	TDone    Type = 6
	TFlush   Type = 7
	TFlushAt Type = 8
	TAck     Type = 9
	TPing    Type = 10
	TPong    Type = 11
	TBarrier Type = 12
	TBye     Type = 13
	TGrave   Type = 14
	TPiece   Type = 15 // with FeaturePieces only
	TMany    Type = 16 // with FeatureMany only
	TPacked  Type = 17 // with FeaturePacked only
	TRefused Type = 64 // a hint: who does not know it skips it
	TStatus  Type = 65 // a hint too, and with FeatureStatus only
)

// FirstSkippable is the first type that a receiver which does not know it must
// skip. An unknown type below it is an error.
const FirstSkippable Type = 0x40

var typeNames = [...]string{
	THello: "HELLO", TAuth: "AUTH", TState: "STATE", TBatch: "BATCH", TBulk: "BULK", TDone: "DONE",
	TFlush: "FLUSH", TFlushAt: "FLUSH_AT", TAck: "ACK", TPing: "PING", TPong: "PONG",
	TBarrier: "BARRIER", TBye: "BYE", TGrave: "GRAVE", TPiece: "PIECE", TMany: "MANY", TPacked: "PACKED", TRefused: "REFUSED", TStatus: "STATUS",
}

// String is the frame's name as docs/protocol.md writes it, or "type N".
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// Hello is the first frame of both sides. Nothing in it is trusted until AUTH.
type Hello struct {
	ProtoMin, ProtoMax uint32   // the session speaks the smaller ProtoMax; both at least 1
	Features           uint64   // bit set: FeaturePieces and the like; unknown bits are ignored
	Cluster            string   // both sides must have the same; "" is a name too
	NodeID             store.ID // the node, over restarts if it keeps state
	Inc                store.ID // this start of the process
	Nonce              [32]byte // random, fresh for each connection
	Slot               uint8    // 0..MaxSlot
	Partitions         uint32   // store.Partitions
	MaxItem            uint64   // largest item the sender stores, bytes
	SteadyMillis       int64    // the sender's steady clock, Unix ms
	Software           string   // for people: name and version
	Memory             uint64   // the sender's memory limit, bytes; 0 = it does not say
	NoEviction         bool     // it refuses what finds no memory; no meaning without Memory
}

// Auth proves that the sender knows the secret; see AuthMAC.
type Auth struct{ MAC [32]byte }

// State is what a node holds when a session starts.
type State struct {
	store.State          // Clock, Born, Flush, Pending, Items, LastPeer, Cursors, HeirOf
	ForInc      store.ID // the incarnation whose changes Cursors count; zero = none
	NodeState   uint8    // the sender's node state, for people and stats; no meaning for the session
}

// Batch is a piece of one lane of one partition. After decoding, Records is
// reused by the next Decode into the same Body, and keys and values point into
// the frame's body.
type Batch struct {
	N       uint64 // number that ACK refers to
	Part    int    // 0..store.Partitions-1
	Lane    store.Lane
	To      uint64 // the lane's position once the batch is applied
	Records []store.Record
}

// Many is a piece of one lane of several partitions, each of them once. After decoding,
// Batches and their records are reused, as those of Batch are.
type Many struct {
	N       uint64
	Lane    store.Lane
	Batches []store.Batch  // 1..store.Partitions
	Records []store.Record // those of all Batches, one behind the other; at most MaxBatchRecords
}

// Packed is a Batch, Many or Piece, compressed. A Decoder that unpacks never shows it.
type Packed struct {
	Bytes int    // of the body of that frame, 1..MaxUnpackedBytes
	Data  []byte // that body as one zstd frame; it points into the frame's body
}

// Piece is a part of a value that is too large for one frame. The pieces of a value come
// in order, and a Batch with its item behind the last one. After decoding, Key and Data
// point into the frame's body.
type Piece struct {
	N       uint64
	Part    int
	Lane    store.Lane // of the Batch that follows
	Key     []byte
	Version uint64
	Bytes   int    // of the whole value, at most store.MaxItemLimitBytes
	At      int    // where Data begins in it
	Data    []byte // 1..MaxPieceBytes
}

// Refused tells that a value that came was not stored: the sender is the only one who
// has it. It goes before the Ack of the Batch. Key points into the frame's body.
type Refused struct {
	Part    int
	Key     []byte
	Version uint64
	Why     store.Refusal
}

// Status is what the sender says of itself, for people. A session believes nothing of it, and
// does not know what is in it. Text points into the frame's body.
type Status struct{ Text []byte } // 1..MaxStatusBytes

// Bulk opens the bulk lane of a partition: the receiver forgets its cursor and
// holds {0,T,T}. Count is about how many items will come, for progress only.
type Bulk struct {
	N        uint64
	Part     int
	T, Count uint64
}

// Done closes the bulk lane of a partition: the gap is empty.
type Done struct {
	N    uint64
	Part int
}

// Flush: every value with a version of at most Flush is dead. Cancelled is the
// version of the delayed flush that this one replaces, 0 = none.
type Flush struct{ N, Flush, Cancelled uint64 }

// FlushAt announces a delayed flush.
type FlushAt struct {
	N       uint64
	Pending store.PendingFlush
}

// Ack: every numbered frame up to and including N has been applied.
type Ack struct{ N uint64 }

// Ping asks for a Pong. Times are steady clock, ms.
type Ping struct {
	ID       uint64
	T0       int64  // when it was sent, sender's clock
	Backlog  uint64 // items the sender has not sent yet, about
	BulkLeft uint64 // items of the bulk lane not sent yet, about
}

// Pong answers a Ping: ID and T0 are copied from it.
type Pong struct {
	ID uint64
	T0 int64 // the pinger's clock when it sent the Ping
	T1 int64 // the answerer's clock when the Ping arrived
	T2 int64 // the answerer's clock when the Pong left
}

// Barrier: everything the sender had when it sent this precedes it.
type Barrier struct{ N uint64 }

// Grave: the sender may have forgotten deletes with versions up to Floor, of
// keys that match Filter, or of every key if Saturated. Filter points into the
// frame's body after decoding; it may be empty only if Saturated.
type Grave struct {
	N         uint64
	Part      int
	Gen       uint64 // which of the sender's graves of Part it is; grows
	Floor     uint64
	Saturated bool
	Filter    []byte // 0..MaxFilterBytes
}

// Bye is the last frame of its sender.
type Bye struct {
	Code ByeCode
	Text string // for people; at most MaxByeTextBytes, the writer cuts it
}

// Body is one decoded frame: Type says which of the other fields holds it; the
// rest keep what earlier frames left. Make one per connection and reuse it.
// Records and byte slices point into the body that was decoded and are valid as
// long as that is.
type Body struct {
	Type    Type
	Unknown bool // a type from FirstSkippable on that this version does not know: skip the frame

	Hello   Hello
	Auth    Auth
	State   State
	Batch   Batch
	Many    Many
	Bulk    Bulk
	Done    Done
	Flush   Flush
	FlushAt FlushAt
	Ack     Ack
	Ping    Ping
	Pong    Pong
	Barrier Barrier
	Bye     Bye
	Grave   Grave
	Piece   Piece
	Packed  Packed
	Refused Refused
	Status  Status
}
