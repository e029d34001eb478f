package session

import (
	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// sender is the sending half of a session. It has no queue. What is to be sent stands in
// the store's change lists; the sender only notes in which partitions.
type sender struct {
	n          uint64 // number of the last numbered frame
	flights    flights
	bulkStarts []store.BulkStart // walks to be announced before anything else
	started    bool              // Pump has been called

	live         store.PartSet // partitions that may have changes to send
	graves       store.PartSet // partitions that may have a grave to announce
	gravesAt     int64         // when graves were announced last, Unix ms
	gravesWalked int           // how many items the store walked over for these
	gravesFrom   int           // the partition where the next graves are looked for
	gravesLeft   bool          // the last Pump has left some graves for the next one
	liveFrom     int           // the partition where the live lane goes on
	bulkCredit   int           // bytes that the bulk lane may take before the live lane

	parcel     parcel           // the large value that is being sent
	parked     [2]store.PartSet // by lane: the partitions that wait for its end, its own and those that come to another large value
	parcelTurn bool             // the lanes have had their turn: the next is the parcel's

	graveAt  [store.Partitions]int64  // when the grave was last announced, Unix ms
	graveGen [store.Partitions]uint64 // and its generation; 0 = none was
	filter   []byte                   // memory for a grave's filter

	peerFlush   uint64 // the highest flush that the peer has, or was sent
	peerPending uint64 // version of the newest delayed flush that the peer has, or was sent

	began      int64    // when the sender was made, Unix ms
	pongSent   bool     // the peer's first PING has been answered
	pingID     uint64   // of the last PING; 0 = none was sent
	pingAt     int64    // when it was sent, Unix ms
	pingSentAt [8]int64 // when the last PINGs were sent, by id; 0 = answered. Several may be under way

	barrier snapshot.Barrier

	w    *wire.Writer // of the Pump in progress
	emit func(*store.Record)
}

func newSender(s *Session, own, peer *wire.State, starts []store.BulkStart, now int64) *sender {
	tx := &sender{began: now, bulkStarts: starts, peerFlush: max(own.Flush, peer.Flush), peerPending: max(own.Pending.Version, peer.Pending.Version)}
	tx.emit = func(r *store.Record) { tx.w.Record(r) }
	return tx
}

// hasData says that there may be something to send.
func (s *Session) hasData() bool {
	live, bulk := s.due()
	return s.tx.parcel.loan != nil || !live.Empty() || !bulk.Empty()
}

// due is the partitions in which each lane may go on now.
func (s *Session) due() (live, bulk store.PartSet) {
	tx, owed := s.tx, s.out.Owed()
	return tx.live.Without(&tx.parked[store.Live]), owed.Without(&tx.parked[store.Bulk])
}

// Pump appends to w what is to be sent now, about 64 KiB at most. more says that the next
// call has more to send at once.
func (s *Session) Pump(now int64, w *wire.Writer) (more bool) {
	start := w.Len()
	switch {
	case s.phase == PhaseLeaving:
		if s.sendBye {
			s.sendBye = false
			w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "this node stops"})
		}
	case s.phase == PhaseEnded:
		if s.sendBye {
			s.sendBye = false
			w.Bye(wire.Bye{Code: s.end.Code, Text: s.end.Text})
		} else if s.sendStays {
			s.sendStays = false
			w.Bye(wire.Bye{Code: wire.ByeStays, Text: "this node stays"})
		}
	case s.phase < PhaseCatchup:
		s.pumpHandshake(now, w)
	default:
		s.pumpHandshake(now, w) // the follower's STATE goes before data
		more = s.pumpData(now, w) || s.tx.gravesLeft
	}
	if w.Len() > start {
		s.lastSend = now
	}
	return more
}

// pumpData writes control frames, then data while the window is open.
func (s *Session) pumpData(now int64, w *wire.Writer) (more bool) {
	tx := s.tx
	tx.w = w
	tx.started = true
	tx.takeDirty(s.cfg.Store)
	s.pumpControl(now)
	s.pumpBarrier(now)
	if !tx.maySendTimes(now) {
		return false
	}
	start := w.Len()
	for work := 0; work < pumpCollects && w.Len()-start < s.cfg.Limits.PumpBytes; {
		if tx.flights.full(s.cfg.Limits.WindowBytes) {
			return false
		}
		cost := s.pumpBatch(now)
		if cost == 0 {
			s.pumpBarrier(now)
			return s.hasData()
		}
		work += cost
	}
	return true
}

