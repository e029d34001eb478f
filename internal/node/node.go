package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/serve"
	"twincached/internal/session"
	"twincached/internal/status"
	"twincached/internal/steady"
	"twincached/memproto"
	"twincached/replicator"
	"twincached/store"
)

const (
	tickEvery  = 100 * time.Millisecond // the store's slice of work: expiry, delayed flush
	checkEvery = time.Second            // a look at the wall clock and the state directory, and a snapshot; and a tick, of a store that nobody writes to
)

// Node is one running node. Its methods may be called from any goroutine.
type Node struct {
	cfg     Config
	log     *slog.Logger
	seldom  nodelog.Seldom // for what a tick may find again and again
	clock   *steady.Clock
	started time.Time
	state   *stateDir
	unkept  atomic.Bool            // the clock's bound cannot be written there
	unread  atomic.Pointer[string] // see notReloaded
	id      store.ID
	logins  logins
	certs   certificates
	linkTLS linkTLS

	store  *store.Store
	image  image
	link   atomic.Pointer[replicator.Link] // nil while the image is loaded
	board  *status.Board                   // what the node says of itself, once a second
	recent recentLatency                   // under publishing
	lost   lostLines                       // under publishing
	page   page                            // which shows it
	ticked atomic.Int64                    // when the tick ran last, in nanoseconds since started

	containerBytes uint64 // what the container may use; 0 = no limit is known
	host           string // the machine's name, "" = not known

	replication net.Listener // for the peer; nil: none. The link closes it, once there is one

	bound   *serve.Listeners // the client addresses, held and shut until the gate opens
	clients atomic.Pointer[serve.Server]

	protocol  func() *memproto.Server // what the conns share; for use once the store is open
	verbosity atomic.Int64            // as the command of that name left it

	ready  chan struct{}
	failed chan error
	asked  chan struct{} // a client wants the end
	cancel context.CancelFunc
	wg     sync.WaitGroup // link, ticker, gate
	gate   sync.Mutex     // held while the client port opens or shuts
	shut   bool           // the client port will not open any more
	end    sync.Once
	ending atomic.Bool     // Drain or Close has begun
	haste  context.Context // a Drain waits for the peer until it ends; see Hasten
	hasten context.CancelFunc

	publishing sync.Mutex // one snapshot after the other: the ticker takes them, and the gate when it opens

	asking sync.RWMutex // held to read while somebody else than a client reads the store
	ended  bool         // the store is closed; under asking
}

