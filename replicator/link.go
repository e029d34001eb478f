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

// Link keeps a node and its peer together: it listens, dials, elects one connection, and
// owns the gate. Use: New, Run in a goroutine, wait for Ready, and in the end Drain and
// cancel Run's context. All methods are safe for concurrent use; Run and Drain are called
// once.
type Link struct {
	cfg       Config
	core      *session.Core
	counters  counters
	refusals  refusals
	strikes   addressStrikes       // against addresses whose handshakes fail
	room      room                 // where connections from these addresses wait
	active    atomic.Pointer[conn] // the session that is woken when the store changes; nil = none
	turns     atomic.Int32         // event loops that are at work: see BeginTurn
	storeUser atomic.Pointer[conn] // the session that may use the store, one at a time; nil = none
	places    chan struct{}        // as many values as places are taken: see doc.go
	ready     chan struct{}        // closed when the gate opens
	forsaken  chan struct{}        // closed when it will not

	saidOutOfReach bool // used by the goroutine that dials

	admitting sync.Mutex // one election at a time; held until the goroutines of the conn that lost have ended

	mu          sync.Mutex // guards the rest and the core. Not held during I/O, nor when a conn's lock is taken
	gateOpen    bool       // ready is closed
	gaveUp      bool       // forsaken is closed
	cur         *conn
	conns       map[*conn]struct{}
	strangers   []*conn // accepted connections that have not proved to be the peer, the oldest first
	changed     chan struct{}
	order       uint64
	closing     bool
	leftPeer    bool  // Drain gave up while a peer was linked
	lastContact int64 // when the last session that has ended last read bytes, Unix ms; 0 = there was none
	absentUntil int64 // until then it is normal that the peer is not there, Unix ms
	copies      [2]snapshot.Report
	wg          sync.WaitGroup
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
		ready: make(chan struct{}), forsaken: make(chan struct{}), conns: map[*conn]struct{}{}, changed: make(chan struct{}),
		places: make(chan struct{}, 2*maxStrangers), room: room{added: make(chan struct{}, 1)},
	}
	l.cfg.Store.SetNotify(l.hasWork)
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

// Forsaken is closed, once, when a link with Config.Provisional has waited for its peer in vain:
// see session.Core.Forsaken. It links with nobody from then on. The caller ends Run, closes the
// store, and starts a new link with a new store.
func (l *Link) Forsaken() <-chan struct{} { return l.forsaken }

// ImageLine is what the image of this node is to have as its Line: see session.Core.ImageLine.
func (l *Link) ImageLine() store.Line { return l.core.ImageLine() }

// Last says after Drain whether this node could be sure to be the last one of the pair: see
// session.Core.Last.
func (l *Link) Last() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.core.Last(l.leftPeer)
}

// State is what the node is doing.
func (l *Link) State() session.NodeState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.core.State()
}

// StateQualified is State, and what Stats.Qualifier says of it. It looks at nothing but the
// gate.
func (l *Link) StateQualified() (state session.NodeState, qualifier string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.core.State(), l.core.Qualifier()
}

