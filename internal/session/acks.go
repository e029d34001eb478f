package session

import (
	"fmt"

	"twincached/internal/wire"
)

// applied notes that frame n has been applied. It is to be acknowledged soon.
func (s *Session) applied(now int64, n uint64, frameBytes int) {
	if s.rx.n == s.rx.acked {
		s.rx.since = now
	}
	s.rx.n = n
	s.rx.bytes += frameBytes
	if s.rx.bytes >= ackBytes || now-s.rx.since >= ackMillis {
		s.rx.ackDue = true
	}
}

// OnIdle tells that every complete frame that has arrived was passed in. This is a good
// moment for an ACK.
func (s *Session) OnIdle() {
	if s.rx.n > s.rx.acked {
		s.rx.ackDue = true
	}
}

// pumpAck writes an ACK if one is due.
func (s *Session) pumpAck(now int64) {
	if s.rx.ackDue || s.rx.n > s.rx.acked && now-s.rx.since >= ackMillis {
		s.tx.w.Ack(wire.Ack{N: s.rx.n})
		s.rx.acked, s.rx.bytes, s.rx.ackDue = s.rx.n, 0, false
		s.meter.framesOut.Add(1)
	}
}

// onAck removes the acknowledged frames from the list of those under way.
func (s *Session) onAck(a *wire.Ack) error {
	if a.N > s.tx.n {
		return s.fail(wire.ByeBadFrame, fmt.Sprintf("ACK of frame %d, %d were sent", a.N, s.tx.n))
	}
	for {
		f := s.tx.flights.oldest()
		if f == nil {
			s.meter.flushAcked.Store(s.tx.peerFlush)
		}
		if f == nil || f.n > a.N {
			return nil
		}
		switch f.kind {
		case flightData:
			s.cfg.Store.Acked(int(f.part), f.cursor)
		case flightGrave:
			s.cfg.Store.GraveAcked(int(f.part), f.gen)
		}
		s.tx.flights.pop()
	}
}