// Start binds the ports, opens the store and starts the link. It returns before
// the image is loaded, and before the node serves: see Ready. Errors name the flag that is in the way; nothing
// is left behind then.
func Start(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, clock: cfg.clock, started: time.Now(),
		board: status.NewBoard(),
		ready: make(chan struct{}), failed: make(chan error, 1), asked: make(chan struct{}, 1),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.clock == nil {
		n.clock = steady.New()
	}
	n.haste, n.hasten = context.WithCancel(context.Background())
	n.board.Log = cfg.Events
	n.protocol = sync.OnceValue(n.newProtocol)
	n.verbosity.Store(int64(cfg.Verbosity))
	if err := n.open(); err != nil {
		n.release()
		return nil, err
	}
	n.publish() // there is something to show from here on
	if cfg.Begins != nil {
		cfg.Begins(n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	n.wg.Go(func() { n.run(ctx) })
	n.wg.Go(func() { n.tick(ctx) })
	n.servePage()
	return n, nil
}

// run loads the image, if there is one, runs the link, and opens the client port when that says
// so. A link that waits in vain for the peer which an image needs is followed by another one.
func (n *Node) run(ctx context.Context) {
	for n.link.Load() != nil || n.wake(ctx) {
		l := n.link.Load()
		running, end := context.WithCancel(ctx)
		var link sync.WaitGroup
		link.Go(func() { l.Run(running) })
		forsaken := false
		select {
		case <-ctx.Done():
		case <-l.Ready():
			n.openGate()
		case <-l.Forsaken():
			forsaken = true
			end()
		}
		link.Wait()
		end()
		if !forsaken || !n.beginAnew() {
			return
		}
	}
}

// open acquires what a node needs, in the order that finds a mistake before
// anything has been copied.
func (n *Node) open() (err error) {
	secret, err := n.cfg.secret()
	if err != nil {
		return err
	}
	if len(secret) > 0 && len(secret) < shortSecretBytes {
		n.log.Warn("the secret is short: whoever sees one handshake can guess it; head -c 32 /dev/urandom | base64 makes a good one", nodelog.SecretShort,
			"at_least_bytes", shortSecretBytes)
	}
	if err := n.readLinkTLS(); err != nil {
		return err
	}
	if err := n.openLogins(); err != nil {
		return err
	}
	if err := n.readCertificates(); err != nil {
		return err
	}
	if err := serve.RaiseFileLimit(n.cfg.MaxConns, n.pageConns()); err != nil {
		return fmt.Errorf("node: -c, --conn-limit %d: %w", n.cfg.MaxConns, err)
	}
	n.logTags()
	if err := n.bindClients(n.cfg.UnixSocket == ""); err != nil {
		return err
	}
	if n.replication, err = n.listenForPeer(); err != nil {
		return err
	}
	if err := n.bindStatusPage(); err != nil {
		return err
	}
	if n.cfg.DropPrivileges != nil {
		if err := n.cfg.DropPrivileges(); err != nil {
			return fmt.Errorf("node: -u, --user: %w", err)
		}
	}
	// A socket file belongs to the user who serves it: as root it would be out of
	// that user's reach at exit.
	if err := n.bindClients(n.cfg.UnixSocket != ""); err != nil {
		return err
	}
	if n.state, n.id, err = openStateDir(n.cfg.stateDir()); err != nil {
		if file := (*fs.PathError)(nil); n.cfg.StateDir == "" && errors.As(err, &file) {
			err = fmt.Errorf("node: -e, --memory-file: beside it the node keeps its id: %w", file)
		}
		return err
	}
	if n.state != nil && n.state.noLock != nil {
		n.log.Warn("--state-dir cannot be locked there: see to it that no other process uses it", nodelog.StateUnlocked, "error", n.state.noLock.Error())
	}
	n.sayIfTooLarge(os.DirFS("/"))
	n.host, _ = os.Hostname() // without it the page shows the address only
	if err := n.openStore(); err != nil {
		return err
	}
	n.image.openLink = func() error { return n.openLink(secret) }
	if waits, err := n.openImage(); err != nil || waits {
		return err
	}
	return n.openLink(secret)
}

// bindClients holds the clients' addresses, if it is their turn.
func (n *Node) bindClients(now bool) (err error) {
	if !now {
		return nil
	}
	if n.bound, err = serve.Bind(n.serveConfig()); err != nil {
		return fmt.Errorf("node: clients: %w", err)
	}
	return nil
}

// listenForPeer opens the replication port, nil where there is none.
func (n *Node) listenForPeer() (net.Listener, error) {
	if n.cfg.replPort() == 0 {
		return nil, nil
	}
	address := n.cfg.replAddress()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("node: cannot open the replication port on %s: %w; choose another with -X, --repl-port or --repl-listen", address, err)
	}
	return l, nil
}

func (n *Node) openStore() (err error) {
	now := n.clock.Now()
	begin := n.state.begin(now)
	if begin-now > boundAheadMillis {
		n.log.Warn("the wall clock is behind where this node's versions ended: they go on from there", nodelog.ClockBehind, "by_ms", begin-now)
	}
	if now < 0 || begin > store.MaxClockMillis {
		return fmt.Errorf("node: the machine's clock says %s: set it", time.UnixMilli(begin).UTC().Format(time.RFC3339))
	}
	n.store, err = store.New(store.Config{
		MemoryBytes:  int64(n.cfg.MemoryMiB) << 20,
		MaxItemBytes: n.cfg.MaxItemBytes,
		NoEviction:   n.cfg.NoEviction,
		LocalKeys:    n.cfg.LocalKeys,
		Replicated:   n.cfg.replicates(),
		Slot:         slotOf(n.id),
	}, begin)
	if err != nil {
		return fmt.Errorf("node: -m, --memory-limit %d: %w", n.cfg.MemoryMiB, err)
	}
	return n.keepBound()
}

func (n *Node) openLink(secret []byte) error {
	cfg := replicator.Config{
		Config: session.Config{
			Cluster:     n.cfg.Cluster,
			Secret:      secret,
			NodeID:      n.id,
			Inc:         newID(),
			HeirOf:      n.image.heirOf,
			Provisional: n.image.provisional(&n.cfg),
			MemoryBytes: uint64(n.cfg.MemoryMiB) << 20,
			NoEviction:  n.cfg.NoEviction,
			PeerWait:    max(n.cfg.PeerWait, time.Nanosecond), // zero would be the default
			Compress:    n.cfg.Compress == CompressZstd, BootWait: n.cfg.Boot == BootWait,
			BootServe:   n.cfg.Boot == BootServe,
			RefusedWait: max(n.cfg.RefusedWait, time.Nanosecond),
			Handover:    max(n.cfg.Handover, time.Nanosecond),
			CopyBytes:   int64(n.cfg.CopyMiB) << 20,
			Software:    "twincached " + Version,
			Store:       n.store,
			WallAhead:   n.clock.Refused,
		},
		Peer:     n.cfg.Peer,
		Listener: n.linkListener(),
		TLS:      n.linkTLS.config(),
		Image:    n.image.file != nil,
		Meets:    n.meetPeer,
		Now:      n.clock.Now,
		Log:      n.log,
	}
	if n.cfg.PeerID != "" {
		if err := parseID(n.cfg.PeerID, &cfg.PinPeerID); err != nil {
			return fmt.Errorf("node: --peer-id: %w", err)
		}
	}
	link, err := replicator.New(cfg)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.link.Store(link)
	if n.replication != nil {
		n.log.Info("replication port open", nodelog.ReplicationOpen, "address", n.replication.Addr().String(), "secret", len(secret) > 0, "tls", cfg.TLS != nil)
	}
	if n.cfg.Peer != "" {
		n.log.Info("looking for the peer", nodelog.Joining, "peer", n.cfg.Peer, "node_id", fmt.Sprintf("%x", n.id))
	}
	return nil
}

// openGate opens the client port.
func (n *Node) openGate() {
	n.gate.Lock()
	defer n.gate.Unlock()
	if n.shut {
		return
	}
	n.image.unsure.Store(false)
	if err := n.useImage(); err != nil {
		n.fail(err)
		return
	}
	s, err := n.bound.Listen()
	if err != nil {
		n.fail(fmt.Errorf("node: the client port cannot open: %w", err))
		return
	}
	n.clients.Store(s)
	n.publish() // whoever asks a node that serves hears that it does
	st := n.linkStats()
	n.log.Info("ready", nodelog.Ready, "clients", addressList(s.Addrs()), "as", readyAs(&st),
		"items", n.store.Stats().Items, "after_ms", time.Since(n.started).Milliseconds(), "io", ioText(s.Stats()))
	close(n.ready)
	n.wg.Go(n.image.close)
}

// fail says that the node cannot go on. Only the first reason is told.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// tick gives the store its slices of work, and keeps clock and state directory.
func (n *Node) tick(ctx context.Context) {
	t := time.NewTimer(tickEvery)
	defer t.Stop()
	var buf []byte
	for check := n.started.Add(checkEvery); ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		calm := n.tickStore()
		buf = n.peerSaid(buf)
		now := time.Now()
		n.ticked.Store(int64(now.Sub(n.started)))
		if !now.Before(check) {
			n.checkClock()
			n.tendBound()
			n.publish()
			if check = check.Add(checkEvery); !now.Before(check) { // the process was stopped
				check = now.Add(checkEvery)
			}
		}
		if wait := check.Sub(now); calm {
			t.Reset(wait)
		} else {
			t.Reset(min(wait, tickEvery))
		}
	}
}

// tickStore gives the store a slice of its work, unless the image is loaded: then nothing moves.
func (n *Node) tickStore() (calm bool) {
	n.asking.RLock()
	defer n.asking.RUnlock()
	return n.link.Load() == nil || n.store.Tick(n.clock.Now())
}

// setVerbosity is the client command of that name.
func (n *Node) setVerbosity(level int) {
	n.verbosity.Store(int64(level))
	if n.cfg.LogLevel != nil {
		n.cfg.LogLevel.Set(LevelFor(level))
	}
}

// Ready is closed when the client port is open.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Failed delivers the one error that ends a node which had started.
func (n *Node) Failed() <-chan error { return n.failed }

// ClientAddrs are the addresses for clients; they refuse until Ready.
func (n *Node) ClientAddrs() []net.Addr { return n.bound.Addrs() }

// ReplAddr is the address of the replication port, nil without one.
func (n *Node) ReplAddr() net.Addr {
	if n.replication == nil {
		return nil
	}
	return n.replication.Addr()
}
