package replicator

import (
	"twincached/internal/wire"
	"twincached/snapshot"
)

// Core is a link without sockets, goroutines and timers: what outlives a session,
// and the gate. A simulation drives it where a node has a Link; what a Link does
// with connections is then the simulation's to do. It is not for concurrent use.
type Core struct {
	cfg     Config
	meter   meter
	in, out snapshot.Progress
	gate    *gate

	departure departure
	left      bool // the peer has left by plan
	mayGo     bool // the peer has everything, and stays
}

// NewCore makes the core of a node that looks for its peer from nowMillis on.
func NewCore(cfg Config, nowMillis int64) (*Core, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, gate: newGate(&cfg)}
	c.gate.start(nowMillis, true)
	return c, nil
}

// Connect makes the session of a new connection to the peer, which this node
// dialled, or the peer.
func (c *Core) Connect(nowMillis int64, dialled bool) *Session {
	s := newSession(&c.cfg, &c.meter, &c.in, &c.out, dialled, c.cfg.nonce(), &wire.Body{}, &wire.Decoder{})
	s.OnConnect(nowMillis)
	return s
}

// Reached tells the gate how far a session has come; before is what this returned
// for the session last, 0 at first.
func (c *Core) Reached(s *Session, before uint8) (marks uint8) {
	marks = s.marks()
	if news := marks &^ before; news&markEstablished != 0 {
		c.left = false
		c.gate.linkUp()
	}
	if marks&^before&markBarrier != 0 {
		c.gate.barrier()
	}
	return marks
}

// Lost tells the gate that a session is gone which had reached marks.
func (c *Core) Lost(nowMillis int64, marks uint8) {
	if marks&markEstablished != 0 {
		c.gate.linkLost(nowMillis, marks&markData != 0)
	}
}

// Ended tells why a session is over that had reached marks.
func (c *Core) Ended(nowMillis int64, s *Session, err error, marks uint8) {
	c.mayGo = c.mayGo || s.MayGo()
	c.left = c.left || marks&markEstablished != 0 && peerLeft(err)
	if cause := denialOf(err, s.dialled, marks&markEstablished != 0); cause != "" {
		c.gate.denied(nowMillis, cause, s.proved, s.dialled)
	}
}

// Leave is how a draining node ends.
type Leave uint8

// The ways to leave.
const (
	LeaveNot  Leave = 0 // not yet
	LeaveSafe Leave = 1 // a live peer has everything, or there is nothing to lose: status 0
	LeaveLost Leave = 2 // nobody has taken over: status 3
)

// Drain begins to stop the node as planned.
func (c *Core) Drain() {
	c.gate.step(evDrain)
	c.departure.handoverMillis = c.cfg.Handover.Milliseconds()
}

// Depart lets a draining node look whether it may go. s is its session, nil if there
// is none; it says BYE PLANNED when it is time. establishing is as for Tick.
func (c *Core) Depart(nowMillis int64, s *Session, establishing bool) Leave {
	switch {
	case c.mayGo:
		return LeaveSafe
	case s != nil && s.phase == PhaseLeaving:
		return LeaveNot
	}
	v := c.departure.look(nowMillis, c.cfg.Store, standing{
		sessions: c.meter.sessions.Load(), heard: c.meter.flushHeard.Load(), linked: s != nil, quiet: s != nil && s.Quiet(), establishing: establishing, away: c.left,
	})
	switch v {
	case verdictBye:
		s.Depart(nowMillis)
	case verdictSafe:
		return LeaveSafe
	case verdictGiveUp:
		return LeaveLost
	}
	return LeaveNot
}

// Tick lets the gate look at the time. establishing says that a connection is being
// set up.
func (c *Core) Tick(nowMillis int64, establishing bool) { c.gate.tick(nowMillis, establishing) }

// State is what the node is doing.
func (c *Core) State() NodeState { return c.gate.state }

// CopiesOwed counts the partitions whose copy, in either direction, has not ended.
func (c *Core) CopiesOwed() int { return c.in.Report().PartitionsOwed + c.out.Report().PartitionsOwed }

// GravesAnnounced counts the graves announced in all sessions.
func (c *Core) GravesAnnounced() uint64 { return c.meter.gravesOut.Load() }

// Established says that both STATEs are known: data flows, or did.
func (s *Session) Established() bool { return s.attached }

// TailNotes counts how often this session has noted the tails that its BARRIER
// stands for.
func (s *Session) TailNotes() int {
	if s.tx == nil {
		return 0
	}
	return min(s.tx.step, barrierTwice)
}

// InFlight returns the bytes and the frames under way without an ACK.
func (s *Session) InFlight() (bytes, frames int) {
	if s.tx == nil {
		return 0, 0
	}
	return s.tx.fly.bytes, s.tx.fly.num
}
