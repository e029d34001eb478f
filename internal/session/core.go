package session

import (
	"sync/atomic"

	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// Core is a link without sockets, goroutines and timers: the gate, and what outlives a
// session. A replicator.Link runs it over connections, and a simulation over a network of
// its own. Either passes on the time, the bytes, and what happened to connections.
//
// Neither a Core nor a Session is for concurrent use. A caller with threads needs two
// locks: one for the session and Copies, and one for the rest. Only one session may be
// admitted at a time. Connect, Counts, Lag, Sessions and SetStatus need no lock. Verdict and Lost are for
// the one thread that drains. They may take a while.
type Core struct {
	cfg     Config
	meter   meter
	status  ownStatus
	in, out *snapshot.Copy // used by the session that is admitted
	gate    *gate

	departure departure
	hurries   atomic.Bool // the node stops: its sessions send without a bound
	lastPeer  store.ID    // node id of the last peer; zero: there has been none
	peerLeft  bool        // the last peer has left by plan, and has not come back
	nobody    bool        // the last dial found no other node: the peer's name is unknown, or leads back here
	mayGo     bool        // this node may go: the peer has everything, and stays
	denied    bool        // the node was Refused when it began to drain: the peer is there
}

// NewCore makes the core of a node. It does nothing before Start.
func NewCore(cfg Config, nowMillis int64) (*Core, error) {
	if err := cfg.Check(nowMillis); err != nil {
		return nil, err
	}
	if cfg.Provisional {
		cfg.awaited = cfg.Store.LastPeer()
	}
	return &Core{cfg: cfg, gate: newGate(&cfg), in: snapshot.From(cfg.Store), out: snapshot.To(cfg.Store), departure: departure{handoverMillis: cfg.Handover.Milliseconds()}}, nil
}

// Start lets the node look for its peer from now on. Without one to look for, the gate
// opens at once.
func (c *Core) Start(nowMillis int64) { c.gate.start(nowMillis, c.cfg.Seeks) }

// Scratch is memory that a session works in. The zero value is ready. It belongs to the
// session until its end.
type Scratch struct {
	body wire.Body
	dec  wire.Decoder
}

// Connect makes the session of a new connection. dialled: this node opened it, and not
// the peer.
func (c *Core) Connect(nowMillis int64, dialled bool, scratch *Scratch) *Session {
	s := newSession(c, dialled, c.cfg.nonce(), scratch)
	s.OnConnect(nowMillis)
	return s
}

// Proved tells that the other side of a connection has proved to be the peer: so the peer
// is there.
func (c *Core) Proved() { c.gate.foundSomebody() }

// NoteEvents notes what has newly happened in a session, and returns all its events. before is
// what NoteEvents returned for this session the last time; 0 = it is the first time.
func (c *Core) NoteEvents(s *Session, before Events) (events Events) {
	events = before | s.Events()
	if events&^before&EventEstablished != 0 {
		c.lastPeer, c.peerLeft = s.peer.NodeID, false
		c.gate.linkUp()
	}
	if events&^before&EventBarrier != 0 {
		c.gate.barrier()
	}
	return events
}

// Ended tells that a connection is over. events is what has happened in its session. end is why
// it ended; nil = nobody knows. secured: TLS had found the other side's certificate right.
func (c *Core) Ended(nowMillis int64, s *Session, end *End, events Events, secured bool) {
	established := events&EventEstablished != 0
	if established {
		c.gate.linkLost(nowMillis, events&EventData != 0)
	}
	if s.stranger {
		c.gate.giveUp()
	}
	c.mayGo = c.mayGo || s.MayGo()
	c.peerLeft = c.peerLeft || established && end.PeerLeft() // only of a session: a stranger can say BYE too
	if end != nil && end.Code == wire.ByeSelf && s.dialled {
		c.nobody = true
		c.gate.absent(nowMillis)
	}
	if cause := denialOf(end, s.dialled, established); cause != "" {
		c.gate.denied(nowMillis, cause, s.proved || secured, s.dialled)
	}
}

// WaitAnew begins the wait for a peer (Config.PeerWait) anew, as one is there.
func (c *Core) WaitAnew(nowMillis int64) { c.gate.waitSince = nowMillis }

// DialAnswered tells that somebody has taken a dial. As long as nobody knows who, the dial
// does not count as one that found no listener. It returns what DialReachedItself needs if
// it was this node.
func (c *Core) DialAnswered() (before Absence) {
	before = c.gate.Absence
	c.gate.foundSomebody()
	c.nobody = false
	return before
}

// DialReachedItself tells that the dial led back to this node, which is not its own peer.
// before is what DialAnswered returned.
func (c *Core) DialReachedItself(before Absence) {
	if !c.gate.linked {
		c.gate.Absence = before
	}
}

// DialFailed tells that a dial met nobody. noName: the peer's name has no address.
// noListener: nobody listens at any of its addresses. Neither: the peer is out of reach.
func (c *Core) DialFailed(nowMillis int64, noName, noListener bool) {
	c.nobody = noName
	if noListener || noName {
		c.gate.absent(nowMillis)
	}
	if noListener {
		c.gate.foundNoListener(nowMillis)
	} else {
		c.gate.foundSomebody()
	}
}

// Drain begins the planned stop of the node. Config.CopyBytes does not count from now on: the
// session's next Pump sends what waited for it.
func (c *Core) Drain() {
	c.denied = c.gate.state == Refused
	c.gate.handle(evDrain)
	c.hurries.Store(true)
}

// Standing is what a draining node sees of its peer. The caller fills in Linked, Quiet and
// Leaving, which are about the session. establishing is as for Tick.
func (c *Core) Standing(nowMillis int64, establishing bool) Standing {
	return Standing{
		establishing: establishing, mayGo: c.mayGo, sessions: c.meter.sessions.Load(), flushAcked: c.meter.flushAcked.Load(),
		away: c.peerLeft || c.nobody || !c.cfg.Seeks && c.lastPeer == (store.ID{}) || c.gate.longNoListener(nowMillis),
	}
}

// Verdict decides whether a draining node may go. It is asked every few milliseconds. By
// then only the peer may write to the store.
func (c *Core) Verdict(nowMillis int64, s Standing) Verdict {
	return c.departure.verdict(nowMillis, c.cfg.Store, s)
}

// Waiting says that Verdict has found no session, and about how many items wait for a peer
// to take them over.
func (c *Core) Waiting() (items uint64, yes bool) { return c.departure.held, c.departure.waiting }

// Lost counts what may be lost when a node goes without a proof that its peer has
// everything. left is the items of this node that no live peer is known to have: also
// those that a peer acknowledged which is gone now. unacked is how much of that no peer has
// acknowledged, deletes and a flush included. linked: a peer was linked, and this node gave
// up waiting for it; then only what it has not acknowledged counts, if there is any.
func (c *Core) Lost(nowMillis int64, linked bool) (left, unacked uint64) {
	return lost(nowMillis, c.cfg.Store, c.meter.flushAcked.Load(), linked)
}

// Stop tells that the node has stopped.
func (c *Core) Stop() { c.gate.handle(evStop) }

// Tick is called every TickMillis. It moves the gate when something has lasted long enough.
// establishing: a connection to the peer is being set up. settled: a second may pass before
// the next call, unless State changes, because only a session can move the gate now.
func (c *Core) Tick(nowMillis int64, establishing bool) (settled bool) {
	c.gate.tick(nowMillis, establishing)
	return c.gate.state != Joining && c.gate.state != Refused && c.gate.state != Copying && c.gate.cause == ""
}

// State is what the node is doing.
func (c *Core) State() NodeState { return c.gate.state }

// Qualifier is "alone" or "partial" for a ready node that lacks its peer, or the rest
// of its peer's data; else "".
func (c *Core) Qualifier() string { return c.gate.qualifier() }

// Denial is why one of the two nodes refuses to link: this keeps the gate of a joining
// node shut, or did until it opened beside a peer that is not linked.
func (c *Core) Denial() (d Denial) {
	return Denial{Cause: c.gate.cause, Proved: c.gate.lastProved != 0, Opens: c.gate.opens()}
}

// LastPeer is the node id of the peer that was linked last; zero = none has been.
func (c *Core) LastPeer() store.ID { return c.lastPeer }

// PeerLeft says that the last peer has left by plan, and has not come back.
func (c *Core) PeerLeft() bool { return c.peerLeft }

// Copies is how far the full copies have come, to this node and to the peer.
func (c *Core) Copies() (in, out snapshot.Report) { return c.in.Report(), c.out.Report() }
