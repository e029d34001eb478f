package session

import (
	"fmt"

	"twincached/internal/wire"
	"twincached/store"
)

// receiver is the receiving half of a session.
type receiver struct {
	n        uint64 // number of the last frame applied
	acked    uint64 // number of the last ACK sent
	ackedAt  int64  // when that was
	bytes    int    // bytes received since the last ACK
	since    int64  // when the first of those arrived, Unix ms
	ackDue   bool
	pongDue  bool
	ping     wire.Ping       // to be answered
	pingAt   int64           // when it arrived, Unix ms
	backlog  uint64          // changes that the peer has not sent yet, as it said in its last PING
	bulkLeft uint64          // items of its copy that it has not sent yet, the same
	in       *store.Incoming // a large value that arrives in pieces; nil = none
	inPart   int             // the partition of in
	notices  notices

	status    []byte // what the peer said of itself last
	statusNew bool   // and that was not taken yet
}

// onData takes a frame that comes after the handshake.
func (s *Session) onData(now int64, b *wire.Body, frameBytes int) error {
	s.meter.framesIn.Add(1)
	switch b.Type {
	case wire.TAck:
		s.meter.bytesIn[laneOther].Add(uint64(frameBytes))
		return s.onAck(now, &b.Ack)
	case wire.TPing:
		s.meter.bytesIn[laneOther].Add(uint64(frameBytes))
		s.rx.ping, s.rx.pingAt, s.rx.pongDue = b.Ping, now, true
		s.rx.backlog, s.rx.bulkLeft = b.Ping.Backlog, b.Ping.BulkLeft
		return nil
	case wire.TPong:
		s.meter.bytesIn[laneOther].Add(uint64(frameBytes))
		s.rx.notices.ponged(b.Pong.ID)
		s.onPong(now, &b.Pong)
		return nil
	case wire.TRefused:
		s.meter.bytesIn[laneOther].Add(uint64(frameBytes))
		f := &b.Refused
		if s.cfg.Store.PeerRefused(f.Part, f.Key, f.Version) {
			s.meter.refusedBy.Add(1)
		}
		return nil
	case wire.TStatus:
		s.meter.bytesIn[laneOther].Add(uint64(frameBytes))
		s.rx.onStatus(&b.Status)
		return nil
	}
	n := frameNumber(b)
	if n != s.rx.n+1 {
		return s.fail(wire.ByeBadFrame, fmt.Sprintf("%v has number %d after %d", b.Type, n, s.rx.n))
	}
	if err := s.checkVersions(now, b); err != nil {
		return err
	}
	if err := s.apply(now, b, frameBytes); err != nil {
		return err
	}
	s.applied(now, n, frameBytes)
	return nil
}

// apply does what a numbered frame says.
func (s *Session) apply(now int64, b *wire.Body, frameBytes int) error {
	st := s.cfg.Store
	lane := laneOther
	switch b.Type {
	case wire.TBatch:
		f := &b.Batch
		for i := range f.Records {
			f.Records[i].Expires = s.ours(f.Records[i].Expires)
		}
		if err := s.applyBatch(now, f); err != nil {
			return s.fail(wire.ByeBadFrame, err.Error())
		}
		s.meter.itemsIn[f.Lane].Add(uint64(len(f.Records)))
		lane = int(f.Lane)
		if f.Lane == store.Bulk {
			s.in.Moved(f.Part, len(f.Records), frameBytes, now)
		}
	case wire.TMany:
		if err := s.onMany(now, &b.Many, frameBytes); err != nil {
			return s.fail(wire.ByeBadFrame, err.Error())
		}
		lane = int(b.Many.Lane)
	case wire.TPiece:
		if err := s.onPiece(now, &b.Piece); err != nil {
			return s.fail(wire.ByeBadFrame, err.Error())
		}
		lane = int(b.Piece.Lane)
	case wire.TBulk:
		st.BulkBegun(b.Bulk.Part, b.Bulk.T)
		s.in.Begin(b.Bulk.Part, b.Bulk.Count, now)
	case wire.TDone:
		st.BulkDone(b.Done.Part)
		s.in.UpdateTimes(now)
	case wire.TFlush:
		st.ApplyFlush(b.Flush.Flush, b.Flush.Cancelled)
		s.tx.peerFlush = max(s.tx.peerFlush, b.Flush.Flush)
	case wire.TFlushAt:
		p := b.FlushAt.Pending
		p.AtMillis = s.ours(p.AtMillis)
		st.ApplyFlushAt(p)
		s.tx.peerPending = max(s.tx.peerPending, p.Version)
	case wire.TGrave:
		g := &b.Grave
		st.ApplyGrave(g.Part, store.Grave{Gen: g.Gen, Floor: g.Floor, Saturated: g.Saturated, Filter: g.Filter})
	case wire.TBarrier:
		s.barrier = true
		s.streamIfDone()
	default:
		return s.fail(wire.ByeBadFrame, fmt.Sprintf("%v is out of place in phase %v", b.Type, s.phase))
	}
	s.meter.bytesIn[lane].Add(uint64(frameBytes))
	return nil
}

// onMany merges the batches of several partitions. Each is what a BATCH of its partition
// would be: it ends a large value of the partition that has not arrived whole.
func (s *Session) onMany(now int64, f *wire.Many, frameBytes int) error {
	for i := range f.Records {
		f.Records[i].Expires = s.ours(f.Records[i].Expires)
	}
	if err := s.cfg.Store.ApplyBatches(now, f.Lane, f.Batches); err != nil {
		return err
	}
	for i := range f.Batches {
		b := &f.Batches[i]
		if s.rx.in != nil && s.rx.inPart == b.Part {
			s.rx.drop()
		}
		s.meter.itemsIn[f.Lane].Add(uint64(len(b.Records)))
		if f.Lane == store.Bulk {
			s.in.Moved(b.Part, len(b.Records), frameBytes, now)
			frameBytes = 0
		}
	}
	return nil
}

// frameNumber is the number of a frame that has one, else 0.
func frameNumber(b *wire.Body) uint64 {
	switch b.Type {
	case wire.TBatch:
		return b.Batch.N
	case wire.TBulk:
		return b.Bulk.N
	case wire.TDone:
		return b.Done.N
	case wire.TFlush:
		return b.Flush.N
	case wire.TFlushAt:
		return b.FlushAt.N
	case wire.TBarrier:
		return b.Barrier.N
	case wire.TGrave:
		return b.Grave.N
	case wire.TPiece:
		return b.Piece.N
	case wire.TMany:
		return b.Many.N
	}
	return 0
}

// WantsWrite says that Pump has something to write.
func (s *Session) WantsWrite() bool {
	if s.phase < PhaseCatchup || s.phase == PhaseEnded {
		return s.sendBye || s.sendStays || s.hs.sendHello || s.hs.sendAuth || s.hs.sendState
	}
	return s.rx.ackDue || s.rx.pongDue || s.hs.sendState || !s.tx.started || s.ready() && !s.tx.flights.full(s.cfg.Limits.WindowBytes)
}
