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
	pace         pace          // of the bulk lane
	bulkCredit   int           // bytes that the bulk lane may take before the live lane

	parcel     parcel           // the large value that is being sent
	parked     [2]store.PartSet // by lane: the partitions that wait for its end, its own and those that come to another large value
	parcelTurn bool             // the lanes have had their turn: the next is the parcel's

	graveAt  [store.Partitions]int64  // when the grave was last announced, Unix ms
	graveGen [store.Partitions]uint64 // and its generation; 0 = none was
	filter   []byte                   // memory for a grave's filter

	peerFlush   uint64 // the highest flush that the peer has, or was sent
	peerPending uint64 // version of the newest delayed flush that the peer has, or was sent

	decides    bool     // this node is the decider
	began      int64    // when the sender was made, Unix ms
	pongSent   bool     // the peer's first PING has been answered
	pingID     uint64   // of the last PING; 0 = none was sent
	pingAt     int64    // when it was sent, Unix ms
	pingSentAt [8]int64 // when the last PINGs were sent, by id; 0 = answered. Several may be under way

	barrier snapshot.Barrier

	status   *[]byte // this node's STATUS that was sent last; nil = none was
	statusAt int64   // when, Unix ms

	dense [2]dense     // by lane
	saved int          // bytes that the Pump in progress has saved by packing
	load  load         // the frame of items that is being written
	w     *wire.Writer // of the Pump in progress
	emit  func(*store.Record)
}

func newSender(s *Session, own, peer *wire.State, starts []store.BulkStart, now int64) *sender {
	tx := &sender{decides: s.Decides(), began: now, bulkStarts: starts, peerFlush: max(own.Flush, peer.Flush), peerPending: max(own.Pending.Version, peer.Pending.Version)}
	tx.pace.perSecond = s.cfg.CopyBytes
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
			s.lastAck(now, w)
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
		if w.Len() > start && s.tx.maySendTimes(now) {
			s.pumpStatus(now, w)
		}
	}
	if w.Len() > start {
		s.lastSend = now
	}
	return more
}

// PumpBriefly is Pump for a caller that has others to serve: it announces no grave, because the
// store walks over a whole partition for each. more is true if that is left.
func (s *Session) PumpBriefly(now int64, w *wire.Writer) (more bool) {
	s.brief = true
	defer func() { s.brief = false }()
	return s.Pump(now, w)
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
	s.lookAtPace(now)
	start := w.Len()
	tx.saved = 0 // it counts, because packing takes time
	for work := 0; work < pumpCollects && w.Len()+tx.saved-start < s.cfg.Limits.PumpBytes; {
		if tx.flights.full(s.cfg.Limits.WindowBytes) {
			return false
		}
		cost := s.pumpBatch(now, pumpCollects-work)
		if cost == 0 {
			s.pumpBarrier(now)
			return s.ready()
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

// noteSent notes that frame tx.n is under way. It was written from start to the end of the
// buffer.
func (s *Session) noteSent(f flight, start, lane int, now int64) {
	tx := s.tx
	if lane == int(store.Bulk) {
		tx.pace.sent(now, tx.w.Len()-start) // before it is packed: its work is that of all its bytes
	}
	if lane != laneOther && s.Packs() {
		before, after := tx.dense[lane].pack(tx.w, tx.w.Len()-start, s.cfg.Limits.PackedBytes)
		tx.saved += before - after
		s.meter.unpackedOut.Add(uint64(before))
		s.meter.packedOut.Add(uint64(after))
	}
	size := tx.w.Len() - start
	f.n, f.sentAt, f.bytes = tx.n, now, int32(size)
	tx.flights.push(f)
	s.meter.framesOut.Add(1)
	s.meter.bytesOut[lane].Add(uint64(size))
}
