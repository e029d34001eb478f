package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// sendBulkStart announces the walk of a partition, which the store has begun.
func (s *Session) sendBulkStart(b store.BulkStart, now int64) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Bulk(wire.Bulk{N: tx.n, Part: b.Part, T: b.T, Count: b.Count})
	s.fly(flight{}, start, laneOther, now)
	s.out.Begin(b.Part, b.Count, now)
	s.meter.bulkStarts.Add(1)
}

// sendBulk goes on with the walk of a partition. It returns what that cost, in looks.
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

// bulkPassed notes what the bulk lane has sent, in so many bytes.
func (s *Session) bulkPassed(now int64, part int, sent store.Sent, bytes int) {
	tx := s.tx
	if sent.Moved {
		s.out.Moved(part, sent.Items, bytes, now)
	} else {
		s.out.Look(now)
	}
	if sent.Done {
		start := tx.w.Len()
		tx.n++
		tx.w.Done(wire.Done{N: tx.n, Part: part})
		s.fly(flight{kind: flightData, part: uint8(part), cursor: sent.Cursor}, start, laneOther, now)
	}
}
