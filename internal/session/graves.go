package session

import (
	"twincached/internal/wire"
)

// pumpGraves announces graves: those of one partition at most every 200 ms, and the
// partitions in turn, because there may always be more to announce than one Pump can. While
// there is data to send, the graves get a quarter of the time. Otherwise a node with many
// items would send so little data that it had to bury more and more.
func (s *Session) pumpGraves(now int64) {
	tx := s.tx
	tx.gravesLeft = false
	if since := now - tx.gravesAt; since >= 0 && since < int64(tx.gravesWalked/s.cfg.Limits.GraveItems) && s.hasData() {
		return
	}
	sent := 0
	for n := tx.graves.Size(); n > 0; n-- {
		if sent == gravesAtOnce {
			tx.gravesLeft = true
			return
		}
		part := tx.graves.Next(tx.gravesFrom)
		tx.gravesFrom = part + 1
		if tx.parcel.loan != nil && tx.parcel.part == part {
			continue // the grave may make the walk begin anew, and the parcel's cursor would be wrong then
		}
		if at := tx.graveAt[part]; at == 0 || now-at >= graveMillis || now < at {
			if s.brief && s.cfg.Store.GraveDue(part) {
				tx.gravesLeft = true // for a Pump that has the time
				continue
			}
			tx.graves.Remove(part)
			if walked, due := s.sendGrave(part, now); due {
				if sent++; sent == 1 {
					tx.gravesAt, tx.gravesWalked = now, 0
				}
				tx.gravesWalked += walked
			}
		}
	}
}

// sendGrave announces the grave of a partition, if one is due. walked is how many items the
// store walked over for it.
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
	s.noteSent(flight{kind: flightGrave, part: uint8(part), gen: g.Gen}, start, laneOther, now)
	s.meter.gravesOut.Add(1)
	if bulk {
		b.Part = part
		s.sendBulkStart(b, now)
	}
	return g.Walked, true
}
