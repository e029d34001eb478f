package session

import (
	"twincached/internal/rule"
	"twincached/internal/wire"
	"twincached/store"
)

// pumpControl writes what goes before data: ACK, PONG, PING, flushes, bulk
// announcements and graves.
func (s *Session) pumpControl(now int64) {
	tx := s.tx
	start := tx.w.Len()
	s.tellRefused()
	if s.rx.ackDue || s.rx.n > s.rx.acked && now-s.rx.since >= ackMillis {
		tx.w.Ack(wire.Ack{N: s.rx.n})
		s.rx.acked, s.rx.bytes, s.rx.ackDue = s.rx.n, 0, false
		s.meter.framesOut.Add(1)
	}
	if s.rx.pongDue {
		s.rx.pongDue, tx.answered = false, true
		tx.w.Pong(wire.Pong{ID: s.rx.ping.ID, T0: s.rx.ping.T0, T1: s.rx.pingAt, T2: now})
		s.meter.framesOut.Add(1)
	}
	if tx.pings == 0 || now-s.lastSend >= pingMillis || now-tx.pingAt >= probeMillis || s.rx.told.asks() {
		tx.pings++
		tx.pingID, tx.pingAt = tx.pings, now
		tx.pinged[tx.pingID%uint64(len(tx.pinged))] = now
		s.rx.told.asked(tx.pingID)
		tx.w.Ping(wire.Ping{ID: tx.pingID, T0: now, Backlog: s.Backlog(), BulkLeft: s.bulkLeft()})
		s.meter.framesOut.Add(1)
	}
	s.meter.bytesOut[laneOther].Add(uint64(tx.w.Len() - start))
	s.pumpFlush(now)
	for _, b := range tx.starts {
		s.sendBulkStart(b, now)
	}
	tx.starts = nil
	s.pumpGraves(now)
}

// pumpFlush tells the peer about flushes it does not know yet. A delayed one is
// known by its version: each node has it at a time of its own clock.
func (s *Session) pumpFlush(now int64) {
	tx := s.tx
	flush, cancelled, pending := s.cfg.Store.FlushState()
	if flush > tx.peerFlush {
		start := tx.w.Len()
		tx.n++
		tx.w.Flush(wire.Flush{N: tx.n, Flush: flush, Cancelled: cancelled})
		s.fly(flight{}, start, laneOther, now)
		tx.peerFlush = flush
	}
	if pending.Version > tx.peerPending && tx.mayTell(now) {
		start := tx.w.Len()
		tx.n++
		tx.w.FlushAt(wire.FlushAt{N: tx.n, Pending: pending})
		s.fly(flight{}, start, laneOther, now)
		tx.peerPending = pending.Version
	}
}

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

