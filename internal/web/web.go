package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/status"
	"twincached/internal/strikes"
)

// What strangers may cost. A connection of HTTP costs about 20 KiB, 30 with TLS.
const (
	MaxConns    = 512     // connections at the same time
	MaxViewers  = 128     // of these, pages that are kept up to date
	headerBytes = 8 << 10 // of a request: what a browser sends has less than 2 KiB

	headerTime = 5 * time.Second  // until the head of a request is there
	readTime   = 10 * time.Second // until all of it is
	writeTime  = 20 * time.Second // until its answer has gone; a login that waits is within it
	idleTime   = time.Minute      // between two requests of a connection; Prometheus asks more often
)

// Health is what the endpoints for probes say.
type Health struct {
	State   string // the state word of the node
	Ready   bool   // clients are served
	Started bool   // the node has been ready once
	Alive   bool   // its clockwork has run lately
}

// Config is what a Server shows, and to whom.
type Config struct {
	Board  *status.Board
	Now    func() int64  // by the node's clock, in Unix ms
	Health func() Health // asked for each probe
	// Login tells whether a name may log in with a password. nil: nobody has to.
	Login func(name, password []byte) bool
	// TLS serves HTTPS. nil: HTTP.
	TLS *tls.Config
	// Names are those that a browser may call this server by, besides its addresses,
	// localhost, and names without a dot. With Login any name will do.
	Names []string
	// Metrics answers /metrics: once a second at most, or at each snapshot, one call at a
	// time. nil: there is no such path.
	Metrics http.Handler
	Log     *slog.Logger
}

// Server is the HTTP of one node. Any goroutine may use it.
type Server struct {
	cfg      Config
	http     *http.Server
	conns    *conns
	rules    strikes.Rules // of logins
	guesses  strikes.Book
	seldom   nodelog.Seldom
	renderer renderer
	charts   charts // of the renderer
	feed     *feed
	wg       sync.WaitGroup
}

// New makes a server; Serve begins.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, conns: newConns(MaxConns), rules: loginRules}
	s.renderer = renderer{view: s.look, at: s.lookAt, fault: s.fault}
	s.feed = newFeed(s.renderer.frame, cfg.Board.Changed, MaxViewers)
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ConnState:         s.conns.state,
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true,
	}
	return s
}

// faults ends a request that a fault of this program has ended, and logs it. The server
// itself would say so where strangers' mistakes are logged, which nobody reads.
func (s *Server) faults() {
	switch what := recover(); what {
	case nil:
	case http.ErrAbortHandler:
		panic(what)
	default:
		s.fault(what)
		panic(http.ErrAbortHandler) // the connection is closed: half an answer may be on its way
	}
}

// fault logs a fault of this program that ended a request, or the drawing of a page.
func (s *Server) fault(what any) {
	s.seldom.Say(s.cfg.Log, slog.LevelError, time.Now().UnixMilli(), nodelog.StatusFault, "", "the status page could not answer: it is a fault of this program, report it",
		"error", fmt.Sprint(what), "stack", string(debug.Stack()))
}

// Serve answers those who connect to l, until Close. It returns at once, and owns l.
func (s *Server) Serve(l net.Listener) {
	l = s.conns.listen(l)
	if s.cfg.TLS != nil {
		l = tls.NewListener(l, s.cfg.TLS)
	}
	s.wg.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("the status page has ended", nodelog.StatusEnded, "error", err.Error())
		}
	})
}

// Close ends all connections. Answers that are on their way end by themselves, at once.
func (s *Server) Close() {
	_ = s.http.Close() // closes what it can; an error says that something was closed already
	s.feed.close()
	s.wg.Wait()
}
