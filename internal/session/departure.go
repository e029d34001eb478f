package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// departure decides when a draining node may go. It may go for good when its peer
// has acknowledged everything in a session that is up as it says BYE, or when there
// is nothing to lose. A peer that has left by plan, was killed or cannot be found
// proves nothing, whatever it acknowledged: the node waits for it to come back, for
// handoverMillis, and for as long again whenever it came and has left.
//
// It has no clock and no lock: its caller serialises.
type departure struct {
	handoverMillis int64
	waiting        bool  // there is no session
	since          int64 // from then on, Unix ms
	sessions       uint64
	held, unacked  uint64
	offered        bool // what the peer had refused has been sent once more
}

// Standing is what a draining node sees of its peer.
type Standing struct {
	Linked       bool   // a session is up
	Quiet        bool   // it has nothing more to send or to wait for
	Leaving      bool   // this node has said BYE PLANNED on it
	mayGo        bool   // a session has ended so that this node may go
	heard        uint64 // the newest flush that the last peer has
	sessions     uint64 // that there have been so far: one may come and go between two looks
	establishing bool   // a connection to the peer is being set up
	away         bool   // without a session: the peer has left by plan, or nobody is where it should be. false: it may just be out of reach
}

// Verdict is what a draining node shall do now.
type Verdict uint8

// The verdicts.
const (
	VerdictWait   Verdict = 0
	VerdictBye    Verdict = 1 // the peer has everything: say so, and see Session.Depart
	VerdictSafe   Verdict = 2 // a live peer has everything, or there is nothing to lose: go
	VerdictGiveUp Verdict = 3 // nobody has taken over: go, and say what it costs
)

// look is for every few milliseconds. Nothing but the peer may write to the store
// any more.
func (d *departure) look(now int64, st *store.Store, s Standing) Verdict {
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
		d.held, d.unacked = st.Held(now), unheard(st, s.heard)
	}
	switch {
	case d.held == 0 && d.unacked == 0:
		return VerdictSafe
	case s.establishing, now-d.since < d.handoverMillis, !s.away && d.unacked > 0:
		return VerdictWait
	}
	return VerdictGiveUp
}

// quiet is for a session that has nothing more to send or to wait for. What the peer
// refuses, it is offered once more.
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

// unheard counts what the last peer has not acknowledged: items, deletes, a flush.
func unheard(st *store.Store, heard uint64) uint64 {
	n := st.Unacked()
	if flush, _, _ := st.FlushState(); flush > heard {
		n++
	}
	return n
}

// lost counts what nobody else is known to have, for a node that goes without a
// proof, and how much of that no peer has ever acknowledged, deletes included. What
// only a peer acknowledged that is gone counts too. linked: it gave up on a peer that
// was linked. Where that one has acknowledged everything after all, it has not said
// that it stays: it may have given up as well, so all counts.
func lost(now int64, st *store.Store, heard uint64, linked bool) (left, unacked uint64) {
	if unacked = unheard(st, heard); linked && unacked > 0 {
		return unacked, unacked
	}
	return max(unacked, st.Held(now)), unacked
}

// Farewell is how a session of a node ended that said BYE PLANNED.
type Farewell uint8

// The ways to part.
const (
	FarewellNone    Farewell = 0 // it has not said it
	FarewellSaid    Farewell = 1 // it has, and nothing has come back: nobody knows whether the peer has read it
	FarewellHeard   Farewell = 2 // the peer has read it, and stays
	FarewellCrossed Farewell = 3 // the peer said BYE PLANNED itself, before it read this node's
)

// Quiet says that everything has been sent and acknowledged, as far as this
// session knows. Only the store knows of changes that came in since the last Pump.
func (s *Session) Quiet() bool {
	if s.phase != PhaseCatchup && s.phase != PhaseStream || !s.tx.started {
		return false
	}
	tx := s.tx
	flush, _, pending := s.cfg.Store.FlushState()
	return tx.fly.num == 0 && !s.hasData() && tx.graves.Empty() && tx.barrier.IsSent() &&
		flush <= tx.peerFlush && pending.Version <= tx.peerPending
}

// Depart says BYE PLANNED, if the peer has everything. What the peer says until it
// has read that counts for nothing. The caller waits for the end of the session,
// and asks MayGo then.
func (s *Session) Depart(now int64) bool {
	if !s.Quiet() {
		return false
	}
	s.phase, s.farewell, s.leftAt, s.bye = PhaseLeaving, FarewellSaid, now, true
	return true
}

// GiveUp says BYE GIVES_UP: this node goes, and its peer does not have everything.
// false: the session had ended before, and the peer may have left itself.
func (s *Session) GiveUp() bool {
	ended := s.phase == PhaseEnded
	s.Leave(wire.ByeGivesUp, "this node stops, and not everything has been acknowledged")
	return !ended
}

// heardBye is for a BYE of the peer: the answer to this node's, or it leaves too.
func (s *Session) heardBye(code wire.ByeCode) {
	switch leaving := s.phase == PhaseLeaving; {
	case leaving && code == wire.ByeStays:
		s.farewell = FarewellHeard
	case code != wire.ByePlanned:
	case leaving && !s.bye:
		if s.answers() { // else it goes in any case
			s.farewell = FarewellCrossed
		}
	default: // this node's has not gone out, and will not: the peer goes and this node stays
		s.bye, s.farewell, s.answer = false, FarewellNone, s.attached
	}
}

// OnEnd tells that the peer has ended the stream. That says no more than that its
// process or its host may be gone, unless it is of those that give no other answer.
func (s *Session) OnEnd() {
	if s.phase == PhaseLeaving && !s.answers() {
		s.farewell = FarewellHeard
	}
}

// answers says that the peer is of those that answer BYE PLANNED, and stay where the
// two cross.
func (s *Session) answers() bool { return s.peer.Features&wire.FeatureAnswers != 0 }

// Farewell is how far a session has come that is being left by plan.
func (s *Session) Farewell() Farewell { return s.farewell }

// MayGo says, of a session that has ended, that the peer has everything and stays:
// this node may go. Two nodes that have both said BYE PLANNED both know it, as each
// listens on behind its own; then the one with the smaller id stays, since it must
// be one, and waits for somebody to take over.
func (s *Session) MayGo() bool {
	return s.farewell == FarewellHeard || s.farewell == FarewellCrossed && !s.Decides()
}

// PeerLeft says that a session is over because the peer has said that it stops.
func (e *End) PeerLeft() bool {
	return e != nil && e.FromPeer && (e.Code == wire.ByePlanned || e.Code == wire.ByeGivesUp)
}
