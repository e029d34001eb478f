// Package replicator is the link to the peer: a pure state machine for what two
// nodes say to each other (Session), thin shells around it that own sockets, and
// the one owner of readiness (the gate).
package replicator

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

// Limits and times of a link. Being wrong about a dead peer costs one resume of
// what changed since, so all of these are quick.
const (
	WindowBytes   = 2 << 20   // data under way without an ACK; what a slow peer can cost in memory
	windowFrames  = 16 << 10  // the same in frames: the list of what is under way stays below 1 MiB
	batchItems    = 128       // items a batch
	batchBytes    = 48 << 10  // keys and values a batch, one item may be larger; leaves room for the heads
	pumpBytes     = 64 << 10  // what one Pump writes at most, one batch may overshoot
	pieceBytes    = 64 << 10  // of a large value in one frame
	pumpCollects  = 300       // partitions that one Pump looks at: all of them, and then some
	writeBytes    = 256 << 10 // what goes out with one write, about
	ackBytes      = 32 << 10
	ackMillis     = 2
	gravesAtOnce  = 4    // announced by one Pump: each walks over its partition
	graveItems    = 2500 // walked over for them in a millisecond, beside other data: a quarter of what can be
	graveMillis   = 200  // a partition's grave is announced at most this often
	pingMillis    = 200  // of send silence
	measureMillis = 250  // how long data waits for the peer's first PING, so that its clock is measured when they arrive
	probeMillis   = 1000 // a ping under steady traffic too: it measures the clocks
	silenceMillis = 1000 // the peer is dead
	helloMillis   = 3000 // a handshake takes no longer
	leavingMillis = 1000 // how long the answer to BYE PLANNED may take
	tickMillis    = 50   // how often the shells look at the time

	restartMillis = 10_000 // a node that restarts by plan is back by then
	reportMillis  = 5000   // between two lines about a copy

	dialTimeout  = time.Second
	backoffFirst = 50 * time.Millisecond
	backoffMost  = time.Second

	backoffDraining = 200 * time.Millisecond // of a node that waits for somebody to take over

	clockWarnMillis   = 500
	clockRefuseMillis = 24 * 60 * 60 * 1000 // a poisoned clock

	// maxStrangers bounds the connections that have not authenticated: 32 of
	// about 20 KiB, 30 with TLS, stay below 1 MiB. The oldest makes room for the newest, so
	// that nobody can keep the peer out by holding on.
	maxStrangers = 32
)

// Defaults of Config.
const (
	DefaultPeerWait    = 10 * time.Second
	DefaultRefusedWait = 10 * time.Minute // long enough for a person to see to it
	DefaultHandover    = 5 * time.Second  // docker compose brings a container back in one or two, and kills one that stops after ten
	defaultMaxItem     = 1 << 20
)

// Config is what a Link is made from. Zero values mean the default that is
// written beside each field.
type Config struct {
	Peer    string // HOST:PORT to dial; "" = nobody
	Listen  string // HOST:PORT of the replication port; "" = none
	Cluster string // both nodes must name the same; "" is a name too
	Secret  []byte // shared secret; empty = anybody may link

	// TLS says how the connections that begin from now on are secured, on both
	// sides of them: with a certificate, and a check of the peer's in
	// VerifyConnection. It is asked for each connection. nil = they are in the clear.
	TLS func() *tls.Config

	NodeID    store.ID // required: this node
	Inc       store.ID // required: this start of the process
	PinPeerID store.ID // the only node that may link; zero = any

	MaxItemBytes int           // largest item stored here; 0 = 1 MiB
	MemoryBytes  uint64        // what the store was made with, for the peer to compare; 0 = it is not told
	NoEviction   bool          // the same
	PeerWait     time.Duration // how long a joining node waits for its peer; 0 = 10 s
	BootWait     bool          // a joining node waits for ever
	BootServe    bool          // one opens after PeerWait even where its peer refuses to link, or is refused
	RefusedWait  time.Duration // else it opens after this, where the other side never proved to be the peer; 0 = 10 min
	Handover     time.Duration // how long a draining node waits for a peer that has left or was never there; 0 = 5 s
	Software     string        // name and version, for people

	Store *store.Store // required
	Now   func() int64 // required: the node's steady clock, Unix ms
	Log   *slog.Logger // nil = silent

	// WallAhead is how far the wall clock is ahead of Now, which does not follow it that
	// far, ms; nil = it is not.
	WallAhead func() int64

	// Hooks; nil = the real thing. Resolve turns a host name into addresses, Dial
	// connects to one ADDRESS:PORT, Bind opens the replication port, Rand fills p
	// with random bytes.
	Resolve func(ctx context.Context, host string) ([]string, error)
	Dial    func(ctx context.Context, address string) (net.Conn, error)
	Bind    func(address string) (net.Listener, error)
	Rand    func(p []byte)

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

	ReportMillis int64 // between two lines in the log about a copy; 0 = 5000
}

func (l *Limits) fill() {
	l.BatchItems = cmp.Or(l.BatchItems, batchItems)
	l.PumpBytes = cmp.Or(l.PumpBytes, pumpBytes)
	l.WindowBytes = cmp.Or(l.WindowBytes, WindowBytes)
	l.PieceBytes = min(cmp.Or(l.PieceBytes, pieceBytes), wire.MaxPieceBytes)
	l.GraveItems = cmp.Or(l.GraveItems, graveItems)
	l.ReportMillis = cmp.Or(l.ReportMillis, reportMillis)
}

// check fills in defaults and says what is missing or contradictory.
func (c *Config) check() error {
	if c.Store == nil || c.Now == nil {
		return errors.New("replicator: config lacks the store or the clock")
	}
	if c.Peer != "" {
		if _, _, err := net.SplitHostPort(c.Peer); err != nil {
			return fmt.Errorf("replicator: peer address: %w", err)
		}
	}
	if c.MaxItemBytes == 0 {
		c.MaxItemBytes = defaultMaxItem
	}
	c.Limits.fill()
	if c.PeerWait == 0 {
		c.PeerWait = DefaultPeerWait
	}
	c.RefusedWait = cmp.Or(c.RefusedWait, DefaultRefusedWait)
	if c.Handover == 0 {
		c.Handover = DefaultHandover
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.WallAhead == nil {
		c.WallAhead = func() int64 { return 0 }
	}
	c.hooks()
	h := c.hello(c.Now(), [32]byte{})
	if err := h.Validate(); err != nil {
		return fmt.Errorf("replicator: config: %w", err)
	}
	return nil
}

// seeks says that there is a peer to look for. Without, one may call, or there is none.
func (c *Config) seeks() bool { return c.Peer != "" }

// hello is what this node says first on a connection.
func (c *Config) hello(now int64, nonce [32]byte) wire.Hello {
	return wire.Hello{
		ProtoMin: wire.ProtoMin, ProtoMax: wire.ProtoMax, Features: wire.FeaturePieces | wire.FeatureAnswers,
		Cluster: c.Cluster, NodeID: c.NodeID, Inc: c.Inc, Nonce: nonce, Slot: c.Store.Slot(),
		Partitions: store.Partitions, MaxItem: uint64(c.MaxItemBytes),
		SteadyMillis: now, Software: c.Software, Memory: c.MemoryBytes, NoEviction: c.NoEviction,
	}
}
