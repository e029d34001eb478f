package session

import (
	"twincached/internal/wire"
)

// pumpFlush sends the flushes that the peer does not have yet. Of a delayed flush the
// version is compared, not the time: each node notes that by its own clock.
func (s *Session) pumpFlush(now int64) {
	tx := s.tx
	flush, cancelled, pending := s.cfg.Store.FlushState()
	if flush > tx.peerFlush {
		start := tx.w.Len()
		tx.n++
		tx.w.Flush(wire.Flush{N: tx.n, Flush: flush, Cancelled: cancelled})
		s.noteSent(flight{}, start, laneOther, now)
		tx.peerFlush = flush
	}
	if pending.Version > tx.peerPending && tx.maySendTimes(now) {
		start := tx.w.Len()
		tx.n++
		tx.w.FlushAt(wire.FlushAt{N: tx.n, Pending: pending})
		s.noteSent(flight{}, start, laneOther, now)
		tx.peerPending = pending.Version
	}
}
