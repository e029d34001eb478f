package node

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/steady"
	"twincached/store"
)

// What this program calls itself.
const (
	Version          = "0.1.0"  // of twincached
	MemcachedVersion = "1.6.45" // of the memcached whose behaviour it follows; answered to "version"
)

// DefaultReplPort is repcached's replication port.
const DefaultReplPort = 11212

// MaxDefaultThreads is how many threads a node has on a machine with as many CPUs or
// more, unless told otherwise: memcached's own number.
const MaxDefaultThreads = 4

// Compression is how what a node sends to its peer is compressed.
type Compression string

// The ways of compression.
const (
	CompressOff  Compression = "off"
	CompressZstd Compression = "zstd"
)

// BootMode says what a node does that finds no peer when it starts.
type BootMode string

// The boot modes.
const (
	BootAuto  BootMode = "auto"  // serve alone after PeerWait, unless the peer is there and refuses: see RefusedWait
	BootServe BootMode = "serve" // serve alone after PeerWait, whatever the peer says
	BootWait  BootMode = "wait"  // keep the client port shut until a peer was there
)

// WarmMode says which images a node begins with that was stopped as planned.
type WarmMode string

// The warm modes. A node cannot always be sure to be the last of its pair that stops. One that
// is not may hold what the other one deleted later.
const (
	WarmOff  WarmMode = ""     // nothing is kept: a node begins empty
	WarmLast WarmMode = "last" // the image of a node that was the last one serves alone; another one only together with the peer
	WarmAny  WarmMode = "any"  // every image serves alone, whatever the peer deleted meanwhile
)

// Protocol says which of memcached's protocols clients may speak.
type Protocol string

// The protocols, under memcached's names in "stats settings".
const (
	ProtocolDefault Protocol = ""               // any, or those that have the logins of AuthFile and SASL
	ProtocolAuto    Protocol = "auto-negotiate" // the first byte of a conn decides
	ProtocolText    Protocol = "ascii"
	ProtocolBinary  Protocol = "binary"
)

