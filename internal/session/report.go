package session

import (
	"cmp"

	"twincached/snapshot"
	"twincached/store"
)

// Report is what an established session knows, for people.
type Report struct {
	Link         string   // catchup or stream
	PeerInc      store.ID // incarnation of the peer
	PeerSoftware string
	Protocol     uint32 // protocol version of this session
	PeerFeatures uint64 // what the peer understands beside it: see wire.Hello

	WindowBytes      int    // data under way, at most WindowBytes plus a batch
	WindowFrames     int    // the same in frames
	Backlog          uint64 // about how many changes have not been sent yet
	PeerBacklog      uint64 // the peer's own backlog, as its last PING said
	PeerBulkLeft     uint64 // items of the copy that the peer has not sent yet, as its last PING said
	LagMillis        int64  // age of the oldest frame under way; 0 = none is
	RTTMillis        int64  // shortest of the last round trips; -1 = not measured
	ClockAheadMillis int64  // how far the peer's clock is ahead by the last measurement, even if it was refused; 0 = not measured

	ContactMillis int64 // how long ago bytes of the peer arrived; -1 = never

	CopyIn, CopyOut snapshot.Report // the full copy, in each direction
}

// Report is what the session knows. false: it is not established, or it is over. It looks
// at every partition: call it a few times a second at most.
func (s *Session) Report(now int64) (r Report, ok bool) {
	if !s.attached || s.phase == PhaseEnded {
		return Report{}, false
	}
	r = Report{
		Link: s.phase.String(), PeerInc: s.peer.Inc, PeerSoftware: s.peer.Software, Protocol: s.proto, PeerFeatures: s.peer.Features,
		Backlog: s.Backlog(), PeerBacklog: s.rx.backlog, PeerBulkLeft: s.rx.bulkLeft, RTTMillis: -1,
		ContactMillis: max(now-s.lastRead, 0), CopyIn: s.in.Report(), CopyOut: s.out.Report(),
	}
	r.WindowBytes, r.WindowFrames = s.InFlight()
	if f := s.tx.flights.oldest(); f != nil {
		r.LagMillis = max(now-f.sentAt, 0)
	}
	if rtt, ahead, ok := s.clock.best(); ok {
		r.RTTMillis, r.ClockAheadMillis = rtt, ahead
	}
	r.ClockAheadMillis = cmp.Or(s.clock.refused, r.ClockAheadMillis)
	return r, true
}

// TakeClockNews returns the lines about the two clocks that are to be logged, each once.
func (s *Session) TakeClockNews() (news []string) {
	news, s.clockNews = s.clockNews, nil
	return news
}

// ClockAhead is how far the peer's clock is ahead by the last measurement, ms, even if that
// was refused.
func (s *Session) ClockAhead() int64 { return s.clock.measured() }

// LastRead is when bytes arrived last, Unix ms; 0 = none have.
func (s *Session) LastRead() int64 { return s.lastRead }

// Established says that both STATEs are known. It is false again after OnLoss.
func (s *Session) Established() bool { return s.attached }

// TailNotes is how often this session has noted the tails for its BARRIER: see
// snapshot.Barrier.
func (s *Session) TailNotes() int {
	if s.tx == nil {
		return 0
	}
	return s.tx.barrier.Notes()
}

// InFlight returns how many bytes and frames are under way.
func (s *Session) InFlight() (bytes, frames int) {
	if s.tx == nil {
		return 0, 0
	}
	return s.tx.flights.bytes, s.tx.flights.frames.num
}
