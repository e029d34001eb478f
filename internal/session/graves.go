package session

import (
	"twincached/internal/wire"
)

// pumpGraves announces what was forgotten, at most every 200 ms a partition, and each in
// its turn: there may always be more to announce than one Pump does. While there is data
// to send it takes a quarter of the time: else a node with many items would send so little
// beside it that it had to bury still more, for ever.
func (s *Session) pumpGraves(now int64) {
	tx := s.tx
	tx.gravesLeft = false
	if since := now - tx.walkedAt; since >= 0 && since < int64(tx.walked/s.cfg.Limits.GraveItems) && s.hasData() {
		return
	}
	said := 0
	for n := tx.graves.Size(); n > 0; n-- {
		if tx.gravesLeft = said == gravesAtOnce; tx.gravesLeft {
			return
		}
		part := tx.graves.Next(tx.gravesFrom)
		tx.gravesFrom = part + 1
		if tx.parcel.loan != nil && tx.parcel.part == part {
			continue // a walk that begins anew would leave its cursor behind
		}
		if at := tx.graveAt[part]; at == 0 || now-at >= graveMillis || now < at {
			tx.graves.Remove(part)
			if walked, due := s.sendGrave(part, now); due {
				if said++; said == 1 {
					tx.walkedAt, tx.walked = now, 0
				}
				tx.walked += walked
			}
		}
	}
}

// sendGrave announces the grave of a partition, if it is due.
func (s *Session) sendGrave(part int, now int64) (walked int, due bool) {
	tx := s.tx
	g, b, bulk, due := s.cfg.Store.NextGrave(part, tx.filter[:0])
	if !due {
		return 0, false
	}
	if g.Filter != nil {
		tx.filter = g.Filter
	}
	tx.graveAt[part], tx.graveGen[part] = now, g.Gen
	start := tx.w.Len()
	tx.n++
	tx.w.Grave(wire.Grave{N: tx.n, Part: part, Gen: g.Gen, Floor: g.Floor, Saturated: g.Saturated, Filter: g.Filter})
	s.fly(flight{kind: flightGrave, part: uint8(part), gen: g.Gen}, start, laneOther, now)
	s.meter.gravesOut.Add(1)
	if bulk {
		b.Part = part
		s.sendBulkStart(b, now)
	}
	return g.Walked, true
}
