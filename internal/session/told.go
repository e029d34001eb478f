package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// told is what this node has told the peer of values that it has not stored, until the
// peer is known to have heard it: a PONG to a PING behind it has come. What a session
// does not get through, the next one tells.
type told struct {
	list []store.Refused
	ping uint64 // the id of the PING behind the first n of them; 0: none is under way
	n    int
}

// asks says that a PING is due.
func (t *told) asks() bool { return len(t.list) > 0 && t.ping == 0 }

// asked is for each PING that goes out.
func (t *told) asked(id uint64) {
	if t.asks() {
		t.ping, t.n = id, len(t.list)
	}
}

// heard is for each PONG that comes in.
func (t *told) heard(id uint64) {
	if t.ping != 0 && id == t.ping {
		t.list = append(t.list[:0], t.list[t.n:]...)
		t.ping = 0
	}
}

// tellRefused writes what the peer has sent and this node has not stored: before the ACK
// of it, so that the peer never counts it as safe.
func (s *Session) tellRefused() {
	list := s.cfg.Store.TakeRefused()
	for i := range list {
		r := &list[i]
		s.tx.w.Refused(&wire.Refused{Part: r.Part, Key: r.Key, Version: r.Version, Why: r.Why})
		s.meter.framesOut.Add(1)
	}
	s.meter.refusedOut.Add(uint64(len(list)))
	s.rx.told.list = append(s.rx.told.list, list...)
}
