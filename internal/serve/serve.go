package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

// Handler is the protocol engine of one conn, as *memproto.Conn has it. The conn's owner calls it from one goroutine at a time.
//
// Process consumes whole requests from the front of in and appends their replies to out, as memproto.Result says. It must not
// keep in or out: both are shared between the conns of a loop. It must not block: all conns of a loop would wait.
type Handler interface {
	Process(nowMillis int64, in, out []byte) memproto.Result

	// Opened comes first and says who the client is; Closed comes last. Both may come from another goroutine than Process, at
	// another time. They must not block either.
	Opened(nowMillis int64, client memproto.Client)
	Closed(nowMillis int64, reason memproto.CloseReason)
}

var _ Handler = (*memproto.Conn)(nil)

// Config says where and how to listen. It is copied; nothing in it may change after Bind.
type Config struct {
	Addresses        []string                   // HOST:PORT each; "" as host is every address of this machine, IPv4 and IPv6; port 0 lets the kernel choose
	TLS              []TLSAddress               // addresses whose conns speak TLS
	UnixSocket       string                     // a file to listen on instead of Addresses and TLS: TCP is off then; "" = none
	UnixMode         fs.FileMode                // permissions of UnixSocket; exact, whatever the process's umask
	Threads          int                        // event loops; 0 = 4, as memcached. More than there are cores gains nothing
	MaxConns         int                        // client conns at a time (-c); 0 = 1024
	Backlog          int                        // accepted by the kernel but not yet by us (-b); 0 = 1024; the kernel caps it at net.core.somaxconn
	RequestsPerEvent int                        // rounds of at most 64 KiB of replies a conn may have before the others have their turn (-R); 0 = 20
	DropAtLimit      bool                       // at MaxConns: true answers an error and closes (memcached's default), false lets newcomers wait in the backlog
	HandshakeTimeout time.Duration              // TLS conns that have not come to terms by then are closed; 0 = 10 s
	BufferBytes      int                        // what unread replies and unfinished requests of all conns may hold; 0 = 8 MiB. Beyond it who waits longest is closed
	Short            func(nowMillis int64) bool // whether somebody was refused memory of the store of late: then who holds some and does not move is closed; nil = never
	IdleTimeout      time.Duration              // conns without a request for longer are closed; whole seconds, 0 = never; not with UnixSocket
	IO               string                     // how event loops receive and send: IOAuto, IOUring, IOEpoll; "" = IOAuto
	Portable         bool                       // a goroutine for each conn on Linux too
	Turns            Turns                      // told when event loops work; nil = nobody is
	Now              func() int64               // Unix milliseconds handed to Process; required
	// NewConn is called once for each accepted conn, from any goroutine; required. Conns that are served by one goroutine get the
	// same Scratch.
	NewConn func(*memproto.Scratch) Handler
	Log     *slog.Logger // nil = slog.Default()
}

// Turns is told when the event loops work, so that what their handlers bring about can be done once for many requests, and
// without another goroutine. Its methods are called from every loop, and must not block. Conns that have a goroutine of their
// own, as those with TLS, have no turns.
type Turns interface {
	// BeginTurn is called before a loop calls handlers.
	BeginTurn()
	// EndTurn is called after a loop has sent their replies. If it returns a time above 0, which is at most a few milliseconds,
	// the loop has another turn by then, even if no client asks for anything. last: nothing may be left for a later turn.
	EndTurn(last bool) time.Duration
}

// What Config.IO may be.
const (
	IOAuto  = "auto"  // io_uring where the system lets it, else epoll
	IOUring = "uring" // io_uring, or an error
	IOEpoll = "epoll" // one system call for each receive and each send
)

// What Stats.Engine may be.
const (
	EngineUring      = "uring"
	EngineEpoll      = "epoll"
	EngineGoroutines = "goroutines"
)