// Config is everything that makes one node differ from another. Start with
// Default; the zero value does not validate. A Config is read once, by Start.
type Config struct {
	// Listen holds the addresses for clients: HOST or HOST:PORT, an IPv6 address
	// with a port in brackets, with memcached's prefixes (see listener). Empty: all
	// addresses of the machine.
	Listen []string
	// Port is used for each Listen entry without one of its own. -1: any free
	// port, which the log names.
	Port int
	// UnixSocket is a file to serve clients on. With it there is no TCP for them:
	// Port opens nothing, and Listen only says where the peer finds this node.
	// Empty: none.
	UnixSocket string
	// UnixMask is the permissions of UnixSocket, 0 to 0777.
	UnixMask int
	// MemoryMiB bounds all that the data costs: keys, values, index, tombstones
	// and unused room between items. More keeps more; the process takes some MiB
	// on top of it for connections.
	MemoryMiB int
	// MaxItemBytes is the largest item, its key and header included.
	MaxItemBytes int
	// MaxConns is how many clients may be connected at the same time.
	MaxConns int
	// Threads is the number of event loops that serve clients.
	Threads int
	// IO is how event loops receive and send: auto, uring or epoll. Auto takes
	// io_uring where the system lets it.
	IO string
	// Backlog is the length of the kernel's queue of connections nobody accepted yet.
	Backlog int
	// RequestsPerEvent is how many requests of one client are answered before
	// the next client's turn. Lower is fairer, higher is faster.
	RequestsPerEvent int
	// IdleTimeout closes clients that have sent no request for longer, in whole
	// seconds; a unix socket's stay. 0: never.
	IdleTimeout time.Duration
	// NoEviction answers an error when the memory is full instead of evicting.
	NoEviction bool
	// NoFlush switches flush_all off.
	NoFlush bool
	// NoCAS makes "stats settings" say that CAS is off, and changes nothing else: the
	// CAS unique is the version, which orders the writes of both nodes.
	NoCAS bool
	// NoWatch refuses the command watch.
	NoWatch bool
	// NoDumps refuses the commands that list keys: metadump, mgdump, cachedump,
	// stats detail and stats hotkeys.
	NoDumps bool
	// PrefixDelimiter ends the prefix of a key for "stats detail", and switches that
	// on. 0: a colon, and off.
	PrefixDelimiter byte
	// NoCrawler begins with "lru_crawler disable", with TrackSizes "stats sizes" counts.
	NoCrawler, TrackSizes bool
	// WatcherKiB is how much a watcher that does not read is kept for, before it
	// misses events. 0: 256. It comes on top of MemoryMiB, for each of at most 20.
	WatcherKiB int
	// Protocol is what clients may speak.
	Protocol Protocol
	// AuthFile holds logins, a line "name:password" each: a client of the text
	// protocol, and with SASL one of the binary protocol, has to have one of them.
	// Without SASL there is no binary protocol then. Empty: no logins.
	AuthFile string
	// SASL makes clients of the binary protocol log in with SASL PLAIN. Without
	// AuthFile there is no text protocol then.
	SASL bool
	// SASLFile holds the logins of SASL in the format of memcached's own password
	// database. Empty: those of AuthFile.
	SASLFile string
	// TLS is how clients are served over TLS: on each entry of Listen but those
	// that begin with "notls:".
	TLS TLS
	// StatusPage is HTTP for people and monitors.
	StatusPage StatusPage
	// Metrics makes what answers /metrics there. nil: there is no such path.
	Metrics func(*Node) http.Handler
	// AllowShutdown lets clients end the node with "shutdown": see Node.Asked.
	AllowShutdown bool
	// WaitAtLimit leaves clients beyond MaxConns in the kernel's queue. false: they
	// are told that there are too many.
	WaitAtLimit bool
	// Verbosity: 0 says what happens to the node, 1 more, 2 and 3 most.
	Verbosity int
	// LocalKeys are patterns (package glob) of keys that are never replicated. Empty: none.
	LocalKeys []string

	// Peer is the other node, HOST:PORT of its replication port. Empty: none.
	Peer string
	// ReplPort is where this node listens for its peer. 0: DefaultReplPort where
	// Peer is set, else no replication port. -1: any free port.
	ReplPort int
	// ReplListen is the address for ReplPort. Empty: the first address of Listen
	// that another machine can reach, else the first.
	ReplListen string
	// ReplInsecure allows a replication port beyond loopback without a secret and
	// without ReplTLS.
	ReplInsecure bool
	// SecretFile names the file with the secret that both nodes share. Empty: none.
	SecretFile string
	// Secret is that secret itself, as CheckSecret returns it, in place of SecretFile.
	// It is shown nowhere. Empty: none.
	Secret string
	// ReplTLS secures the link with certificates, instead of a secret or besides it.
	ReplTLS ReplTLS
	// Cluster is a name that both nodes of a pair share; it keeps a wrong
	// address from joining two pairs.
	Cluster string
	// PeerID pins the peer: the 32 hexadecimal digits of its node id. Empty: any.
	PeerID string
	// StateDir keeps the node id and the clock's bound over restarts, and the image. Empty:
	// MemoryFile's, if there is one, else nothing is kept.
	StateDir string
	// Warm keeps all that the node holds over a planned stop: its image. It needs StateDir
	// or MemoryFile.
	Warm WarmMode
	// MemoryFile is the file of the image. With it WarmOff is WarmLast, and without StateDir
	// there is one beside it. Empty: the file is in StateDir.
	MemoryFile string
	// Compress says how changes and the copy travel to the peer, if it takes that: it is
	// for a slow line between two sites. Empty: CompressOff.
	Compress Compression
	// PeerWait is how long a starting node looks for its peer before Boot decides.
	PeerWait time.Duration
	// Boot decides what a node does that found no peer.
	Boot BootMode
	// RefusedWait is how long a starting node stays shut, with BootAuto, where its peer
	// refuses to link, or is refused, and has not proved to be the peer. Where it has,
	// the node stays shut until that is resolved.
	RefusedWait time.Duration
	// DrainTimeout bounds how long a stopping node waits for its peer to acknowledge.
	DrainTimeout time.Duration
	// Handover is how long, within DrainTimeout, a stopping node whose peer has left
	// or is nowhere to be found waits for it to come back and take over. 0: not at all.
	Handover time.Duration

	// CopyMiB bounds what a copy to the peer takes of the network and of this node, MiB a
	// second. Changes do not count. 0: no bound.
	CopyMiB int

	// DropPrivileges is called once, when nothing is left to do that needs them:
	// the secret is read, the file limit raised, the ports are bound. UnixSocket is
	// made after it, and belongs to whom it leaves the process to. nil: nothing to drop.
	DropPrivileges func() error
	// Begins is called once, when the node can be asked how it is, and before it says that
	// it is ready. Start has not returned by then. nil: nobody wants to know.
	Begins func(*Node)

	// Log gets what happens to the node. nil: nothing is logged.
	Log *slog.Logger
	// Events is what Log remembers, for the page and the peer. nil: nothing.
	Events *nodelog.Events
	// LogDropped is how many lines Log has dropped, for "stats". nil: it drops none.
	LogDropped func() uint64
	// LogLevel is moved by the client command "verbosity". nil: the command changes nothing.
	LogLevel *slog.LevelVar

	clock *steady.Clock // tests bring their own; nil = the machine's

	imageStep func(imageStep) // see imageFile; nil but in tests
}

