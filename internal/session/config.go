package session

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

// Limits and times of a session. The times are short: if a peer counts as dead and is not,
// that costs a new session, which sends what has changed since.
const (
	WindowBytes   = 2 << 20  // data under way; what a slow peer can cost in memory
	windowFrames  = 16 << 10 // the same in frames: the list of what is under way stays below 1 MiB
	batchItems    = 128      // items a batch
	batchBytes    = 48 << 10 // keys and values a batch; one item may be larger. This leaves room for the heads
	pumpBytes     = 64 << 10 // what one Pump writes at most; its last batch may go beyond
	pieceBytes    = 64 << 10 // of a large value in one frame
	pumpCollects  = 300      // partitions that one Pump looks at: all of them, and some twice
	ackBytes      = 32 << 10
	ackMillis     = 2
	gravesAtOnce  = 4    // announced by one Pump: for each, the store walks over a partition
	graveItems    = 2500 // items walked over for graves in a millisecond while there is data to send: a quarter of what is possible
	graveMillis   = 200  // a partition's grave is announced at most this often
	pingMillis    = 250  // a PING is sent when nothing else was for so long: three may come late or not at all before the peer counts as dead
	measureMillis = 250  // how long data waits for the peer's first PING, so that the peer has measured this clock before times arrive
	probeMillis   = 1000 // a PING is sent this often under traffic too: it measures the clocks
	statusMillis  = 700  // a STATUS is sent at most this often. The node makes one each second, and each is to go out
	silenceMillis = 1000 // after so long without bytes the peer counts as dead
	HelloMillis   = 3000 // a handshake that takes longer is given up
	leavingMillis = 1000 // how long the answer to BYE PLANNED may take
	TickMillis    = 50   // how often Core.Tick has to be called, unless it says that a second is enough

	clockWarnMillis   = 500
	clockRefuseMillis = 24 * 60 * 60 * 1000 // two clocks that differ by more make no session: versions of the one that is wrong would outlive all later writes
)

// Defaults of Config.
const (
	DefaultPeerWait    = 10 * time.Second
	DefaultRefusedWait = 10 * time.Minute // long enough for a person to do something about it
	DefaultHandover    = 5 * time.Second  // docker compose takes one or two to bring a container back, and kills one that takes ten to stop
)

// Config is what a Core is made from. Zero values mean the default that is written
// beside each field.
type Config struct {
	Seeks   bool   // this node has a peer's address; false = a peer may call, or there is none
	Cluster string // both nodes must name the same; "" is a name too
	Secret  []byte // shared secret; empty = anybody may link

	NodeID    store.ID // required: this node
	Inc       store.ID // required: this start of the process
	PinPeerID store.ID // the only node that may link; zero = any

	HeirOf      store.Line // the Line of the image that Store was loaded from; zero = there was none
	Provisional bool       // that image is not of the last node that stopped: see Core.Forsaken
	awaited     store.ID   // whom the process that wrote the image had met last

	MemoryBytes uint64        // what the store was made with; the peer compares it with its own; 0 = the peer is not told
	NoEviction  bool          // what the store was made with; the peer compares it too
	PeerWait    time.Duration // how long a joining node waits for its peer; 0 = 10 s
	BootWait    bool          // a joining node waits for ever
	BootServe   bool          // a joining node opens after PeerWait even if its peer refuses to link, or is refused
	RefusedWait time.Duration // without BootServe it opens after this, if the other side has not proved to be the peer; 0 = 10 min
	Handover    time.Duration // how long a draining node waits for a peer if the last one has left, or none has come; 0 = 5 s
	CopyBytes   int64         // a second, of a copy to the peer at most; changes do not count; 0 = no bound
	Software    string        // name and version, for people

	Store *store.Store   // required
	Rand  func(p []byte) // required: fills p with random bytes

	// WallAhead is how far the wall clock is ahead of the node's steady clock, ms. The
	// steady clock does not follow it through large jumps. nil = 0.
	WallAhead func() int64

	// Limits bound what a session does at once; tests and simulations make them small.
	Limits Limits

	// Compress packs frames of items that this node sends, if the peer takes that. It is for a
	// line that is slower than about 50 MB/s; on a faster one it costs CPU time for nothing.
	Compress bool

	Without uint64 // features that this node shall not have, of wire.Features; for tests: one without all of them sends what the first release did
}

// Limits bound what a session does at once.
type Limits struct {
	BatchItems  int // items in one batch; 0 = 128
	PumpBytes   int // about what one Pump writes; 0 = 64 KiB
	WindowBytes int // under way; one batch may go beyond; 0 = WindowBytes
	PieceBytes  int // of a large value in one frame; 0 = 64 KiB, at most wire.MaxPieceBytes
	PackedBytes int // the smallest body that Compress packs; 0 = wire.MinPackedBytes
	GraveItems  int // walked over for graves in a millisecond while there is data to send; 0 = 2500
}

func (l *Limits) fill() {
	l.BatchItems = cmp.Or(l.BatchItems, batchItems)
	l.PumpBytes = cmp.Or(l.PumpBytes, pumpBytes)
	l.WindowBytes = cmp.Or(l.WindowBytes, WindowBytes)
	l.PieceBytes = min(cmp.Or(l.PieceBytes, pieceBytes), wire.MaxPieceBytes)
	l.PackedBytes = cmp.Or(l.PackedBytes, wire.MinPackedBytes)
	l.GraveItems = cmp.Or(l.GraveItems, graveItems)
}

// Check fills in defaults and says what is missing or wrong. nowMillis is Unix ms
// of the node's steady clock, as everywhere.
func (c *Config) Check(nowMillis int64) error {
	if c.Store == nil || c.Rand == nil {
		return errors.New("session: config lacks the store or a source of randomness")
	}
	c.PeerWait = cmp.Or(c.PeerWait, DefaultPeerWait)
	c.RefusedWait = cmp.Or(c.RefusedWait, DefaultRefusedWait)
	c.Handover = cmp.Or(c.Handover, DefaultHandover)
	c.Limits.fill()
	if c.WallAhead == nil {
		c.WallAhead = func() int64 { return 0 }
	}
	h := c.hello(nowMillis, [32]byte{})
	if err := h.Validate(); err != nil {
		return fmt.Errorf("session: config: %w", err)
	}
	return nil
}

// hello is the first frame of this node on a connection.
func (c *Config) hello(now int64, nonce [32]byte) wire.Hello {
	return wire.Hello{
		ProtoMin: wire.ProtoMin, ProtoMax: wire.ProtoMax, Features: c.features(),
		Cluster: c.Cluster, NodeID: c.NodeID, Inc: c.Inc, Nonce: nonce, Slot: c.Store.Slot(),
		Partitions: store.Partitions, MaxItem: uint64(c.Store.MaxItemBytes()),
		SteadyMillis: now, Software: c.Software, Memory: c.MemoryBytes, NoEviction: c.NoEviction,
	}
}

func (c *Config) nonce() (n [32]byte) {
	c.Rand(n[:])
	return n
}