// Stats is a snapshot. CurrConns <= MaxConns; TotalConns counts the accepted ones, without RejectedConns.
type Stats struct {
	CurrConns       int64         // open client conns
	TotalConns      uint64        // conns accepted since Listen
	ShedConns       uint64        // conns closed for the memory they held: see Config.BufferBytes and Config.Short
	IdleKicks       uint64        // conns closed by IdleTimeout
	RejectedConns   uint64        // answered "Too many open connections" and closed
	DisabledFor     time.Duration // how long accepting was suspended, the time since the last suspension began included
	ListenDisabled  uint64        // times accepting was suspended: at MaxConns without DropAtLimit, or out of file descriptors
	HandshakeErrors uint64        // TLS handshakes that failed, or took too long
	TLSSessions     uint64        // TLS handshakes that succeeded and resumed no earlier session
	Accepting       bool          // false while accepting is suspended, and after Drain or Close
	BytesRead       uint64        // from clients
	BytesWritten    uint64        // to clients
	Threads         int           // event loops; 0 with a goroutine for each conn
	Engine          string        // of plain conns: EngineUring, EngineEpoll, EngineGoroutines
	WhyEpoll        string        // with IOAuto and EngineEpoll: what is in the way of io_uring; else ""
	Yields          uint64        // times a conn used up RequestsPerEvent and had to wait for its next turn
}

// ConnInfo is one line of "stats conns".
type ConnInfo struct {
	FD          int    // file descriptor; -1 where there is none to be had
	Addr        string // the client's, as "tcp:HOST:PORT", or "unix:" and its path, which clients hardly ever have
	ListenAddr  string // ours, as "tcp:HOST:PORT" or "unix:PATH"
	State       string // conn_read (idle), conn_nread (in the middle of a value), conn_mwrite (client does not read), conn_watch, conn_closing
	IdleSeconds int64  // since the last request ended, or the conn began
}

// engine is what stands behind a Server: event loops, or a goroutine for each conn.
type engine interface {
	start()   // begins to accept; the port is open already
	release() // undoes what making it did, in place of start
	drain(deadline time.Time) (cut int)
	close()
	conns() []ConnInfo
	kickIdle()
	press()
	threads() int
	connGone()
}

// Server is the open client port. Its methods may be called from any goroutine.
type Server struct {
	cfg       Config
	addrs     []net.Addr
	file      *socketFile // of the unix socket; nil without one
	count     counters
	seldom    nodelog.Seldom
	eng       engine
	engine    string // Stats.Engine
	whyEpoll  string // Stats.WhyEpoll
	streams   streams
	share     int           // of Config.BufferBytes, for each engine
	once      sync.Once     // the first Drain or Close
	quit      chan struct{} // closed when Drain or Close begins
	began     time.Time
	listeners []ConnInfo // without IdleSeconds; unchanged once serving
	ended     chan struct{}
}

// logSeldom logs what clients may cause over and over: each of it now and then.
func (s *Server) logSeldom(level slog.Level, event slog.Attr, msg string, args ...any) {
	s.seldom.Say(s.cfg.Log, level, s.cfg.Now(), event, "", msg, args...)
}

// counters are shared by acceptor, loops and Stats.
type counters struct {
	curr            atomic.Int64
	total           atomic.Uint64
	rejected        atomic.Uint64
	idleKicks       atomic.Uint64
	shed            atomic.Uint64
	listenDisabled  atomic.Uint64
	disabledFor     atomic.Int64 // ns, of the suspensions that are over
	disabledSince   atomic.Int64 // Unix ns; 0: accepting is not suspended
	handshakeErrors atomic.Uint64
	tlsSessions     atomic.Uint64
	yields          atomic.Uint64
	read            atomic.Uint64
	written         atomic.Uint64
	accepting       atomic.Bool
}

// Listen binds, listens and serves in one step.
func Listen(cfg Config) (*Server, error) {
	l, err := Bind(cfg)
	if err != nil {
		return nil, err
	}
	return l.Listen()
}

// Probe reports whether cfg's addresses can be bound, and lets go of them. Bind is better: it holds them.
func Probe(cfg *Config) error {
	l, err := Bind(*cfg)
	if err != nil {
		return err
	}
	l.Close()
	return nil
}

// Addrs are the addresses listened on, in the order of Config.Addresses and Config.TLS, with the port the kernel chose where it was 0.
func (s *Server) Addrs() []net.Addr { return s.addrs }

// Stats is a snapshot of the counters.
func (s *Server) Stats() Stats {
	return Stats{
		CurrConns:       s.count.curr.Load(),
		TotalConns:      s.count.total.Load(),
		ShedConns:       s.count.shed.Load(),
		IdleKicks:       s.count.idleKicks.Load(),
		RejectedConns:   s.count.rejected.Load(),
		ListenDisabled:  s.count.listenDisabled.Load(),
		DisabledFor:     s.count.suspended(),
		HandshakeErrors: s.count.handshakeErrors.Load(),
		TLSSessions:     s.count.tlsSessions.Load(),
		Accepting:       s.count.accepting.Load(),
		BytesRead:       s.count.read.Load(),
		BytesWritten:    s.count.written.Load(),
		Threads:         s.eng.threads(),
		Engine:          s.engine,
		WhyEpoll:        s.whyEpoll,
		Yields:          s.count.yields.Load(),
	}
}

