package session

import (
	"sync/atomic"

	"twincached/internal/wire"
)

// ownStatus is what this node says of itself, for people who look at its peer. It outlives a
// session. Safe for concurrent use.
type ownStatus struct{ text atomic.Pointer[[]byte] }

// SetStatus is what this node says of itself: the session sends it to the peer, if that takes
// such frames: see statusMillis. A text that does not fit into a frame, or is empty,
// means that there is nothing to say. The Core keeps text, so do not change it.
func (c *Core) SetStatus(text []byte) {
	if len(text) == 0 || len(text) > wire.MaxStatusBytes {
		c.status.text.Store(nil)
		return
	}
	c.status.text.Store(&text)
}

// pumpStatus writes a STATUS if there is a new one. It goes behind everything else that this
// Pump has written, and only if that was something: a frame that nobody waits for wakes
// neither node. PING sees to it that something is written a few times a second.
func (s *Session) pumpStatus(now int64, w *wire.Writer) {
	tx, text := s.tx, s.status.text.Load()
	tooSoon := tx.status != nil && now-tx.statusAt < statusMillis && now >= tx.statusAt
	if text == nil || text == tx.status || tooSoon || !s.takesStatus() {
		return
	}
	start := w.Len()
	w.Status(wire.Status{Text: *text})
	tx.status, tx.statusAt = text, now
	s.meter.framesOut.Add(1)
	s.meter.bytesOut[laneOther].Add(uint64(w.Len() - start))
}

// onStatus keeps what the peer says of itself, the latest only.
func (rx *receiver) onStatus(f *wire.Status) {
	rx.status, rx.statusNew = append(rx.status[:0], f.Text...), true
}

// TakeStatus appends to dst what the peer said of itself last, if it has not been taken yet.
// Nobody has looked into it: believe nothing of it.
func (s *Session) TakeStatus(dst []byte) []byte {
	if s.rx.statusNew {
		s.rx.statusNew = false
		dst = append(dst, s.rx.status...)
	}
	return dst
}
