package replicator

import (
	"cmp"
	"fmt"

	"twincached/snapshot"
	"twincached/store"
)

// LaneStats counts what travelled on one lane of all sessions.
type LaneStats struct {
	BytesOut, BytesIn uint64 // frames, heads included
	ItemsOut, ItemsIn uint64
}

// Stats is a snapshot of a link. Counters grow over all sessions.
type Stats struct {
	State     NodeState // of the node
	Qualifier string    // "alone" or "partial" for a ready node without its peer or the rest of its data, else ""

	RefusalCause  string // why one of the two nodes refuses to link, while it does: AUTH, CLOCK, SILENT ...; else ""
	RefusalProved bool   // and the other one has proved to be the peer

	Link         string   // down, hello, auth, state, catchup or stream
	PeerID       store.ID // zero = never linked; the last one while down
	PeerInc      store.ID // incarnation of the linked peer; zero while down
	PeerAddress  string   // "" while down
	PeerSoftware string   // "" while down
	Protocol     uint32   // version spoken on the link; 0 while down
	Slot         uint8    // of this node: the low 6 bits of the versions it makes

	Sessions    uint64 // sessions established
	Resumes     uint64 // sessions that went on where an earlier one stopped
	BulkStarts  uint64 // partitions whose bulk walk to the peer began, or began again
	Graves      uint64 // graves announced
	Replaced    uint64 // times another node took the place of the last peer
	SlotClashes uint64 // sessions whose peer had the same slot: one of the two took another
	Skews       uint64 // sessions whose clocks differed by more than 500 ms
	Dials       uint64 // attempts to reach the peer
	DialFails   uint64 // those without a connection
	Delayed     uint64 // connections that waited because their address fails the handshake over and over

	Live, Bulk          LaneStats
	OtherOut, OtherIn   uint64 // bytes of frames that carry no items
	FramesOut, FramesIn uint64 // of established sessions

	WindowBytes         int    // data under way without an ACK, at most WindowBytes plus a batch
	WindowFrames        int    // the same in frames
	Backlog             uint64 // changes not sent yet, about
	Unacked             uint64 // items the peer does not have for certain: exact while few, else about
	NotOnPeer           uint64 // of those, items that the peer has said it does not store
	PeerBacklog         uint64 // what the peer said of its own when it last pinged
	PeerBulkLeft        uint64 // items of the copy the peer has not sent yet, when it last pinged
	LagMillis           int64  // age of the oldest frame without an ACK; 0 = nothing under way
	RTTMillis           int64  // shortest of the last round trips; -1 = not measured
	ClockAheadMillis    int64  // how far the peer's clock is ahead, believed or not; 0 = not measured
	VersionsAheadMillis int64  // how far the versions are ahead of this node's clock, because a clock was wrong once; 0 = not

	CopyIn, CopyOut snapshot.Report // the full copy, in each direction

	LinkMillis    int64 // how long the link has been up; 0 while down
	ContactMillis int64 // how long ago anything was heard of the peer; -1 = never

	Refused            map[string]uint64 // connections refused or ended, failed dials and warnings, by cause
	LastError          string            // why the link is down, as far as known: the last warning, after its cause in one word; "" = the link is up, or nothing is wrong
	LastErrorAgeMillis int64             // how long ago that was; 0 without one
}

// Stats returns a snapshot. It looks at every partition: call it a few times a
// second at most.
func (l *Link) Stats() Stats {
	m := &l.meter
	st := Stats{
		Link: PhaseDown.String(), RTTMillis: -1, ContactMillis: -1, Slot: l.cfg.Store.Slot(),
		Sessions: m.sessions.Load(), Resumes: m.resumes.Load(), BulkStarts: m.bulkStarts.Load(), Graves: m.gravesOut.Load(),
		Replaced: m.replaced.Load(), SlotClashes: m.slotClashes.Load(), Skews: m.skews.Load(), Dials: m.dials.Load(), DialFails: m.dialFails.Load(), Delayed: m.delayed.Load(),
		Live: m.lane(store.Live), Bulk: m.lane(store.Bulk),
		OtherOut: m.bytesOut[laneOther].Load(), OtherIn: m.bytesIn[laneOther].Load(),
		FramesOut: m.framesOut.Load(), FramesIn: m.framesIn.Load(),
	}
	var last trouble
	st.Refused, last = l.refusals.counts()
	now := l.cfg.Now()
	l.mu.Lock()
	c := l.cur
	established := c != nil && c.established != 0
	st.State, st.Qualifier = l.gate.state, l.gate.qualifier()
	st.RefusalCause, st.RefusalProved = l.gate.cause, l.gate.cause != "" && l.gate.proved != 0
	st.PeerID = l.lastPeer
	st.CopyIn, st.CopyOut = l.copies[0], l.copies[1]
	if l.heard != 0 {
		st.ContactMillis = max(now-l.heard, 0)
	}
	if established {
		st.LinkMillis = max(now-c.since, 0)
	} else if last.text != "" {
		st.LastError, st.LastErrorAgeMillis = last.text, max(now-last.at, 0)
	}
	l.mu.Unlock()
	st.VersionsAheadMillis = max(store.VersionMillis(l.cfg.Store.Clock())-now, 0)
	st.Unacked = l.cfg.Store.UnackedAbout()
	st.NotOnPeer = l.cfg.Store.Refused()
	if established {
		c.stats(&st)
	}
	return st
}

func (m *meter) lane(lane store.Lane) LaneStats {
	return LaneStats{
		BytesOut: m.bytesOut[lane].Load(), BytesIn: m.bytesIn[lane].Load(),
		ItemsOut: m.itemsOut[lane].Load(), ItemsIn: m.itemsIn[lane].Load(),
	}
}

// stats fills in what the session knows.
func (c *conn) stats(st *Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	if !s.attached || s.phase == PhaseEnded {
		return
	}
	st.Link = s.phase.String()
	st.PeerInc, st.PeerSoftware, st.PeerAddress = s.peer.Inc, s.peer.Software, c.raw.RemoteAddr().String()
	st.Protocol = s.proto
	st.ContactMillis = max(c.l.cfg.Now()-s.heard, 0)
	st.WindowBytes, st.WindowFrames = s.tx.fly.bytes, s.tx.fly.num
	st.Backlog = s.Backlog()
	st.PeerBacklog, st.PeerBulkLeft = s.rx.backlog, s.rx.bulkLeft
	if f := s.tx.fly.oldest(); f != nil {
		st.LagMillis = max(c.l.cfg.Now()-f.sentAt, 0)
	}
	if rtt, ahead, ok := s.clock.best(); ok {
		st.RTTMillis, st.ClockAheadMillis = rtt, ahead
	}
	st.ClockAheadMillis = cmp.Or(s.clock.refused, st.ClockAheadMillis)
	st.CopyIn, st.CopyOut = s.in.Report(), s.out.Report()
}

// String is one line for a log or a terminal.
func (s Stats) String() string {
	state := s.State.String()
	if s.Qualifier != "" {
		state += " (" + s.Qualifier + ")"
	}
	return fmt.Sprintf("%s, link %s, backlog %d, lag %d ms", state, s.Link, s.Backlog, s.LagMillis)
}
