package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// notices are the values of the peer that this node has not stored and has told the peer
// of. One stays here until it is sure that the peer has read the REFUSED frame: a PONG has
// come that answers a PING which was sent after it. If the session ends before that, the
// next session sends the rest again.
type notices struct {
	list []store.Refused
	ping uint64 // id of the PING that was sent after the first n of them; 0 = none is under way
	n    int
}

// needPing says that a PING is due.
func (n *notices) needPing() bool { return len(n.list) > 0 && n.ping == 0 }

// pinged is called for each PING that is sent.
func (n *notices) pinged(id uint64) {
	if n.needPing() {
		n.ping, n.n = id, len(n.list)
	}
}

// ponged is called for each PONG that arrives.
func (n *notices) ponged(id uint64) {
	if n.ping != 0 && id == n.ping {
		n.list = append(n.list[:0], n.list[n.n:]...)
		n.ping = 0
	}
}

// sendRefused tells the peer which of its values this node has not stored. That goes out
// before the ACK of these values, so that the peer never counts them as safe.
func (s *Session) sendRefused() {
	list := s.cfg.Store.TakeRefused()
	for i := range list {
		r := &list[i]
		s.tx.w.Refused(&wire.Refused{Part: r.Part, Key: r.Key, Version: r.Version, Why: r.Why})
		s.meter.framesOut.Add(1)
	}
	s.meter.refusedOut.Add(uint64(len(list)))
	s.rx.notices.list = append(s.rx.notices.list, list...)
}
