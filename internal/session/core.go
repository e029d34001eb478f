package session

import (
	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// Core is a link without sockets, goroutines and timers: what outlives a session,
// and the gate. A Link runs it over connections, a simulation over a network of its
// own: what either of them does is to pass on time, bytes, and what became of them.
//
// It is not for concurrent use, nor is a session. A caller with threads needs two
// locks: one for a session and Copies, where no two sessions are admitted at a time,
// and one for the rest. Connect, Counts and Sessions need none; Look and Lost belong
// to the one thread that drains, and may take a while.
type Core struct {
	cfg     Config
	meter   meter
	in, out *snapshot.Copy // of the session that is admitted
	gate    *gate

	departure departure
	lastPeer  store.ID // node id of the last peer; zero: there has been none
	left      bool     // the last peer has left by plan, and has not come back
	nobody    bool     // the last dial met nobody: the name is unknown, or leads here
	mayGo     bool     // the peer has everything, and stays
}

// NewCore makes the core of a node. It does nothing before Start.
func NewCore(cfg Config, nowMillis int64) (*Core, error) {
	if err := cfg.Check(nowMillis); err != nil {
		return nil, err
	}
	return &Core{cfg: cfg, gate: newGate(&cfg), in: snapshot.From(cfg.Store), out: snapshot.To(cfg.Store), departure: departure{handoverMillis: cfg.Handover.Milliseconds()}}, nil
}

// Start lets the node look for its peer from now on. Without one to look for, the gate
// opens at once.
func (c *Core) Start(nowMillis int64) { c.gate.start(nowMillis, c.cfg.Seeks) }

// Scratch is room that a session works in. The zero value is ready; the session has
// it until its end.
type Scratch struct {
	body wire.Body
	dec  wire.Decoder
}

// Connect makes the session of a new connection to the peer, which this node
// dialled, or the peer.
func (c *Core) Connect(nowMillis int64, dialled bool, room *Scratch) *Session {
	s := newSession(c, dialled, c.cfg.nonce(), room)
	s.OnConnect(nowMillis)
	return s
}

// Proved tells that the other side of a connection has proved itself: somebody is there.
func (c *Core) Proved() { c.gate.answered() }

// Reached tells how far a session has come; before is what this returned for the
// session last, 0 at first.
func (c *Core) Reached(s *Session, before Marks) (marks Marks) {
	marks = before | s.Marks()
	if marks&^before&MarkEstablished != 0 {
		c.lastPeer, c.left = s.peer.NodeID, false
		c.gate.linkUp()
	}
	if marks&^before&MarkBarrier != 0 {
		c.gate.barrier()
	}
	return marks
}

// Ended tells that a connection is over whose session had reached marks. end is why,
// as far as the session or its shell have a word for it; nil: they have none. secured:
// TLS had found the other side's certificate right.
func (c *Core) Ended(nowMillis int64, s *Session, end *End, marks Marks, secured bool) {
	established := marks&MarkEstablished != 0
	if established {
		c.gate.linkLost(nowMillis, marks&MarkData != 0)
	}
	c.mayGo = c.mayGo || s.MayGo()
	c.left = c.left || established && end.PeerLeft() // a stranger may say so, too
	if end != nil && end.Code == wire.ByeSelf && s.dialled {
		c.nobody = true
		c.gate.absent(nowMillis)
	}
	if cause := denialOf(end, s.dialled, established); cause != "" {
		c.gate.denied(nowMillis, cause, s.proved || secured, s.dialled)
	}
}

// Answered tells that a dial met somebody. While it is not known who that is, nobody
// has refused. It returns what AnsweredItself is to be told if it was this node.
func (c *Core) Answered() (was Absence) {
	was = c.gate.Absence
	c.gate.answered()
	c.nobody = false
	return was
}

// AnsweredItself tells that the dial led back to this node, which is not its peer.
func (c *Core) AnsweredItself(was Absence) {
	if !c.gate.linked {
		c.gate.Absence = was
	}
}

// DialFailed tells that a dial met nobody. noName: the peer's name leads nowhere;
// refused: nobody listens at any of its addresses. Neither: the peer is out of reach.
func (c *Core) DialFailed(nowMillis int64, noName, refused bool) {
	c.nobody = noName
	if refused || noName {
		c.gate.absent(nowMillis)
	}
	if refused {
		c.gate.dialRefused(nowMillis)
	} else {
		c.gate.answered()
	}
}

// Drain begins to stop the node as planned.
func (c *Core) Drain() { c.gate.step(evDrain) }

// Standing is what a draining node sees of its peer, but for the session: the caller
// adds that. establishing is as for Tick.
func (c *Core) Standing(nowMillis int64, establishing bool) Standing {
	return Standing{
		establishing: establishing, mayGo: c.mayGo, sessions: c.meter.sessions.Load(), heard: c.meter.flushHeard.Load(),
		away: c.left || c.nobody || !c.cfg.Seeks && c.lastPeer == (store.ID{}) || c.gate.refusedFor(nowMillis),
	}
}

// Look decides, every few milliseconds, whether a draining node may go. Nothing but
// the peer may write to the store any more.
func (c *Core) Look(nowMillis int64, s Standing) Verdict {
	return c.departure.look(nowMillis, c.cfg.Store, s)
}

// Waiting says that Look has found no session, and how many items, about, wait for
// somebody to take them over.
func (c *Core) Waiting() (items uint64, yes bool) { return c.departure.held, c.departure.waiting }

// Lost counts what nobody else is known to have, for a node that goes without a
// proof, and how much of that no peer has ever acknowledged, deletes included. What
// only a peer acknowledged that is gone counts too. linked: it gave up on a peer that
// was linked; unless that one had everything, the rest is there.
func (c *Core) Lost(nowMillis int64, linked bool) (left, unacked uint64) {
	return lost(nowMillis, c.cfg.Store, c.meter.flushHeard.Load(), linked)
}

// Stop tells that nothing more will happen.
func (c *Core) Stop() { c.gate.step(evStop) }

// Tick lets the gate look at the time. establishing says that a connection is being
// set up.
func (c *Core) Tick(nowMillis int64, establishing bool) { c.gate.tick(nowMillis, establishing) }

// State is what the node is doing.
func (c *Core) State() NodeState { return c.gate.state }

// Qualifier is "alone" or "partial" for a ready node that lacks its peer, or the rest
// of its peer's data; else "".
func (c *Core) Qualifier() string { return c.gate.qualifier() }

// Denial is why the gate of a joining node is shut, or was when it opened beside a
// peer that is not linked: in one word, "" without a refusal. proved: the other side
// has proved to be the peer.
func (c *Core) Denial() (d Denial) {
	return Denial{Cause: c.gate.cause, Proved: c.gate.proved != 0}
}

// LastPeer is the node id of the peer that was linked last; zero: none has been.
func (c *Core) LastPeer() store.ID { return c.lastPeer }

// PeerLeft says that the last peer has left by plan, and has not come back.
func (c *Core) PeerLeft() bool { return c.left }

// Copies is how far the full copies have come, to this node and to the peer.
func (c *Core) Copies() (in, out snapshot.Report) { return c.in.Report(), c.out.Report() }
