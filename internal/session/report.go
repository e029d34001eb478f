package session

import (
	"cmp"

	"twincached/snapshot"
	"twincached/store"
)

// Report is what a session that is established knows, for people.
type Report struct {
	Link         string   // catchup or stream
	PeerInc      store.ID // incarnation of the peer
	PeerSoftware string
	Protocol     uint32 // version spoken

	WindowBytes      int    // data under way without an ACK, at most WindowBytes plus a batch
	WindowFrames     int    // the same in frames
	Backlog          uint64 // changes not sent yet, about
	PeerBacklog      uint64 // what the peer said of its own when it last pinged
	PeerBulkLeft     uint64 // items of the copy the peer has not sent yet, when it last pinged
	LagMillis        int64  // age of the oldest frame without an ACK; 0 = nothing under way
	RTTMillis        int64  // shortest of the last round trips; -1 = not measured
	ClockAheadMillis int64  // how far the peer's clock is ahead, believed or not; 0 = not measured

	ContactMillis int64 // how long ago anything was heard of the peer; -1 = never

	CopyIn, CopyOut snapshot.Report // the full copy, in each direction
}

// Report is what the session knows; false: it is not established, or over. It looks at
// every partition: a few times a second at most.
func (s *Session) Report(now int64) (r Report, ok bool) {
	if !s.attached || s.phase == PhaseEnded {
		return Report{}, false
	}
	r = Report{
		Link: s.phase.String(), PeerInc: s.peer.Inc, PeerSoftware: s.peer.Software, Protocol: s.proto,
		Backlog: s.Backlog(), PeerBacklog: s.rx.backlog, PeerBulkLeft: s.rx.bulkLeft, RTTMillis: -1,
		ContactMillis: max(now-s.heard, 0), CopyIn: s.in.Report(), CopyOut: s.out.Report(),
	}
	r.WindowBytes, r.WindowFrames = s.InFlight()
	if f := s.tx.fly.oldest(); f != nil {
		r.LagMillis = max(now-f.sentAt, 0)
	}
	if rtt, ahead, ok := s.clock.best(); ok {
		r.RTTMillis, r.ClockAheadMillis = rtt, ahead
	}
	r.ClockAheadMillis = cmp.Or(s.clock.refused, r.ClockAheadMillis)
	return r, true
}

// TakeNews returns what is to be said of the two clocks, once.
func (s *Session) TakeNews() (news []string) {
	news, s.news = s.news, nil
	return news
}

// ClockAhead is how far the peer's clock is ahead as measured last, believed or not, ms.
func (s *Session) ClockAhead() int64 { return s.clock.seen() }

// HeardAt is when bytes arrived last, Unix ms; 0: none have.
func (s *Session) HeardAt() int64 { return s.heard }

// Established says that both STATEs are known: data flows, or did.
func (s *Session) Established() bool { return s.attached }

// TailNotes counts how often this session has noted the tails that its BARRIER
// stands for.
func (s *Session) TailNotes() int {
	if s.tx == nil {
		return 0
	}
	return s.tx.barrier.Notes()
}

// InFlight returns the bytes and the frames under way without an ACK.
func (s *Session) InFlight() (bytes, frames int) {
	if s.tx == nil {
		return 0, 0
	}
	return s.tx.fly.bytes, s.tx.fly.num
}
