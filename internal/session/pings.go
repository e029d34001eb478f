package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// pumpPing answers the peer's PING. It sends one itself when nothing was sent for a while,
// once a second in any case, and when a PONG is needed as the proof that the peer has read
// what was sent before.
func (s *Session) pumpPing(now int64) {
	tx := s.tx
	if s.rx.pongDue {
		s.rx.pongDue, tx.pongSent = false, true
		tx.w.Pong(wire.Pong{ID: s.rx.ping.ID, T0: s.rx.ping.T0, T1: s.rx.pingAt, T2: now})
		s.meter.framesOut.Add(1)
	}
	if tx.pingID == 0 || now-s.lastSend >= s.pingAfter() || now-tx.pingAt >= probeMillis || s.rx.notices.needPing() {
		tx.pingID, tx.pingAt = tx.pingID+1, now
		tx.pingSentAt[tx.pingID%uint64(len(tx.pingSentAt))] = now
		s.rx.notices.pinged(tx.pingID)
		tx.w.Ping(wire.Ping{ID: tx.pingID, T0: now, Backlog: s.Backlog(), BulkLeft: s.bulkLeft()})
		s.meter.framesOut.Add(1)
	}
}

// onPong measures the round trip and the peer's clock.
func (s *Session) onPong(now int64, p *wire.Pong) {
	at := &s.tx.pingSentAt[p.ID%uint64(len(s.tx.pingSentAt))]
	if p.T0 == 0 || p.T0 != *at {
		return
	}
	*at = 0
	s.clock.sample(p.T0, p.T1, p.T2, now)
	s.lead = s.clock.lead()
	if p := s.hs.pending; p.Version != 0 { // its time came by the handshake's guess, which may be seconds off
		p.AtMillis = s.ours(p.AtMillis)
		s.cfg.Store.MoveFlushAt(p)
		s.hs.pending = store.PendingFlush{}
	}
	s.skewed = s.skewed || s.clock.apart() > clockWarnMillis
	s.clockRefused = s.clockRefused || s.clock.refused != 0
}

// maySendTimes says that frames with times may be sent: the answer to the peer's first
// PING has been sent, so the peer can measure this node's clock, or the peer has had enough
// time to send one.
func (tx *sender) maySendTimes(now int64) bool {
	return tx.pongSent || now-tx.began >= measureMillis || now < tx.began
}

// Backlog is about how many changes have not been sent to the peer yet. It looks at every
// partition, so it is not for hot paths.
func (s *Session) Backlog() uint64 {
	if !s.attached {
		return 0
	}
	var sum uint64
	for part := range store.Partitions {
		tail, c := s.cfg.Store.Tail(part), s.cfg.Store.SentCursor(part)
		sum += tail - min(c.B, tail)
	}
	return sum
}

// bulkLeft is about how many items of the copy to the peer are still to be sent.
func (s *Session) bulkLeft() uint64 {
	return s.out.Left()
}
