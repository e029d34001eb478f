package memproto

import (
	"net/netip"
	"sync/atomic"
	"time"

	"twincached/internal/strikes"
	"twincached/store"
)

// Limits of one conn.
const (
	// MaxLineBytes bounds a command line that is no retrieval, without its
	// line feed: as much as memcached reads before it gives up. A get, gets, gat
	// or gats line has no bound.
	MaxLineBytes = 2048
	// OutSoftLimitBytes is how much reply Process collects before it asks
	// for a write. One more value may come on top of it.
	OutSoftLimitBytes = 64 << 10
	// MaxStatRows bounds the rows a Server hook may print ("stats conns" of
	// a million conns would not fit a reply); those behind it are left out.
	MaxStatRows = 16384
)

// Server is what all conns of one node share. It is read only once conns
// exist; the functions are called from any goroutine. Nil functions count as
// "no rows" or "nothing to do".
type Server struct {
	Store        *store.Store
	Version      string // the answer to "version", e.g. "1.6.45"
	FlushEnabled bool   // off (-F): flush_all is refused
	TextOnly     bool   // -B ascii: a conn that begins in binary is told so and closed
	BinaryOnly   bool   // -B binary: a conn that begins in text is closed; not with TextOnly
	NoWatch      bool   // -W: watch is refused
	NoDumps      bool   // --disable-dumping: metadump, mgdump and stats cachedump, detail and hotkeys are refused
	WatcherBytes int    // what a watcher holds for a client that does not read; 0 = DefaultWatcherBytes, at least MinWatcherBytes

	PrefixDelimiter byte // -D: ends the prefix of a key in "stats detail"; 0 = ':'

	// TextLogins (-Y) are asked for in the text protocol, SASLLogins (-S) in the
	// binary one; nil: nobody has to log in. With only one of them a client speaks
	// that protocol, as with TextOnly or BinaryOnly.
	TextLogins *Logins
	SASLLogins *Logins

	// LoginDelayed hears of each login that has to wait, as too many failed. nil: nobody does.
	LoginDelayed func(from netip.Addr, wait time.Duration)

	Settings func() []Stat // "stats settings"
	// General gives the rows of "stats" that only the node knows: pid, uptime,
	// time, version, curr_connections, threads, bytes_read, ... The store's
	// rows follow behind them.
	General func() []Stat
	// Replication gives the rows about the other node, "stats replication" and the last
	// ones of "stats", with what the store says in the same reply.
	Replication func(data *store.Stats) []Stat
	// Status is "stats status": what the node and its peer say of themselves, JSON on one
	// line. nil, or an empty one: there is nothing to say.
	Status    func() []byte
	Conns     func() []Stat   // "stats conns"
	Reset     func()          // "stats reset", after the store's own counters
	Verbosity func(level int) // "verbosity LEVEL"; level >= 0, at most 2. SetVerbosity has been called
	Shutdown  func()          // "shutdown" (-A): begins the end and returns; nil: refused
	// RefreshCerts is "refresh_certs"; its error is shown to the client. nil: no TLS.
	RefreshCerts func() error
	// Listeners says what conns may begin in, by Client.Listener; what it lacks is SpeaksDefault.
	Listeners []Speaks
	// Nanos is a clock that only goes forward, in nanoseconds, for "stats latency". It is
	// read for sampled requests only. nil: none is timed.
	Nanos func() int64
	// Log gets what SetVerbosity asks for, a line without its end at a time.
	Log func(line string)

	auth    authCounts
	guesses strikes.Book
	journal journal
	dumps   atomic.Int32
	tune    tuning // what clients' administration commands set

	prefixes   prefixes
	metaDebugs atomic.Uint64 // cmd_meta
	samples    samples
}

// nanos is the time by Nanos.
func (s *Server) nanos() int64 {
	if s.Nanos == nil {
		return 0
	}
	return s.Nanos()
}

// Speaks says which protocols a conn may begin in.
type Speaks uint8

// What a listener may speak.
const (
	SpeaksDefault Speaks = iota // what TextOnly, BinaryOnly and the logins leave
	SpeaksText
	SpeaksBinary
	SpeaksBoth
)

// speaks tells which protocols a conn of a listener may begin in.
func (s *Server) speaks(listener int) (text, binary bool) {
	if listener < len(s.Listeners) {
		switch s.Listeners[listener] {
		case SpeaksText:
			return true, false
		case SpeaksBinary:
			return false, true
		case SpeaksBoth:
			return true, true
		}
	}
	return !s.binaryOnly(), !s.textOnly()
}

// textOnly tells whether a conn may not begin in the binary protocol.
func (s *Server) textOnly() bool { return s.TextOnly || s.TextLogins != nil && s.SASLLogins == nil }

// binaryOnly tells whether a conn may not begin in the text protocol.
func (s *Server) binaryOnly() bool { return s.BinaryOnly || s.SASLLogins != nil && s.TextLogins == nil }

// WatcherSize is what a watcher holds, WatcherBytes with its default and limit.
func (s *Server) WatcherSize() int { return s.watcherBytes() }

func (s *Server) watcherBytes() int {
	if s.WatcherBytes == 0 {
		return DefaultWatcherBytes
	}
	return max(s.WatcherBytes, MinWatcherBytes)
}
