package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// sendBulkStart announces the walk of a partition. The store has begun it.
func (s *Session) sendBulkStart(b store.BulkStart, now int64) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Bulk(wire.Bulk{N: tx.n, Part: b.Part, T: b.T, Count: b.Count})
	s.noteSent(flight{}, start, laneOther, now)
	s.out.Begin(b.Part, b.Count, now)
	s.meter.bulkStarts.Add(1)
}

// sendBulk goes on with the walk of a partition. cost is as for pumpBatch.
func (s *Session) sendBulk(now int64, part int) (cost int) {
	tx := s.tx
	start := tx.w.Len()
	sent := s.collect(now, part, store.Bulk)
	if tx.parcel.loan != nil && tx.parcel.part == part {
		return 1
	}
	s.bulkPassed(now, part, sent, tx.w.Len()-start)
	if sent.More && !sent.Moved {
		return passedCost
	}
	return 1
}

// bulkPassed notes what the bulk lane of a partition has sent, and sends DONE if that was
// the end of the walk.
func (s *Session) bulkPassed(now int64, part int, sent store.Sent, bytes int) {
	tx := s.tx
	if sent.Moved {
		s.out.Moved(part, sent.Items, bytes, now)
	} else {
		s.out.UpdateTimes(now)
	}
	if sent.Done {
		start := tx.w.Len()
		tx.n++
		tx.w.Done(wire.Done{N: tx.n, Part: part})
		s.noteSent(flight{kind: flightData, part: uint8(part), cursor: sent.Cursor}, start, laneOther, now)
	}
}