// suspend and goOn note that accepting is suspended, and that it goes on.
func (c *counters) suspend() {
	c.accepting.Store(false)
	c.disabledSince.CompareAndSwap(0, time.Now().UnixNano())
}

func (c *counters) goOn(accepting bool) {
	c.accepting.Store(accepting)
	if since := c.disabledSince.Swap(0); since != 0 {
		c.disabledFor.Add(max(0, time.Now().UnixNano()-since))
	}
}

func (c *counters) suspended() time.Duration {
	d := c.disabledFor.Load()
	if since := c.disabledSince.Load(); since != 0 {
		d += max(0, time.Now().UnixNano()-since)
	}
	return time.Duration(d)
}

// Listening describes the listeners, which have no ListenAddr: Addr is their own.
func (s *Server) Listening() []ConnInfo {
	if !s.count.accepting.Load() && s.count.disabledSince.Load() == 0 {
		return nil // they are closed
	}
	infos := slices.Clone(s.listeners)
	for i := range infos {
		infos[i].IdleSeconds = int64(time.Since(s.began).Seconds())
	}
	return infos
}

// Conns lists the open client conns in no particular order. A Handler may call it.
func (s *Server) Conns() []ConnInfo { return s.streams.conns(s.eng.conns()) }

// Drain stops accepting, answers the whole requests that have arrived, sends FIN, waits a moment for the clients' own FIN and
// closes; at timeout it closes whatever is left. A request that is incomplete or arrives later is neither executed nor
// answered, and neither is one that Result.Until puts off. cut is the number of conns closed with a reply unsent or a request
// unanswered. A second call waits for the first. Close may cut a Drain short.
func (s *Server) Drain(timeout time.Duration) (cut int) {
	s.once.Do(func() {
		close(s.quit)
		deadline := time.Now().Add(timeout)
		s.streams.drain(deadline)
		cut = s.eng.drain(deadline)
		close(s.ended)
	})
	<-s.ended
	return cut
}

// Close closes listeners and conns at once. Requests already answered stay executed.
func (s *Server) Close() {
	s.eng.close()
	s.streams.drain(atOnce)
	s.once.Do(func() {
		close(s.quit)
		s.eng.drain(time.Now())
		close(s.ended)
	})
	<-s.ended
}

// removeFile removes the unix socket's file. Clients that have connected already are still served.
func (s *Server) removeFile() {
	if s.file != nil {
		s.file.remove()
	}
}

// listensOn notes a listener for Listening.
func (s *Server) listensOn(fd int, a net.Addr) {
	s.listeners = append(s.listeners, ConnInfo{FD: fd, Addr: addrName(a), State: "conn_listening"})
}

// connGone counts a conn that is closed.
func (s *Server) connGone() {
	s.count.curr.Add(-1)
	s.eng.connGone()
}

// withDefaults fills in what zero stands for.
func (c Config) withDefaults() (Config, error) {
	if len(c.Addresses)+len(c.TLS) == 0 && c.UnixSocket == "" {
		return c, errors.New("serve: no address to listen on")
	}
	if c.Now == nil || c.NewConn == nil {
		return c, errors.New("serve: Now and NewConn are required")
	}
	if c.Threads < 0 || c.MaxConns < 0 || c.Backlog < 0 || c.RequestsPerEvent < 0 || c.IdleTimeout < 0 || c.HandshakeTimeout < 0 {
		return c, errors.New("serve: threads, connections, backlog, requests per event and timeouts cannot be negative")
	}
	for _, a := range c.TLS {
		if a.Config == nil {
			return c, errors.New("serve: TLS needs a configuration for " + a.Address)
		}
	}
	switch c.IO {
	case "":
		c.IO = IOAuto
	case IOAuto, IOUring, IOEpoll:
	default:
		return c, fmt.Errorf("serve: IO is %q, want %s, %s or %s", c.IO, IOAuto, IOUring, IOEpoll)
	}
	if c.Threads == 0 {
		c.Threads = defaultThreads
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.Backlog == 0 {
		c.Backlog = defaultBacklog
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshake
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = defaultBufferBytes
	}
	if c.RequestsPerEvent == 0 {
		c.RequestsPerEvent = defaultRounds
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}
