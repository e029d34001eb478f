package session

import (
	"fmt"

	"twincached/internal/wire"
	"twincached/store"
)

// A version orders the writes of both nodes. A node that has seen one makes only larger
// ones, for as long as its process lives. So this node accepts no version that lies too far
// in the future, whatever frame it comes in.

// latestBelievable is the latest time that a peer's clock may show at its HELLO, Unix ms. It
// is the latest of three: this node's steady clock; its wall clock, which may be right even
// if the steady clock does not follow it; and its versions, which may come from a clock that
// was wrong once.
func (s *Session) latestBelievable(now int64) int64 {
	return max(now+s.cfg.WallAhead(), store.VersionMillis(s.cfg.Store.Clock()))
}

// checkClocks refuses a peer whose clock or versions are more than a day ahead. What it
// sends would win against every later write here. A node that has never held anything has
// nothing to lose, and goes on from the peer's versions, however far they are. Otherwise a
// pair in which one clock was wrong once could never be restarted node by node.
func (s *Session) checkClocks(now int64, own, st *wire.State) error {
	versions := store.VersionMillis(st.Clock)
	ahead := max(versions, s.peer.SteadyMillis) - max(now+s.cfg.WallAhead(), store.VersionMillis(own.Clock))
	switch {
	case versions > store.MaxClockMillis, ahead > clockRefuseMillis && !(own.Items == 0 && s.cfg.Store.Untouched()):
		return s.fail(wire.ByeClock, fmt.Sprintf("the peer's clock or versions are %d s ahead", ahead/1000))
	case ahead > clockRefuseMillis:
		s.clockNews = append(s.clockNews, fmt.Sprintf("the peer's clock or versions are %d s ahead: this node held nothing and goes on from there; set the clock that is wrong, restart its node", ahead/1000))
	}
	return nil
}

// farAhead says that a version is more than a day ahead of the peer's clock and of both
// clocks of this node.
func (s *Session) farAhead(now int64, version uint64) bool {
	return store.VersionMillis(version)-max(now+s.cfg.WallAhead(), s.peer.SteadyMillis) > clockRefuseMillis
}

// boundVersions notes, once both STATEs are here, how far the two nodes' versions are ahead
// of this node's clock already. The bound then moves on with the clock.
func (s *Session) boundVersions(now int64, own, peer uint64) {
	s.versionsAhead = max(store.VersionMillis(max(own, peer))-now, 0)
}

// latest is the last millisecond that a version of the peer may have, Unix ms.
func (s *Session) latest(now int64) int64 {
	return min(now+s.versionsAhead+clockRefuseMillis, store.MaxClockMillis)
}

// checkVersions checks every version in a numbered frame, before any of them is used.
func (s *Session) checkVersions(now int64, b *wire.Body) error {
	latest := s.latest(now)
	highest, field := uint64(0), ""
	switch b.Type {
	case wire.TBatch:
		highest, field = highestOf(b.Batch.Records), "ver or expver"
	case wire.TMany:
		highest, field = highestOf(b.Many.Records), "ver or expver"
	case wire.TFlush:
		highest, field = max(b.Flush.Flush, b.Flush.Cancelled), "flush or pver"
	case wire.TFlushAt:
		highest, field = b.FlushAt.Pending.Version, "pver"
	case wire.TGrave:
		highest, field = b.Grave.Floor, "floor"
	case wire.TPiece:
		highest, field = b.Piece.Version, "ver"
	}
	if store.VersionMillis(highest) <= latest {
		return nil
	}
	return s.fail(wire.ByeBadFrame, fmt.Sprintf("%v: %s is %d s ahead", b.Type, field, (store.VersionMillis(highest)-now)/1000))
}

// highestOf is the highest version of some records.
func highestOf(records []store.Record) (highest uint64) {
	for i := range records {
		r := &records[i]
		highest = max(highest, r.Version, r.ExpVersion)
	}
	return highest
}

// checkState does the same for STATE. checkClocks has checked its clock.
func (s *Session) checkState(now int64, st *wire.State) error {
	if highest := max(st.Born, st.Flush, st.Pending.Version); store.VersionMillis(highest) > s.latest(now) {
		return s.fail(wire.ByeBadFrame, fmt.Sprintf("STATE: born, flush or pending is %d s ahead", (store.VersionMillis(highest)-now)/1000))
	}
	return nil
}
