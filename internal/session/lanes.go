package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

// load is the frame of items that is being written: a BATCH, or a MANY if both nodes have that.
type load struct {
	many  bool
	lane  store.Lane
	parts int     // partitions that are in it
	items int     // of all these
	bytes int     // of the frame, about
	dones []reach // walks that have ended in it
}

// pumpBatch sends one frame of one lane. While both lanes have something, the bulk lane gets a
// quarter of the bytes. cost is how much work that was: 1 is one Collect; 0 = neither lane has
// anything. A frame of many partitions ends where its cost reaches most.
func (s *Session) pumpBatch(now int64, most int) (cost int) {
	tx := s.tx
	start := tx.w.Len()
	live, bulk := s.due()
	if tx.pace.shut {
		bulk = store.PartSet{}
	}
	piece := s.pieceMayGo()
	if tx.parcelTurn = !tx.parcelTurn || live.Empty() && bulk.Empty(); tx.parcelTurn && piece {
		s.sendPiece(now)
		return 1
	}
	if !live.Empty() && (bulk.Empty() || tx.bulkCredit <= 0) {
		cost = s.sendLive(now, live, most)
		tx.bulkCredit = min(tx.bulkCredit+(tx.w.Len()-start+2)/3, batchBytes)
		return cost
	}
	if !tx.pace.shut {
		cost = s.sendBulk(now, most)
	}
	if cost == 0 {
		tx.bulkCredit = 0
	} else if !live.Empty() {
		tx.bulkCredit = max(tx.bulkCredit-(tx.w.Len()-start), -batchBytes)
	}
	return cost
}

// passedCost is the cost of a Collect that walked over many items and found nothing to
// send, because the peer has sent them itself.
const passedCost = 16

// sendLive sends one frame of the live lane, from the partitions in due.
func (s *Session) sendLive(now int64, due store.PartSet, most int) (cost int) {
	tx := s.tx
	start := s.beginLoad(store.Live)
	for part := due.Next(tx.liveFrom); part >= 0; part = due.Next(tx.liveFrom) {
		tx.liveFrom = part + 1 // round robin
		due.Remove(part)       // a frame has a partition once
		cost++
		sent := s.collect(now, part)
		if tx.parcel.loan == nil || tx.parcel.part != part {
			if !sent.More {
				tx.live.Remove(part)
			}
			tx.barrier.Passed(part, sent.To, sent.More)
			if sent.More && !sent.Moved {
				cost += passedCost - 1
			}
		}
		if cost >= most || s.loaded() {
			break
		}
	}
	s.endLoad(now, start)
	return cost
}

// beginLoad begins a frame of a lane. start is where it stands in the buffer.
func (s *Session) beginLoad(lane store.Lane) (start int) {
	tx := s.tx
	start = tx.w.Len()
	tx.load = load{many: s.many(), lane: lane, dones: tx.load.dones[:0]}
	if tx.load.many {
		tx.w.BeginMany(tx.n+1, lane)
	}
	return start
}

// loaded says that nothing more goes into the frame.
func (s *Session) loaded() bool {
	f := &s.tx.load
	return f.items >= s.cfg.Limits.BatchItems || f.bytes >= batchBytes || !f.many && f.parts > 0
}

// collect writes what a partition has to send into the frame that beginLoad began.
func (s *Session) collect(now int64, part int) store.Sent {
	tx := s.tx
	f := &tx.load
	start := tx.w.Len()
	if f.many {
		tx.w.BeginPart(part)
	} else {
		tx.w.BeginBatch(tx.n+1, part, f.lane)
	}
	sent := s.cfg.Store.Collect(part, f.lane, s.cfg.Limits.BatchItems-f.items, batchBytes-f.bytes, tx.emit)
	switch {
	case sent.Wait:
		tx.parked[f.lane].Add(part)
	case sent.Loan != nil && s.pieced():
		s.abortPart()
		s.beginParcel(part, f.lane, sent)
		return sent
	case sent.Loan != nil:
		tx.whole(sent.Loan)
	}
	if !sent.Moved {
		s.abortPart()
		return sent
	}
	if f.many {
		tx.w.EndPart(sent.To)
	} else {
		tx.w.EndBatch(sent.To)
	}
	tx.flights.moves(part, sent.Cursor)
	f.parts++
	f.items += sent.Items
	f.bytes += tx.w.Len() - start
	return sent
}

// abortPart takes back what collect has written.
func (s *Session) abortPart() {
	if s.tx.load.many {
		s.tx.w.AbortPart()
	} else {
		s.tx.w.AbortBatch()
	}
}

// endLoad ends the frame, if there is anything in it. The walks that have ended with it are
// said to be done behind it.
func (s *Session) endLoad(now int64, start int) {
	tx := s.tx
	f := &tx.load
	if f.many {
		tx.w.EndMany()
	}
	if f.parts > 0 {
		tx.n++
		s.noteSent(flight{kind: flightData, parts: uint16(f.parts)}, start, int(f.lane), now)
		s.meter.itemsOut[f.lane].Add(uint64(f.items))
	}
	for _, done := range f.dones {
		s.sendDone(now, int(done.part), done.cursor)
	}
}

// sendDone tells that the walk of a partition has ended.
func (s *Session) sendDone(now int64, part int, c store.Cursor) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Done(wire.Done{N: tx.n, Part: part})
	tx.flights.moves(part, c)
	s.noteSent(flight{kind: flightData, parts: 1}, start, laneOther, now)
}
