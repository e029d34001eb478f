package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

func (s *Session) sendBulkStart(b store.BulkStart, now int64) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Bulk(wire.Bulk{N: tx.n, Part: b.Part, T: b.T, Count: b.Count})
	s.fly(flight{}, start, laneOther, now)
	s.out.Begin(b.Part, b.T, b.Count, now)
	s.meter.bulkStarts.Add(1)
	if c := s.cfg.Store.SentCursor(b.Part); c.A < c.T {
		tx.bulk.add(b.Part)
	} else {
		tx.bulk.remove(b.Part)
		s.out.Done(b.Part, now)
	}
}

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
		s.out.Moved(part, sent.Items, bytes, sent.To, now)
	}
	if sent.Done {
		start := tx.w.Len()
		tx.n++
		tx.w.Done(wire.Done{N: tx.n, Part: part})
		s.fly(flight{kind: flightData, part: uint8(part), cursor: sent.Cursor}, start, laneOther, now)
	}
	if !sent.More {
		tx.bulk.remove(part)
		s.out.Done(part, now)
	}
}