// Run keeps the link up until ctx ends. It returns when every goroutine and every
// connection of the link has ended.
func (l *Link) Run(ctx context.Context) {
	l.mu.Lock()
	if l.core.State() == session.Starting {
		l.core.Start(l.cfg.Now())
		l.absentUntil = l.cfg.Now() + min(l.cfg.PeerWait.Milliseconds(), restartMillis)
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

// shut closes the listener and all connections.
func (l *Link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shutLocked()
}

func (l *Link) shutLocked() {
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
	if l.core.Forsaken() && !l.gaveUp {
		l.gaveUp = true
		close(l.forsaken)
		l.shutLocked()
	}
}

// changeLocked wakes waitUnlinked: a session has begun or ended, or the link is closing.
func (l *Link) changeLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// nextOrderLocked returns the number of the next event: events are in the order of their
// numbers.
func (l *Link) nextOrderLocked() uint64 {
	l.order++
	return l.order
}

// serve runs one connection from its first byte to its end. others: the peer's name has
// other addresses. proved: the other side has proved to be the peer.
func (l *Link) serve(nc net.Conn, dialled, others bool) (proved bool, err error) {
	tune(nc)
	c := newConn(l, nc, dialled)
	c.holdsPlace, c.otherAddresses = !dialled, others
	if !l.register(c) {
		_ = nc.Close()
		c.release()
		return false, errGivenUp
	}
	err = c.run()
	l.unregister(c, err)
	return c.authed, err
}

// register notes a new connection. false: it must be closed. That is so for a dial that
// succeeds when there is a session already, which must not send anything: see elect.
func (l *Link) register(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || c.dialled && l.cur != nil {
		l.freePlaceLocked(c)
		return false
	}
	c.began = l.nextOrderLocked()
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

// proved notes that the other side of a connection has proved to be the peer.
func (l *Link) proved(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.authed {
		c.authed = true
		l.core.Proved()
		l.dropStrangerLocked(c)
		l.freePlaceLocked(c)
		if !c.dialled {
			l.strikes.proved(sourceOf(c.raw))
		}
	}
}

// freePlaceLocked gives back the place of a connection, if it has one.
func (l *Link) freePlaceLocked(c *conn) {
	if c.holdsPlace {
		c.holdsPlace = false
		<-l.places
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

// admit holds an election. If c wins, admit ends the session before it and waits until its
// goroutines have ended. An error says why c has lost.
func (l *Link) admit(c *conn) error {
	l.admitting.Lock()
	defer l.admitting.Unlock()
	l.mu.Lock()
	if l.closing || c.overtaken {
		l.mu.Unlock()
		return errGivenUp
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
	for o := range l.conns { // dials that were late: see elect
		if o != c && o.dialled && !o.admitted {
			o.overtaken = true // it may be waiting for its own election
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

// contender is c as elect compares it. Link.mu is held.
func (c *conn) contender() contender {
	h := c.s.Peer()
	return contender{peer: h.NodeID, inc: h.Inc, dialled: c.dialled, decides: c.s.Decides(), began: c.began, established: c.established}
}

// noteEvents tells the core what has newly happened in the session of c, and returns that.
// The caller holds the conn's lock, and logs the news after it has given it back.
func (l *Link) noteEvents(c *conn) (news session.Events) {
	events := c.s.Events()
	if events == c.seen {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if news = events &^ c.seen; news&session.EventEstablished != 0 {
		c.established, c.since = l.nextOrderLocked(), l.cfg.Now()
		l.refusals.clearLast()
		last := l.core.LastPeer()
		c.replaces = last != (store.ID{}) && last != c.s.Peer().NodeID
		c.expected = l.core.PeerLeft() || !c.replaces
		l.changeLocked()
	}
	before := l.core.State()
	c.seen = l.core.NoteEvents(c.s, c.seen)
	if news&session.EventBarrier != 0 && before == l.core.State() {
		news &^= session.EventBarrier // the gate was open already
	}
	l.publishLocked()
	return news
}

// unregister forgets a connection that has ended, and logs why it has.
func (l *Link) unregister(c *conn, err error) {
	now := l.cfg.Now()
	l.mu.Lock()
	delete(l.conns, c)
	l.dropStrangerLocked(c)
	l.freePlaceLocked(c)
	if l.cur == c {
		l.cur = nil
		l.changeLocked()
	}
	end := endOf(err)
	if c.established != 0 {
		l.lastContact = c.s.LastRead()
		l.refusals.clearLast()
		l.copies[0], l.copies[1] = l.core.Copies()
		if end.PeerLeft() {
			l.absentUntil = now + restartMillis
		}
	}
	if l.closing {
		end = nil // the node stops, so a refusal has no effect any more
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
		l.logEnd(c, err, now)
		if refused {
			l.logShut(d)
		}
	}
}
