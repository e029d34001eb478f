package session

// lookMillis is how long nobody needs to look at a session, at most. Tick counts no more than
// that and TickMillis as silence at once: see there.
const lookMillis = 250

// NextTick is when Tick and then Pump are to be called if nothing happens before, Unix ms: at
// most lookMillis from now. A frame that arrives, or a change of the store, may bring that
// forward.
func (s *Session) NextTick(now int64) (at int64) {
	at = now + lookMillis
	switch s.phase {
	case PhaseEnded:
		return now
	case PhaseLeaving:
		at = min(at, s.leftAt+leavingMillis)
	case PhaseCatchup, PhaseStream:
		at = min(at, s.nextPump(now))
	}
	if s.phase < PhaseState {
		at = min(at, s.started+HelloMillis)
	} else {
		at = min(at, s.lastTick+silenceMillis-s.silence)
	}
	return max(at, now)
}

// nextPump is when Pump has something to send because time has gone by.
func (s *Session) nextPump(now int64) (at int64) {
	tx := s.tx
	at = min(s.lastSend+s.pingAfter(), tx.pingAt+probeMillis)
	if s.rx.n > s.rx.acked {
		at = min(at, max(s.rx.since+ackMillis, now+1)) // not now: its time may have come since Tick
	}
	if !tx.maySendTimes(now) {
		at = min(at, tx.began+measureMillis)
	}
	if tx.pace.shut {
		at = min(at, max(tx.pace.opens(), now+1)) // it may have come since Tick looked: then nobody has been told
	}
	if s.phase == PhaseCatchup || !tx.graves.Empty() || tx.pingID == 0 {
		at = min(at, now+TickMillis)
	}
	return at
}

// pingAfter is how long nothing is sent before a PING, ms. The follower waits a little
// longer: so one of the two asks and the other one answers, and they do not both do both.
func (s *Session) pingAfter() int64 {
	if s.tx.decides {
		return pingMillis
	}
	return pingMillis + TickMillis
}

// Copying says that a copy to the peer is under way.
func (s *Session) Copying() bool {
	if !s.attached {
		return false
	}
	owed := s.out.Owed()
	return !owed.Empty()
}
