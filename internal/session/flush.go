package session

import (
	"twincached/internal/wire"
)

// pumpFlush tells the peer about flushes it does not know yet. A delayed one is
// known by its version: each node has it at a time of its own clock.
func (s *Session) pumpFlush(now int64) {
	tx := s.tx
	flush, cancelled, pending := s.cfg.Store.FlushState()
	if flush > tx.peerFlush {
		start := tx.w.Len()
		tx.n++
		tx.w.Flush(wire.Flush{N: tx.n, Flush: flush, Cancelled: cancelled})
		s.fly(flight{}, start, laneOther, now)
		tx.peerFlush = flush
	}
	if pending.Version > tx.peerPending && tx.mayTell(now) {
		start := tx.w.Len()
		tx.n++
		tx.w.FlushAt(wire.FlushAt{N: tx.n, Pending: pending})
		s.fly(flight{}, start, laneOther, now)
		tx.peerPending = pending.Version
	}
}
