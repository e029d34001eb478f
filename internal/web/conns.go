package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// conns bounds how many connections there are. One that comes when all places are taken
// pushes out the one that has asked for nothing for longest: whoever only holds on keeps
// nobody out. If all of them are being answered, it is the one whose answer takes longest:
// its reader may read nothing, or wait as it guesses passwords, and would keep out the
// probes. Pages that are kept up to date stay: the feed bounds them, and drops those that
// do not read.
type conns struct {
	most int

	mu   sync.Mutex
	open map[*conn]struct{}
}

// conn is a connection that has a place.
type conn struct {
	net.Conn
	of    *conns
	busy  bool      // a request is on its way
	views bool      // and the answer is a page that is kept up to date
	since time.Time // the request began, the last one ended, or the connection began
	once  sync.Once
}

func newConns(most int) *conns { return &conns{most: most, open: map[*conn]struct{}{}} }

// Close gives the place back.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		delete(c.of.open, c)
		c.of.mu.Unlock()
	})
	return c.Conn.Close()
}

// place takes one for nc; nil: there is none, and nc is closed.
func (s *conns) place(nc net.Conn) *conn {
	c := &conn{Conn: nc, of: s, since: time.Now()}
	s.mu.Lock()
	var out *conn
	if len(s.open) >= s.most {
		for o := range s.open {
			if !o.views && (out == nil || o.before(out)) {
				out = o
			}
		}
		if out == nil {
			s.mu.Unlock()
			_ = nc.Close()
			return nil
		}
		delete(s.open, out)
	}
	s.open[c] = struct{}{}
	s.mu.Unlock()
	if out != nil {
		_ = out.Close()
	}
	return c
}

// before tells whether c is pushed out rather than o.
func (c *conn) before(o *conn) bool {
	if c.busy != o.busy {
		return !c.busy
	}
	return c.since.Before(o.since)
}

// placed is the connection that has the place; nil: none has.
func placed(nc net.Conn) *conn {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = over.NetConn()
	}
	c, _ := nc.(*conn)
	return c
}

// connKey is where the context of a request has its connection.
type connKey struct{}

func withConn(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, placed(nc))
}

// views notes whether a request is for what changes on the page.
func (s *conns) views(r *http.Request, yes bool) {
	if c, _ := r.Context().Value(connKey{}).(*conn); c != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.views = yes
	}
}

// state hears from the server what a connection does.
func (s *conns) state(nc net.Conn, now http.ConnState) {
	c := placed(nc)
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now {
	case http.StateActive:
		c.busy, c.since = true, time.Now()
	case http.StateNew, http.StateIdle:
		c.busy, c.since = false, time.Now()
	}
}

// listener hands out connections that have a place.
type listener struct {
	net.Listener
	of *conns
}

func (s *conns) listen(l net.Listener) net.Listener { return &listener{l, s} }

// Accept is net.Listener's.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.of.place(nc); c != nil {
			return c, nil
		}
	}
}
