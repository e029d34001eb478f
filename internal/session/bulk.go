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

// sendBulk sends one frame of the bulk lane. The walk of one partition ends before the walk of
// the next one begins, so a frame has several only where some end. cost and most are as for
// pumpBatch.
func (s *Session) sendBulk(now int64, most int) (cost int) {
	tx := s.tx
	part := s.out.Next(&tx.parked[store.Bulk])
	if part < 0 {
		return 0
	}
	start := s.beginLoad(store.Bulk)
	for part >= 0 {
		cost++
		before := tx.w.Len()
		sent := s.collect(now, part)
		if tx.parcel.loan != nil && tx.parcel.part == part {
			break
		}
		s.bulkPassed(now, part, sent, tx.w.Len()-before)
		if sent.Done {
			tx.load.dones = append(tx.load.dones, reach{sent.Cursor, uint8(part)})
		}
		if sent.More && !sent.Moved {
			cost += passedCost - 1
		}
		if !sent.Done || cost >= most || s.loaded() {
			break
		}
		part = s.out.Next(&tx.parked[store.Bulk])
	}
	s.endLoad(now, start)
	return cost
}

// bulkPassed notes what the bulk lane of a partition has sent.
func (s *Session) bulkPassed(now int64, part int, sent store.Sent, bytes int) {
	if sent.Moved {
		s.out.Moved(part, sent.Items, bytes, now)
	} else {
		s.out.UpdateTimes(now)
	}
}
