package session

import (
	"twincached/internal/wire"
	"twincached/store"
)

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
		case barrierOnce:
			tx.step = barrierTwice
			s.noteTails()
		case barrierTwice:
			tx.step = barrierGraves
			s.noteGraves()
		case barrierGraves:
			tx.takeDirty(s.cfg.Store)
			s.pumpGraves(now)
			if tx.gravesOwed() {
				return
			}
			tx.step = barrierBehind
			if tx.took {
				s.noteTails()
			}
		case barrierBehind:
			s.pumpFlush(now) // of what was flushed instead of sent
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
