package session

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

// Limits and times of a session. Being wrong about a dead peer costs one resume of
// what changed since, so all of these are quick.
const (
	WindowBytes   = 2 << 20  // data under way without an ACK; what a slow peer can cost in memory
	windowFrames  = 16 << 10 // the same in frames: the list of what is under way stays below 1 MiB
	batchItems    = 128      // items a batch
	batchBytes    = 48 << 10 // keys and values a batch, one item may be larger; leaves room for the heads
	pumpBytes     = 64 << 10 // what one Pump writes at most, one batch may overshoot
	pieceBytes    = 64 << 10 // of a large value in one frame
	pumpCollects  = 300      // partitions that one Pump looks at: all of them, and then some
	ackBytes      = 32 << 10
	ackMillis     = 2
	gravesAtOnce  = 4    // announced by one Pump: each walks over its partition
	graveItems    = 2500 // walked over for them in a millisecond, beside other data: a quarter of what can be
	graveMillis   = 200  // a partition's grave is announced at most this often
	pingMillis    = 200  // of send silence
	measureMillis = 250  // how long data waits for the peer's first PING, so that its clock is measured when they arrive
	probeMillis   = 1000 // a ping under steady traffic too: it measures the clocks
	silenceMillis = 1000 // the peer is dead
	HelloMillis   = 3000 // a handshake takes no longer
	leavingMillis = 1000 // how long the answer to BYE PLANNED may take
	TickMillis    = 50   // how often whoever runs a session has to look at the time

	clockWarnMillis   = 500
	clockRefuseMillis = 24 * 60 * 60 * 1000 // a poisoned clock
)

// Defaults of Config.
const (
	DefaultPeerWait    = 10 * time.Second
	DefaultRefusedWait = 10 * time.Minute // long enough for a person to see to it
	DefaultHandover    = 5 * time.Second  // docker compose brings a container back in one or two, and kills one that stops after ten
)

// Config is what a Core is made from. Zero values mean the default that is written
// beside each field.
type Config struct {
	Seeks   bool   // there is a peer to look for; else one may call, or there is none
	Cluster string // both nodes must name the same; "" is a name too
	Secret  []byte // shared secret; empty = anybody may link

	NodeID    store.ID // required: this node
	Inc       store.ID // required: this start of the process
	PinPeerID store.ID // the only node that may link; zero = any

	MemoryBytes uint64        // what the store was made with, for the peer to compare; 0 = it is not told
	NoEviction  bool          // the same
	PeerWait    time.Duration // how long a joining node waits for its peer; 0 = 10 s
	BootWait    bool          // a joining node waits for ever
	BootServe   bool          // one opens after PeerWait even where its peer refuses to link, or is refused
	RefusedWait time.Duration // else it opens after this, where the other side never proved to be the peer; 0 = 10 min
	Handover    time.Duration // how long a draining node waits for a peer that has left or was never there; 0 = 5 s
	Software    string        // name and version, for people

	Store *store.Store   // required
	Rand  func(p []byte) // required: fills p with random bytes

	// WallAhead is how far the wall clock is ahead of the node's steady clock, which does
	// not follow it that far, ms; nil = it is not.
	WallAhead func() int64

	// Limits bound what a session does at once; tests and simulations make them small.
	Limits Limits
}

// Limits bound what a session does at once.
type Limits struct {
	BatchItems  int // items in one batch; 0 = 128
	PumpBytes   int // written by one Pump, about; 0 = 64 KiB
	WindowBytes int // under way without an ACK, and one batch; 0 = WindowBytes
	PieceBytes  int // of a large value in one frame; 0 = 64 KiB, at most wire.MaxPieceBytes
	GraveItems  int // walked over for graves in a millisecond, beside other data; 0 = 2500
}

func (l *Limits) fill() {
	l.BatchItems = cmp.Or(l.BatchItems, batchItems)
	l.PumpBytes = cmp.Or(l.PumpBytes, pumpBytes)
	l.WindowBytes = cmp.Or(l.WindowBytes, WindowBytes)
	l.PieceBytes = min(cmp.Or(l.PieceBytes, pieceBytes), wire.MaxPieceBytes)
	l.GraveItems = cmp.Or(l.GraveItems, graveItems)
}

// Check fills in defaults and says what is missing or contradictory. nowMillis is by
// the node's steady clock, as everywhere.
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

// hello is what this node says first on a connection.
func (c *Config) hello(now int64, nonce [32]byte) wire.Hello {
	return wire.Hello{
		ProtoMin: wire.ProtoMin, ProtoMax: wire.ProtoMax, Features: wire.FeaturePieces | wire.FeatureAnswers,
		Cluster: c.Cluster, NodeID: c.NodeID, Inc: c.Inc, Nonce: nonce, Slot: c.Store.Slot(),
		Partitions: store.Partitions, MaxItem: uint64(c.Store.MaxItemBytes()),
		SteadyMillis: now, Software: c.Software, Memory: c.MemoryBytes, NoEviction: c.NoEviction,
	}
}

func (c *Config) nonce() (n [32]byte) {
	c.Rand(n[:])
	return n
}