// pumpControl writes what goes before data: REFUSED, ACK, PONG, PING, flushes, BULK and
// graves.
func (s *Session) pumpControl(now int64) {
	tx := s.tx
	start := tx.w.Len()
	s.sendRefused()
	s.pumpAck(now)
	s.pumpPing(now)
	s.meter.bytesOut[laneOther].Add(uint64(tx.w.Len() - start))
	s.pumpFlush(now)
	for _, b := range tx.bulkStarts {
		s.sendBulkStart(b, now)
	}
	tx.bulkStarts = nil
	s.pumpGraves(now)
}

// takeDirty takes from the store the partitions that have changed.
func (tx *sender) takeDirty(st *store.Store) {
	dirty := st.TakeDirty()
	tx.live.Merge(&dirty)
	tx.graves.Merge(&dirty)
}

// pumpBatch sends from one partition of one lane. While both lanes have something, the bulk
// lane gets a quarter of the bytes. cost is how much work that was: 1 is one Collect; 0 =
// neither lane has anything.
func (s *Session) pumpBatch(now int64) (cost int) {
	tx := s.tx
	start := tx.w.Len()
	live, bulk := s.due()
	if tx.parcelTurn = !tx.parcelTurn || live.Empty() && bulk.Empty(); tx.parcelTurn && tx.parcel.loan != nil {
		s.sendPiece(now)
		return 1
	}
	if !live.Empty() && (bulk.Empty() || tx.bulkCredit <= 0) {
		part := live.Next(tx.liveFrom)
		tx.liveFrom = part + 1 // round robin
		cost = s.sendLive(now, part)
		tx.bulkCredit = min(tx.bulkCredit+(tx.w.Len()-start+2)/3, batchBytes)
		return cost
	}
	part := s.out.Next(&tx.parked[store.Bulk])
	if part < 0 {
		tx.bulkCredit = 0
		return 0
	}
	cost = s.sendBulk(now, part)
	if !live.Empty() {
		tx.bulkCredit = max(tx.bulkCredit-(tx.w.Len()-start), -batchBytes)
	}
	return cost
}

// passedCost is the cost of a Collect that walked over many items and found nothing to
// send, because the peer has sent them itself.
const passedCost = 16

func (s *Session) sendLive(now int64, part int) (cost int) {
	tx := s.tx
	sent := s.collect(now, part, store.Live)
	if tx.parcel.loan != nil && tx.parcel.part == part {
		return 1
	}
	if !sent.More {
		tx.live.Remove(part)
	}
	tx.barrier.Passed(part, sent.To, sent.More)
	if sent.More && !sent.Moved {
		return passedCost
	}
	return 1
}

// collect writes one batch of a lane of a partition, if there is something to send.
func (s *Session) collect(now int64, part int, lane store.Lane) store.Sent {
	tx := s.tx
	start := tx.w.Len()
	tx.w.BeginBatch(tx.n+1, part, lane)
	sent := s.cfg.Store.Collect(part, lane, s.cfg.Limits.BatchItems, batchBytes, tx.emit)
	switch {
	case sent.Wait:
		tx.parked[lane].Add(part)
	case sent.Loan != nil && s.pieced():
		tx.w.AbortBatch()
		s.beginParcel(part, lane, sent)
		return sent
	case sent.Loan != nil:
		tx.whole(sent.Loan)
	}
	if !sent.Moved {
		tx.w.AbortBatch()
		return sent
	}
	tx.w.EndBatch(sent.To)
	tx.n++
	s.noteSent(flight{kind: flightData, part: uint8(part), cursor: sent.Cursor}, start, int(lane), now)
	s.meter.itemsOut[lane].Add(uint64(sent.Items))
	return sent
}

// noteSent notes that frame tx.n is under way. It was written from start to the end of the
// buffer.
func (s *Session) noteSent(f flight, start, lane int, now int64) {
	tx := s.tx
	size := tx.w.Len() - start
	f.n, f.sentAt, f.bytes = tx.n, now, int32(size)
	tx.flights.push(f)
	s.meter.framesOut.Add(1)
	s.meter.bytesOut[lane].Add(uint64(size))
}
