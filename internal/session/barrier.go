package session

import (
	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// pumpBarrier does what is due for BARRIER, which is sent once. snapshot.Barrier says when,
// and why.
func (s *Session) pumpBarrier(now int64) {
	tx := s.tx
	b := &tx.barrier
	for {
		owed := s.out.Owed()
		task := b.Next(s.cfg.Store, !owed.Empty(), tx.parcel.liveLane())
		tx.live.Merge(b.Unsent())
		switch task {
		case snapshot.Wait:
			return
		case snapshot.Announce:
			tx.takeDirty(s.cfg.Store)
			s.pumpGraves(now)
			if !b.Announced(s.cfg.Store, &tx.graveGen, tx.parcel.liveLane()) {
				return
			}
		case snapshot.Send:
			s.pumpFlush(now) // it stands for items that were flushed before they were sent
			s.sendBarrier(now)
			return
		}
	}
}

// liveLane is the partition of a parcel on the live lane; -1 = there is none.
func (p *parcel) liveLane() int {
	if p.loan != nil && p.lane == store.Live {
		return p.part
	}
	return -1
}

func (s *Session) sendBarrier(now int64) {
	tx := s.tx
	start := tx.w.Len()
	tx.n++
	tx.w.Barrier(wire.Barrier{N: tx.n})
	s.noteSent(flight{}, start, laneOther, now)
	tx.barrier.Sent()
	s.streamIfDone()
}

// streamIfDone ends the catch-up once BARRIER has been sent and received.
func (s *Session) streamIfDone() {
	if s.barrier && s.tx.barrier.IsSent() && s.phase == PhaseCatchup {
		s.phase = PhaseStream
	}
}
