package replicator

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"twincached/internal/session"
	"twincached/internal/wire"
)

const (
	readBytes   = 128 << 10              // one read serves many frames
	byeWait     = 250 * time.Millisecond // how long the write of a BYE may take
	lingerBytes = 4 << 20                // how much is read and dropped after a BYE: see linger
)

// errGivenUp means that this node has closed the connection because it keeps another one, or
// because the link is closing.
var errGivenUp = errors.New("replicator: connection given up")

// conn is one TCP connection and its session. One goroutine does the handshake, and then
// reads. A second one writes from when the session is admitted, if there is too much to write
// at once: see push. Nobody holds the session's lock while it waits for the network.
type conn struct {
	l              *Link
	raw            net.Conn // the TCP connection; any goroutine may close it
	nc             net.Conn // where frames are read and written: raw, or TLS over it
	dialled        bool
	otherAddresses bool   // this node dialled, and the peer's name has other addresses
	gotBytes       bool   // at least one byte has been read
	began          uint64 // when it was registered, by Link.order

	mu sync.Mutex // the session
	s  *session.Session

	scratch *scratch
	w       *wire.Writer
	buf     []byte // read buffer; buf[from:to] is unread
	from    int
	to      int

	seen     session.Events // what noteEvents has seen; guarded by mu, as are the next three
	timer    *time.Timer    // calls tend; nil before the exchange
	timerAt  int64          // when, Unix ms; 0 = it is not set
	timerOff bool           // it is not to be set again

	direct  *direct     // nil = there is none: only the writer writes then
	writing sync.Mutex  // held by whoever writes; it guards w and the next two, and is taken before mu
	rest    []byte      // of w: what the socket did not take at once
	ended   bool        // nothing more is to be written
	owed    atomic.Bool // whoever holds writing has to look again

	pushedAt atomic.Int64 // when an event loop wrote last, ns: see EndTurn

	wake chan struct{} // capacity 1: there may be something for the writer
	stop chan struct{} // closed: the writer is to write what is left, and end
	done chan struct{} // closed: both goroutines have ended and OnLoss was called

	holdsPlace  bool   // it holds one of Link.places; guarded by Link.mu, as is the rest
	admitted    bool   // it was elected
	overtaken   bool   // a dial that was late: another connection was elected, and this one never becomes the session
	authed      bool   // the other side has proved to be the peer
	secured     bool   // TLS has found the other side's certificate right; set before unregister
	established uint64 // when the session was established, by Link.order; 0 = not yet
	since       int64  // the same as a time, Unix ms
	saidBye     bool   // this node has said BYE PLANNED; set before unregister
	expected    bool   // it is no surprise that this peer has come: it was linked last, or the last one has left by plan
	replaces    bool   // another node was linked last; both are set before logNews
}

// scratch is the memory that a connection needs during its handshake. It is pooled, so that
// strangers make no garbage.
type scratch struct {
	session session.Scratch
	w       *wire.Writer
	buf     []byte
}

var scratches = sync.Pool{New: func() any {
	return &scratch{w: wire.NewWriter(), buf: make([]byte, 1<<10)}
}}

func newConn(l *Link, nc net.Conn, dialled bool) *conn {
	sc := scratches.Get().(*scratch)
	c := &conn{
		l: l, raw: nc, nc: nc, dialled: dialled, scratch: sc, w: sc.w, buf: sc.buf,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.s = l.core.Connect(l.cfg.Now(), dialled, &sc.session)
	return c
}

// run runs the connection to its end, and returns why it ended.
func (c *conn) run() error {
	_ = c.raw.SetDeadline(time.Now().Add(session.HelloMillis * time.Millisecond))
	err := c.secure()
	if err == nil && c.nc == c.raw {
		c.direct = newDirect(c.raw)
	}
	if err == nil {
		err = c.handshake()
	}
	if err == nil {
		err = c.exchange()
	}
	err = c.explain(err)
	c.sendBye(err)
	_ = c.raw.Close()
	c.mu.Lock()
	c.s.OnLoss(c.l.cfg.Now())
	c.saidBye = c.s.Farewell() != session.FarewellNone
	c.mu.Unlock()
	c.l.storeUser.CompareAndSwap(c, nil)
	return err
}

// release gives the scratch back. A connection that became a session has larger buffers,
// which are not pooled.
func (c *conn) release() {
	if c.scratch != nil && cap(c.buf) <= wire.MaxHandshakeBytes+wire.HeadBytes {
		c.w.Reset()
		c.scratch.buf = c.buf
		scratches.Put(c.scratch)
	}
	c.scratch = nil
}

// handshake runs until the session is admitted. One goroutine is enough, because the two
// sides take turns.
func (c *conn) handshake() error {
	for !c.s.WantsAdmission() {
		if err := c.pumpOnce(); err != nil {
			return err
		}
		body, n, err := wire.Split(c.buf[c.from:c.to], c.s.FrameLimit())
		switch {
		case err != nil && c.speaksTLS():
			return c.s.Leave(wire.ByeTLS, textUnwantedTLS)
		case err != nil && c.answersText():
			return c.s.Leave(wire.ByeBadFrame, textNoNode)
		case err != nil:
			return c.s.Leave(wire.ByeBadFrame, err.Error())
		case n == 0:
			if err := c.fill(); err != nil {
				return err
			}
			continue
		}
		c.from += n
		if err := c.s.OnFrame(c.l.cfg.Now(), body); err != nil {
			return err
		}
		if c.s.Phase() >= session.PhaseAuthed {
			c.l.proved(c)
		}
	}
	// This node's proof must go out now: to end the earlier session may take a while.
	if err := c.pumpOnce(); err != nil {
		return err
	}
	if err := c.l.admit(c); err != nil {
		return err
	}
	_ = c.nc.SetDeadline(time.Time{})
	c.growTo(readBytes)
	if !c.l.storeUser.CompareAndSwap(nil, c) {
		panic("replicator: two sessions at once")
	}
	if err := c.l.meets(); err != nil {
		return err
	}
	state := c.l.State()
	c.mu.Lock()
	err := c.s.Admit(c.l.cfg.Now(), state)
	news := c.l.noteEvents(c)
	c.mu.Unlock()
	c.logNews(news)
	return err
}

// pumpOnce writes what the session has to write now. Only one goroutine may write.
func (c *conn) pumpOnce() error {
	c.w.Reset()
	now := c.l.cfg.Now()
	c.mu.Lock()
	c.s.Pump(now, c.w)
	c.mu.Unlock()
	if c.w.Len() == 0 {
		return nil
	}
	_, err := c.nc.Write(c.w.Bytes())
	return err
}

// sendBye writes the BYE of a handshake that has failed. (After an exchange, its writer has
// done that.) If TLS has failed, it has written an alert that must arrive too.
func (c *conn) sendBye(err error) {
	var e *session.End
	var failed *tlsError
	switch {
	case errors.As(err, &e) && e.Code != 0 && !e.FromPeer:
		_ = c.nc.SetDeadline(time.Now().Add(byeWait))
		if c.pumpOnce() == nil {
			c.linger()
		}
	case errors.As(err, &failed) && !failed.byPeer:
		_ = c.raw.SetDeadline(time.Now().Add(byeWait))
		c.linger()
	}
}

// linger closes this side of the connection, and reads on for a moment. To close a socket
// with unread bytes would reset the connection, and the peer might lose what was written
// last.
func (c *conn) linger() {
	if t, ok := c.nc.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
	if t, ok := c.raw.(*net.TCPConn); ok {
		_ = t.CloseWrite()
		_, _ = io.CopyN(io.Discard, t, lingerBytes)
	}
}
