package replicator

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"twincached/internal/session"
	"twincached/snapshot"
	"twincached/store"
)

// Link keeps a node and its peer together: it listens, dials for ever, elects one
// connection, and owns the gate. Use: New, Run in a goroutine, wait for
// Ready, and in the end Drain and cancel Run's context.
type Link struct {
	cfg       Config
	core      *session.Core
	calls     calls
	refusals  refusals
	strikes   struck               // of addresses that fail handshakes
	room      room                 // where their connections wait
	active    atomic.Pointer[conn] // whom changes of the store wake
	storeUser atomic.Pointer[conn] // whose session may touch the store: one at a time
	slots     chan struct{}        // one for each accepted connection that has not authenticated or not ended
	ready     chan struct{}

	admitting sync.Mutex // one election at a time; held while the loser's goroutines end

	mu        sync.Mutex // the rest, and the core; never held during I/O, nor when a session's lock is asked for
	gateOpen  bool       // ready has been closed
	cur       *conn
	conns     map[*conn]struct{}
	strangers []*conn // oldest first
	changed   chan struct{}
	order     uint64
	closing   bool
	heard     int64 // when the last link heard of the peer last, Unix ms; 0 = never linked
	calmUntil int64 // until then nobody wonders that the peer is not there, Unix ms
	copies    [2]snapshot.Report
	wg        sync.WaitGroup
}

// New makes a link. The gate of a node without a peer is open at once.
func New(cfg Config) (*Link, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	core, err := session.NewCore(cfg.Config, cfg.Now())
	if err != nil {
		return nil, err
	}
	l := &Link{
		cfg: cfg, core: core,
		ready: make(chan struct{}), conns: map[*conn]struct{}{}, changed: make(chan struct{}),
		slots: make(chan struct{}, 2*maxStrangers), room: room{came: make(chan struct{}, 1)},
	}
	l.cfg.Store.SetNotify(func() {
		if c := l.active.Load(); c != nil {
			c.signal()
		}
	})
	if cfg.Peer == "" {
		core.Start(cfg.Now())
		l.publishLocked()
	}
	return l, nil
}

// Addr is where the replication port listens; nil without one.
func (l *Link) Addr() net.Addr {
	if l.cfg.Listener == nil {
		return nil
	}
	return l.cfg.Listener.Addr()
}

// Ready is closed, once, when the client port may open.
func (l *Link) Ready() <-chan struct{} { return l.ready }

// State is what the node is doing.
func (l *Link) State() session.NodeState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.core.State()
}

// Run keeps the link up until ctx ends. It returns when every goroutine and every
// connection of the link has gone.
func (l *Link) Run(ctx context.Context) {
	l.mu.Lock()
	if l.core.State() == session.Starting {
		l.core.Start(l.cfg.Now())
		l.calmUntil = l.cfg.Now() + min(l.cfg.PeerWait.Milliseconds(), restartMillis)
	}
	l.mu.Unlock()
	loops := []func(context.Context){l.watch}
	if l.cfg.Listener != nil {
		loops = append(loops, l.accept, l.serveWaiting)
	}
	if l.cfg.Peer != "" {
		loops = append(loops, l.dial)
	}
	for _, loop := range loops {
		l.wg.Go(func() { loop(ctx) })
	}
	<-ctx.Done()
	l.shut()
	l.wg.Wait()
	l.mu.Lock()
	l.core.Stop()
	l.mu.Unlock()
}

// shut refuses new connections and ends those there are.
func (l *Link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.changeLocked()
	if l.cfg.Listener != nil {
		_ = l.cfg.Listener.Close()
	}
	for c := range l.conns {
		_ = c.raw.Close()
	}
}

// establishingLocked says that a connection to the peer is being set up.
func (l *Link) establishingLocked() bool {
	if l.cur != nil {
		return l.cur.established == 0
	}
	for c := range l.conns {
		if c.authed && !c.admitted {
			return true
		}
	}
	return false
}

// publishLocked opens the gate, once.
func (l *Link) publishLocked() {
	if l.core.State() == session.Ready && !l.gateOpen {
		l.gateOpen = true
		close(l.ready)
	}
}

// changeLocked wakes everybody who waits for the link to come or go.
func (l *Link) changeLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Link) tickOrderLocked() uint64 {
	l.order++
	return l.order
}

// serve runs one connection from its first byte to its end. others: the peer's name
// has other addresses. proved says that the other end was the peer.
func (l *Link) serve(nc net.Conn, dialled, others bool) (proved bool, err error) {
	tune(nc)
	c := newConn(l, nc, dialled)
	c.slot, c.others = !dialled, others
	if !l.enter(c) {
		_ = nc.Close()
		c.release()
		return false, errGone
	}
	err = c.run()
	l.leave(c, err)
	return c.authed, err
}

