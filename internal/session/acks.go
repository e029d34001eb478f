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
// moment for an ACK. If one went out a moment ago, the next one waits: at many small
// changes, an ACK for each would cost the peer more than the change.
func (s *Session) OnIdle(now int64) {
	if s.rx.n > s.rx.acked && now-s.rx.ackedAt >= ackMillis {
		s.rx.ackDue = true
	}
}

// pumpAck writes an ACK if one is due.
func (s *Session) pumpAck(now int64) {
	if s.rx.ackDue || s.rx.n > s.rx.acked && now-s.rx.since >= ackMillis {
		s.tx.w.Ack(wire.Ack{N: s.rx.n})
		s.rx.acked, s.rx.ackedAt, s.rx.bytes, s.rx.ackDue = s.rx.n, now, 0, false
		s.meter.framesOut.Add(1)
	}
}

// lastAck writes the ACK that was put off, if there is one: nothing follows BYE.
func (s *Session) lastAck(now int64, w *wire.Writer) {
	s.rx.ackDue = s.rx.n > s.rx.acked
	s.tx.w = w
	s.pumpAck(now)
}

// onAck removes the acknowledged frames from the list of those under way.
func (s *Session) onAck(now int64, a *wire.Ack) error {
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
			for range f.parts {
				r := s.tx.flights.reaches.oldest()
				s.cfg.Store.Acked(int(r.part), r.cursor)
				s.tx.flights.reaches.pop()
			}
		case flightGrave:
			s.cfg.Store.GraveAcked(int(f.part), f.gen)
		}
		s.meter.lag.note(now - f.sentAt)
		s.tx.flights.pop()
	}
}
