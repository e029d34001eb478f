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

// Ended tells the gate why a session is over, which this node dialled or not.
func (c *Core) Ended(nowMillis int64, s *Session, err error, marks uint8) {
	if cause := denialOf(err, s.dialled, marks&markEstablished != 0); cause != "" {
		c.gate.denied(nowMillis, cause, s.proved, s.dialled)
	}
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