// enter registers a connection. A dial that completes when a session is there has
// been overtaken and must not say a word: see elect.
func (l *Link) enter(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || c.dialled && l.cur != nil {
		l.freeSlotLocked(c)
		return false
	}
	c.began = l.tickOrderLocked()
	l.conns[c] = struct{}{}
	if c.dialled {
		return true
	}
	l.strangers = append(l.strangers, c)
	if len(l.strangers) > maxStrangers {
		_ = l.strangers[0].raw.Close()
		l.strangers = l.strangers[1:]
	}
	return true
}

// proved takes a connection off the list of strangers: its peer has proved itself.
func (l *Link) proved(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.authed {
		c.authed = true
		l.core.Proved()
		l.dropStrangerLocked(c)
		l.freeSlotLocked(c)
		if !c.dialled {
			l.strikes.proved(sourceOf(c.raw))
		}
	}
}

// freeSlotLocked lets the listener take another connection.
func (l *Link) freeSlotLocked(c *conn) {
	if c.slot {
		c.slot = false
		<-l.slots
	}
}

func (l *Link) dropStrangerLocked(c *conn) {
	for i, o := range l.strangers {
		if o == c {
			l.strangers = append(l.strangers[:i], l.strangers[i+1:]...)
			return
		}
	}
}

// admit elects c, ends the session before it and waits until its goroutines have
// gone. An error is the verdict against c.
func (l *Link) admit(c *conn) error {
	l.admitting.Lock()
	defer l.admitting.Unlock()
	l.mu.Lock()
	if l.closing || c.overtaken {
		l.mu.Unlock()
		return errGone
	}
	old := l.cur
	me := c.contender()
	var other *contender
	if old != nil {
		o := old.contender()
		other = &o
	}
	yes, code, text := elect(other, me)
	if !yes {
		l.mu.Unlock()
		return c.s.Leave(code, text)
	}
	c.admitted = true
	l.cur = c
	if old != nil && old.established == 0 {
		old.overtaken = true
	}
	l.changeLocked()
	for o := range l.conns { // overtaken dials: see elect
		if o != c && o.dialled && !o.admitted {
			o.overtaken = true // it may wait for its own election already
			_ = o.raw.Close()
		}
	}
	l.mu.Unlock()

	if old != nil {
		_ = old.raw.Close()
		<-old.done
	}
	return nil
}

// contender is what an election looks at; Link.mu is held.
func (c *conn) contender() contender {
	h := c.s.Peer()
	return contender{peer: h.NodeID, inc: h.Inc, dialled: c.dialled, decides: c.s.Decides(), began: c.began, established: c.established}
}

// observe passes on what the session reached; the session's lock is held. It
// returns what is new, to be logged once no lock is held.
func (l *Link) observe(c *conn) (news session.Marks) {
	marks := c.s.Marks()
	if marks == c.seen {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if news = marks &^ c.seen; news&session.MarkEstablished != 0 {
		c.established, c.since = l.tickOrderLocked(), l.cfg.Now()
		l.refusals.over()
		last := l.core.LastPeer()
		c.replaces = last != (store.ID{}) && last != c.s.Peer().NodeID
		c.expected = l.core.PeerLeft() || !c.replaces
		l.changeLocked()
	}
	before := l.core.State()
	c.seen = l.core.Reached(c.s, c.seen)
	if news&session.MarkBarrier != 0 && before == l.core.State() {
		news &^= session.MarkBarrier // the gate was open already
	}
	l.publishLocked()
	return news
}

// leave forgets a connection that has ended.
func (l *Link) leave(c *conn, err error) {
	now := l.cfg.Now()
	l.mu.Lock()
	delete(l.conns, c)
	l.dropStrangerLocked(c)
	l.freeSlotLocked(c)
	if l.cur == c {
		l.cur = nil
		l.changeLocked()
	}
	end := endOf(err)
	if c.established != 0 {
		l.heard = c.s.LastRead()
		l.refusals.over()
		l.copies[0], l.copies[1] = l.core.Copies()
		if end.PeerLeft() {
			l.calmUntil = now + restartMillis
		}
	}
	if l.closing {
		end = nil // nobody waits for a peer any more
	}
	l.core.Ended(now, c.s, end, c.seen, c.secured)
	refused, d := l.core.State() == session.Refused, l.core.Denial()
	closing, failed := l.closing, !c.dialled && !c.authed
	l.mu.Unlock()
	if failed {
		l.strikes.failed(sourceOf(c.raw), now)
	}
	c.release()
	close(c.done)
	if !closing {
		l.say(c, err, now)
		if refused {
			l.sayShut(d)
		}
	}
}
