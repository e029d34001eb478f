package session

import "twincached/store"

// paceBurstMicros is how much of the time that the bulk lane did not use it may make up for:
// timers are late by a few milliseconds.
const paceBurstMicros = 10_000

// pace bounds what the bulk lane sends to Config.CopyBytes a second. It has no clock: its
// caller passes the time. The zero value sends without a bound.
type pace struct {
	perSecond int64 // bytes; 0 = no bound
	until     int64 // when what has been sent would be through at that rate, Unix us
	shut      bool  // that is in the future: nothing goes out now
}

// look opens the lane if its time has come.
func (p *pace) look(nowMillis int64) { p.shut = p.perSecond > 0 && p.until > nowMillis*1000 }

// sent counts what went out in the lane.
func (p *pace) sent(nowMillis int64, bytes int) {
	if p.perSecond == 0 {
		return
	}
	p.until = max(p.until, nowMillis*1000-paceBurstMicros) + int64(bytes)*1_000_000/p.perSecond
	p.look(nowMillis)
}

// opens is when the lane goes on, Unix ms.
func (p *pace) opens() int64 { return (p.until + 999) / 1000 }

// lookAtPace opens the bulk lane if its time has come, and for good if the node stops.
func (s *Session) lookAtPace(now int64) {
	if s.hurries.Load() {
		s.tx.pace = pace{}
	}
	s.tx.pace.look(now)
}

// ready says that there may be something that may go out now. hasData counts also what has to
// wait because of Config.CopyBytes.
func (s *Session) ready() bool {
	if !s.tx.pace.shut {
		return s.hasData()
	}
	live, _ := s.due()
	return s.pieceMayGo() || !live.Empty()
}

// pieceMayGo says that a piece of the parcel may go out now. A large value of the copy has to
// wait for its time, unless changes wait for its end: then the copy pays for it afterwards.
func (s *Session) pieceMayGo() bool {
	tx := s.tx
	if tx.parcel.loan == nil || !tx.pace.shut || tx.parcel.lane == store.Live {
		return tx.parcel.loan != nil
	}
	free := tx.live.Without(&tx.parked[store.Live])
	return free != tx.live
}
