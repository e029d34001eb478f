package session

import (
	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// sender is the sending half of a session. There is no queue: what is to be said
// stands in the store's change lists, and the sender holds cursors and sets of
// partitions.
type sender struct {
	n       uint64 // number of the last numbered frame
	fly     flights
	starts  []store.BulkStart // to be announced before anything else
	started bool              // the first Pump has been

	live       store.PartSet // may have changes to send
	graves     store.PartSet // may have a grave to announce
	walkedAt   int64         // when the last of them were announced, Unix ms
	walked     int           // and how many items that passed
	gravesFrom int           // where the next round of them goes on
	gravesLeft bool          // the last Pump has left some of them for the next one
	liveAt     int           // where the next round of the live lane goes on
	credit     int           // bytes that the bulk lane may take before the live lane

	parcel parcel           // a large value under way
	parked [2]store.PartSet // lanes that wait for its end: its own partition's, and those before a large value
	turn   bool             // the lanes have had theirs: it is the parcel's

	graveAt  [store.Partitions]int64  // when the grave was last announced, Unix ms
	graveGen [store.Partitions]uint64 // and what it was then
	filter   []byte                   // room for a grave's filter

	peerFlush   uint64 // the highest flush that the peer is known to have
	peerPending uint64 // version of the newest delayed flush that the peer is known to have

	pingID, pings uint64
	began         int64 // Unix ms
	answered      bool  // the peer's first PING
	pingAt        int64
	pinged        [8]int64 // when the last PINGs were sent, by id; 0 = answered. A way may take longer than the pause between two

	barrier snapshot.Barrier

	w    *wire.Writer // of the Pump in progress
	emit func(*store.Record)
}

func newSender(s *Session, own, peer *wire.State, starts []store.BulkStart, now int64) *sender {
	tx := &sender{began: now, starts: starts, peerFlush: max(own.Flush, peer.Flush), peerPending: max(own.Pending.Version, peer.Pending.Version)}
	tx.emit = func(r *store.Record) { tx.w.Record(r) }
	return tx
}

// hasData says that there may be something to send.
func (s *Session) hasData() bool {
	live, bulk := s.due()
	return s.tx.parcel.loan != nil || !live.Empty() || !bulk.Empty()
}

// due is what the lanes may go on with now.
func (s *Session) due() (live, bulk store.PartSet) {
	tx, owed := s.tx, s.out.Owed()
	return tx.live.Without(&tx.parked[store.Live]), owed.Without(&tx.parked[store.Bulk])
}

// Pump appends what is to be sent now to w: bounded work, about 64 KiB. more says
// that another call would find more at once.
func (s *Session) Pump(now int64, w *wire.Writer) (more bool) {
	start := w.Len()
	switch {
	case s.phase == PhaseLeaving:
		if s.bye {
			s.bye = false
			w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "this node stops"})
		}
	case s.phase == PhaseEnded:
		if s.bye {
			s.bye = false
			w.Bye(wire.Bye{Code: s.end.Code, Text: s.end.Text})
		} else if s.answer {
			s.answer = false
			w.Bye(wire.Bye{Code: wire.ByeStays, Text: "this node stays"})
		}
	case s.phase < PhaseCatchup:
		s.pumpHandshake(now, w)
	default:
		s.pumpHandshake(now, w) // the follower's STATE goes in front
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
	if !tx.mayTell(now) {
		return false
	}
	start := w.Len()
	for work := 0; work < pumpCollects && w.Len()-start < s.cfg.Limits.PumpBytes; {
		if tx.fly.full(s.cfg.Limits.WindowBytes) {
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

// pumpControl writes what goes before data: what was not stored, ACK, PONG, PING,
// flushes, bulk announcements and graves.
func (s *Session) pumpControl(now int64) {
	tx := s.tx
	start := tx.w.Len()
	s.tellRefused()
	s.pumpAck(now)
	s.pumpPing(now)
	s.meter.bytesOut[laneOther].Add(uint64(tx.w.Len() - start))
	s.pumpFlush(now)
	for _, b := range tx.starts {
		s.sendBulkStart(b, now)
	}
	tx.starts = nil
	s.pumpGraves(now)
}

// takeDirty learns where clients have changed something.
func (tx *sender) takeDirty(st *store.Store) {
	dirty := st.TakeDirty()
	tx.live.Merge(&dirty)
	tx.graves.Merge(&dirty)
}

// pumpBatch looks at one partition of the lane whose turn it is. The bulk lane
// gets a quarter of the bytes while it is owed, and everything while live is
// quiet. It returns what that cost, in looks; 0 = neither lane has anything.
func (s *Session) pumpBatch(now int64) (cost int) {
	tx := s.tx
	start := tx.w.Len()
	live, bulk := s.due()
	if tx.turn = !tx.turn || live.Empty() && bulk.Empty(); tx.turn && tx.parcel.loan != nil {
		s.sendPiece(now)
		return 1
	}
	if !live.Empty() && (bulk.Empty() || tx.credit <= 0) {
		part := live.Next(tx.liveAt)
		tx.liveAt = part + 1 // round robin
		cost = s.sendLive(now, part)
		tx.credit = min(tx.credit+(tx.w.Len()-start+2)/3, batchBytes)
		return cost
	}
	part := s.out.Next(&tx.parked[store.Bulk])
	if part < 0 {
		tx.credit = 0
		return 0
	}
	cost = s.sendBulk(now, part)
	if !live.Empty() {
		tx.credit = max(tx.credit-(tx.w.Len()-start), -batchBytes)
	}
	return cost
}

// passedCost is what a Collect costs that walked over many items and found
// nothing to send: the peer has sent them itself.
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

// collect writes one batch of a lane of a partition, if it has something.
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
		s.begin(part, lane, sent)
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
	s.fly(flight{kind: flightData, part: uint8(part), cursor: sent.Cursor}, start, int(lane), now)
	s.meter.itemsOut[lane].Add(uint64(sent.Items))
	return sent
}

// fly notes that frame tx.n, written from start to the end of the buffer, is
// under way.
func (s *Session) fly(f flight, start, lane int, now int64) {
	tx := s.tx
	size := tx.w.Len() - start
	f.n, f.sentAt, f.bytes = tx.n, now, int32(size)
	tx.fly.push(f)
	s.meter.framesOut.Add(1)
	s.meter.bytesOut[lane].Add(uint64(size))
}