// Default returns what a node is without any flag: memcached's own defaults,
// and no peer.
func Default() Config {
	return Config{
		Port:             11211,
		UnixMask:         0o700,
		MemoryMiB:        64,
		MaxItemBytes:     store.DefaultMaxItemBytes,
		MaxConns:         1024,
		Threads:          min(MaxDefaultThreads, runtime.NumCPU()),
		IO:               "auto",
		Backlog:          1024,
		RequestsPerEvent: 20,
		LocalKeys:        []string{"*.lock"},
		Cluster:          "default",
		Compress:         CompressOff,
		PeerWait:         session.DefaultPeerWait,
		Boot:             BootAuto,
		RefusedWait:      session.DefaultRefusedWait,
		TLS:              TLS{MinVersion: 2, WriteBufKiB: 16},
		DrainTimeout:     10 * time.Second,
		Handover:         session.DefaultHandover,
	}
}

// LevelFor is the log level that belongs to a verbosity.
func LevelFor(verbosity int) slog.Level {
	if verbosity > 0 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// warm is Warm, as MemoryFile has it.
func (c *Config) warm() WarmMode {
	if c.MemoryFile != "" && c.Warm == WarmOff {
		return WarmLast
	}
	return c.Warm
}

// stateDir is StateDir, or where MemoryFile has it.
func (c *Config) stateDir() string {
	if c.MemoryFile != "" && c.StateDir == "" {
		return c.MemoryFile + ".state"
	}
	return c.StateDir
}

// imagePath is the file of the image, "" where there is no place for one.
func (c *Config) imagePath() string {
	if c.MemoryFile == "" && c.StateDir != "" {
		return filepath.Join(c.StateDir, imageName)
	}
	return c.MemoryFile
}

// replicates says whether a peer can ever be linked.
func (c *Config) replicates() bool { return c.Peer != "" || c.ReplPort != 0 }

// replPort is the port to listen on for the peer; 0 none, -1 any.
func (c *Config) replPort() int {
	if c.ReplPort == 0 && c.Peer != "" {
		return DefaultReplPort
	}
	return c.ReplPort
}
