package replicator

import (
	"fmt"

	"twincached/internal/wire"
	"twincached/store"
)

// A version orders the writes of both nodes, and no clock goes back: one that is taken
// counts for as long as either process lives. So none is taken that lies far ahead of
// what this node can believe, whatever frame it comes in.

// boundVersions settles, when both STATEs are known, how far the two nodes' versions are
// ahead of this node's clock already. From there on time carries the bound.
func (s *Session) boundVersions(now int64, own, peer uint64) {
	s.ahead = max(store.VersionMillis(max(own, peer))-now, 0)
}

// latest is the last millisecond that a version of the peer's may have been made in.
func (s *Session) latest(now int64) int64 {
	return min(now+s.ahead+clockRefuseMillis, store.MaxClockMillis)
}

// checkVersions looks at every version in a numbered frame, before any of them counts.
func (s *Session) checkVersions(now int64, b *wire.Body) error {
	latest := s.latest(now)
	highest, field := uint64(0), ""
	switch b.Type {
	case wire.TBatch:
		for i := range b.Batch.Records {
			r := &b.Batch.Records[i]
			highest = max(highest, r.Version, r.Ever)
		}
		field = "ver or ever"
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

// checkState does the same for STATE, whose clock has been looked at.
func (s *Session) checkState(now int64, st *wire.State) error {
	if highest := max(st.Born, st.Flush, st.Pending.Version); store.VersionMillis(highest) > s.latest(now) {
		return s.fail(wire.ByeBadFrame, fmt.Sprintf("STATE: born, flush or pending is %d s ahead", (store.VersionMillis(highest)-now)/1000))
	}
	return nil
}