// pumpGraves announces what was forgotten, at most every 200 ms a partition, and each in
// its turn: there may always be more to announce than one Pump does. While there is data
// to send it takes a quarter of the time: else a node with many items would send so little
// beside it that it had to bury still more, for ever.
func (s *Session) pumpGraves(now int64) {
	tx := s.tx
	tx.gravesLeft = false
	if since := now - tx.walkedAt; since >= 0 && since < int64(tx.walked/s.cfg.Limits.GraveItems) && tx.hasData() {
		return
	}
	said := 0
	for n := tx.graves.size(); n > 0; n-- {
		if tx.gravesLeft = said == gravesAtOnce; tx.gravesLeft {
			return
		}
		part := tx.graves.next(tx.gravesFrom)
		tx.gravesFrom = part + 1
		if tx.parcel.loan != nil && tx.parcel.part == part {
			continue // a walk that begins anew would leave its cursor behind
		}
		if at := tx.graveAt[part]; at == 0 || now-at >= graveMillis || now < at {
			tx.graves.remove(part)
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

// What BARRIER waits for, one after the other: each time the live lanes have passed
// the tails that were noted last.
const (
	barrierBegins = iota // the tails are to be noted
	barrierOnce          // and once more
	barrierTwice         // all that they stood for has been sent, buried or flushed: the graves are to be noted
	barrierGraves        // those graves are to be announced, and the tails noted behind what they took
	barrierBehind        // it may go
)

// pumpBarrier sends BARRIER, once: bulk is done, the live cursors have passed the
// tails as they were at such a moment, and what was buried of them is announced.
//
// The tails are noted twice. An item that an earlier session had sent moves to the
// tail when it changes, and so out of the first note's reach, with the peer still
// at the state before it. Once the cursors have passed the first note, whatever
// has not been sent keeps its place: nothing escapes the second one. What is buried
// later than that is no more BARRIER's business than what is deleted later: else a
// node that buries all the time would never let its peer serve.
func (s *Session) pumpBarrier(now int64) {
	tx := s.tx
	if tx.barrier {
		return
	}
	for {
		if !tx.bulk.empty() {
			tx.step, tx.behind = barrierBegins, partSet{} // a walk that began again has to end first
			return
		}
		if !tx.behind.empty() {
			return
		}
		switch tx.step {
		case barrierBegins:
			tx.step = barrierOnce
			s.noteTails()
			if !rule.BarrierLooksAgain {
				s.noteGraves()
			}
		case barrierOnce:
			tx.step = barrierTwice
			if rule.BarrierTwice {
				s.noteTails()
			}
		case barrierTwice:
			tx.step = barrierGraves
			if rule.BarrierLooksAgain {
				s.noteGraves()
			}
		case barrierGraves:
			tx.takeDirty(s.cfg.Store)
			s.pumpGraves(now)
			if rule.BarrierAfterGraves && tx.gravesOwed() {
				return
			}
			tx.step = barrierBehind
			if tx.took {
				s.noteTails()
			}
		case barrierBehind:
			if rule.BarrierLooksAgain {
				s.pumpFlush(now) // of what was flushed instead of sent
			}
			s.sendBarrier(now)
			return
		}
	}
}

func (s *Session) sendBarrier(now int64) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Barrier(wire.Barrier{N: tx.n})
	s.fly(flight{}, start, laneOther, now)
	tx.barrier = true
	s.streamIfDone()
}

// noteGraves looks at what every partition has buried.
func (s *Session) noteGraves() {
	tx := s.tx
	tx.took = false
	for part := range store.Partitions {
		tx.owedGen[part] = s.cfg.Store.GraveGen(part)
		tx.took = tx.took || tx.owedGen[part] != 0
	}
}

// gravesOwed says that a grave has not been announced as it was when it was noted.
func (tx *sender) gravesOwed() bool {
	for part, gen := range tx.owedGen {
		if tx.graveGen[part] < gen {
			return true
		}
	}
	return false
}

// noteTails looks at every partition's newest change, and which of them are still
// to be sent.
func (s *Session) noteTails() {
	tx := s.tx
	tx.behind = partSet{}
	for part := range store.Partitions {
		tx.tails[part] = s.cfg.Store.Tail(part)
		underWay := tx.parcel.loan != nil && tx.parcel.lane == store.Live && tx.parcel.part == part
		if underWay || s.cfg.Store.SentCursor(part).B < tx.tails[part] {
			tx.behind.add(part)
			tx.live.add(part)
		}
	}
}

func (s *Session) streamIfDone() {
	if s.barrier && s.tx.barrier && s.phase == PhaseCatchup {
		s.phase = PhaseStream
	}
}

// Backlog is about how many changes the peer has not been sent yet. It asks every
// partition: not for hot paths.
func (s *Session) Backlog() uint64 {
	if !s.attached {
		return 0
	}
	var sum uint64
	for part := range store.Partitions {
		tail, c := s.cfg.Store.Tail(part), s.cfg.Store.SentCursor(part)
		sum += tail - min(c.B, tail)
	}
	return sum
}

// bulkLeft is about how many items of the copy to the peer are still to be sent.
func (s *Session) bulkLeft() uint64 {
	r := s.out.Report()
	if r.PartitionsOwed == 0 {
		return 0
	}
	return r.ItemsTotal - r.ItemsDone
}

// Quiet says that everything has been sent and acknowledged, as far as this
// session knows. Only the store knows of changes that came in since the last Pump.
func (s *Session) Quiet() bool {
	if s.phase != PhaseCatchup && s.phase != PhaseStream || !s.tx.started {
		return false
	}
	tx := s.tx
	flush, _, pending := s.cfg.Store.FlushState()
	return tx.fly.num == 0 && !tx.hasData() && tx.graves.empty() && tx.barrier &&
		flush <= tx.peerFlush && pending.Version <= tx.peerPending
}
