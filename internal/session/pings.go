package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// pumpPing answers the peer's PING, and asks in turn: when nothing has been said for a
// while, now and then in any case, and when a PONG is to show that the peer has heard
// something.
func (s *Session) pumpPing(now int64) {
	tx := s.tx
	if s.rx.pongDue {
		s.rx.pongDue, tx.answered = false, true
		tx.w.Pong(wire.Pong{ID: s.rx.ping.ID, T0: s.rx.ping.T0, T1: s.rx.pingAt, T2: now})
		s.meter.framesOut.Add(1)
	}
	if tx.pings == 0 || now-s.lastSend >= pingMillis || now-tx.pingAt >= probeMillis || s.rx.told.asks() {
		tx.pings++
		tx.pingID, tx.pingAt = tx.pings, now
		tx.pinged[tx.pingID%uint64(len(tx.pinged))] = now
		s.rx.told.asked(tx.pingID)
		tx.w.Ping(wire.Ping{ID: tx.pingID, T0: now, Backlog: s.Backlog(), BulkLeft: s.bulkLeft()})
		s.meter.framesOut.Add(1)
	}
}

// onPong measures the round trip and the peer's clock.
func (s *Session) onPong(now int64, p *wire.Pong) {
	at := &s.tx.pinged[p.ID%uint64(len(s.tx.pinged))]
	if p.T0 == 0 || p.T0 != *at {
		return
	}
	*at = 0
	s.clock.sample(p.T0, p.T1, p.T2, now)
	s.lead = s.clock.lead()
	if p := s.hs.pending; p.Version != 0 { // what the handshake said of the clocks may be seconds off
		p.AtMillis = s.ours(p.AtMillis)
		s.cfg.Store.MoveFlushAt(p)
		s.hs.pending = store.PendingFlush{}
	}
	ahead := s.clock.seen()
	s.skewed = s.skewed || max(ahead, -ahead) > clockWarnMillis
	s.astray = s.astray || s.clock.refused != 0
}

// mayTell says that times may be told: the peer has an answer to its first PING, and
// so knows what they mean by its own clock, or has had time enough to ask.
func (tx *sender) mayTell(now int64) bool {
	return tx.answered || now-tx.began >= measureMillis || now < tx.began
}

// Backlog is about how many changes the peer has not been sent yet. It asks every
// partition: not for hot paths.
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
