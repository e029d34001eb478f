package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// departure decides when a draining node may go. It may go when its peer has acknowledged
// everything, in a session that is up as this node says BYE, or when there is nothing to
// lose. A peer that has left by plan, was killed or cannot be found proves nothing, whatever
// it acknowledged. The node waits handoverMillis for it to come back. If it comes and
// leaves again, the wait begins anew.
//
// It has no clock and no lock: its caller lets one call run at a time.
type departure struct {
	handoverMillis int64
	waiting        bool   // there was no session at the last call of verdict
	since          int64  // when the wait began, Unix ms
	sessions       uint64 // how many there had been by then
	held, unacked  uint64 // items held here, and changes that no peer has acknowledged, as counted then
	offered        bool   // the values that the peer refused have been sent once more
}

// Standing is what a draining node sees of its peer.
type Standing struct {
	Linked       bool   // a session is up
	Quiet        bool   // the session has nothing more to send or to wait for
	Leaving      bool   // this node has said BYE PLANNED in it
	mayGo        bool   // a session has ended with the proof that this node needs: see Session.MayGo
	flushAcked   uint64 // version of the newest flush that the last peer has acknowledged
	sessions     uint64 // how many there have been: one may come and go between two calls of verdict
	establishing bool   // a connection to the peer is being set up
	away         bool   // without a session: the peer has left by plan, or nobody is at its address. false: it may only be out of reach
}

// Verdict is what a draining node is to do now.
type Verdict uint8

// The verdicts.
const (
	VerdictWait   Verdict = 0
	VerdictBye    Verdict = 1 // the peer has everything: call Session.Depart
	VerdictSafe   Verdict = 2 // go: a live peer has everything, or there is nothing to lose
	VerdictGiveUp Verdict = 3 // go, and log what is lost: nobody has taken over
)

// verdict is asked every few milliseconds. By then only the peer may write to the store.
func (d *departure) verdict(now int64, st *store.Store, s Standing) Verdict {
	switch {
	case s.mayGo:
		return VerdictSafe
	case s.Leaving:
		return VerdictWait
	case s.Linked:
		d.waiting = false
		if s.Quiet {
			return d.quiet(st)
		}
		return VerdictWait
	}
	if !d.waiting || d.sessions != s.sessions {
		d.waiting, d.since, d.sessions = true, now, s.sessions
		d.held, d.unacked = countLeft(now, st, s.flushAcked)
	}
	switch {
	case d.held == 0 && d.unacked == 0:
		return VerdictSafe
	case s.establishing, now-d.since < d.handoverMillis, !s.away && d.unacked > 0:
		return VerdictWait
	}
	return VerdictGiveUp
}

// quiet is the verdict for a session that has nothing more to send or to wait for. Values
// that the peer has refused are sent once more.
func (d *departure) quiet(st *store.Store) Verdict {
	unacked, refused := st.Unacked(), st.Refused()
	switch {
	case unacked == 0:
		return VerdictBye
	case unacked > refused:
		return VerdictWait
	case d.offered:
		return VerdictGiveUp
	}
	d.offered = true
	st.OfferAgain()
	return VerdictWait
}

// countLeft counts what is held here, and what the last peer has not acknowledged: items, deletes
// and a flush.
func countLeft(now int64, st *store.Store, flushAcked uint64) (held, unacked uint64) {
	held, unacked = st.Left(now)
	if flush, _, _ := st.FlushState(); flush > flushAcked {
		unacked++
	}
	return held, unacked
}

// lost is Core.Lost. If a linked peer has acknowledged everything after all, everything
// counts as lost nevertheless: it has not said that it stays, so it may have given up too.
func lost(now int64, st *store.Store, flushAcked uint64, linked bool) (left, unacked uint64) {
	held, unacked := countLeft(now, st, flushAcked)
	if linked && unacked > 0 {
		return unacked, unacked
	}
	return max(unacked, held), unacked
}

// Farewell is what has become of this node's BYE PLANNED in a session.
type Farewell uint8

// What has become of it.
const (
	FarewellNone     Farewell = 0 // this node has not said it
	FarewellSaid     Farewell = 1 // no answer has come: the peer may have read it or not
	FarewellAnswered Farewell = 2 // the peer has read it, and stays
	FarewellCrossed  Farewell = 3 // the peer said BYE PLANNED itself before it read this node's
)

// Quiet says that everything has been sent and acknowledged that this session has taken
// from the store. Changes since the last Pump do not count.
func (s *Session) Quiet() bool {
	if s.phase != PhaseCatchup && s.phase != PhaseStream || !s.tx.started {
		return false
	}
	tx := s.tx
	flush, _, pending := s.cfg.Store.FlushState()
	return tx.flights.frames.num == 0 && !s.hasData() && tx.graves.Empty() && tx.barrier.IsSent() &&
		flush <= tx.peerFlush && pending.Version <= tx.peerPending
}

// Depart makes the session say BYE PLANNED, if the peer has everything. What the peer sends
// until it has read that is ignored. The caller waits for the end of the session, and asks
// MayGo then. false: it is too early, or the session is over.
func (s *Session) Depart(now int64) bool {
	if !s.Quiet() {
		return false
	}
	s.phase, s.farewell, s.leftAt, s.sendBye = PhaseLeaving, FarewellSaid, now, true
	return true
}

// GiveUp makes the session say BYE GIVES_UP: this node goes, although its peer does not
// have everything. false: the session had ended before, and the peer may have left itself.
func (s *Session) GiveUp() bool {
	ended := s.phase == PhaseEnded
	s.Leave(wire.ByeGivesUp, "this node stops, and not everything has been acknowledged")
	return !ended
}

// onBye takes a BYE of the peer. It may be the answer to this node's.
func (s *Session) onBye(code wire.ByeCode) {
	switch leaving := s.phase == PhaseLeaving; {
	case leaving && code == wire.ByeStays:
		s.farewell = FarewellAnswered
	case code != wire.ByePlanned:
	case leaving && !s.sendBye:
		if s.peerAnswers() { // an older peer goes in any case
			s.farewell = FarewellCrossed
		}
	default: // the peer goes and this node stays, even if it was about to say BYE PLANNED itself
		s.sendBye, s.farewell, s.sendStays = false, FarewellNone, s.attached && s.answers()
	}
}

// OnEnd tells that the peer has closed its side of the connection. For an older peer that
// is the answer to BYE PLANNED. For others it is none: the process may just have died.
func (s *Session) OnEnd() {
	if s.phase == PhaseLeaving && !s.peerAnswers() {
		s.farewell = FarewellAnswered
	}
}

// Farewell is what became of this node's BYE PLANNED in this session.
func (s *Session) Farewell() Farewell { return s.farewell }

// MayGo says of a session that has ended whether this node may go: the peer has everything,
// and stays. If both nodes have said BYE PLANNED, both know it, because each reads on after
// its own. Then the decider stays, and waits for somebody to take over.
func (s *Session) MayGo() bool {
	return s.farewell == FarewellAnswered || s.farewell == FarewellCrossed && !s.Decides()
}

// PeerLeft says that a connection is over because the peer has said that it stops.
func (e *End) PeerLeft() bool {
	return e != nil && e.FromPeer && (e.Code == wire.ByePlanned || e.Code == wire.ByeGivesUp)
}
