package replicator

import (
	"twincached/internal/wire"
	"twincached/store"
)

// contender is one authenticated connection in an election.
type contender struct {
	peer, inc   store.ID
	dialled     bool   // by this node
	decides     bool   // this node elects (it is the same on all connections of one peer)
	began       uint64 // when the connection began, by Link.order
	established uint64 // when the peer's STATE arrived, by Link.order; 0 = not yet
}

// elect says whether c becomes the session in place of cur. If not, code and text are the
// BYE for c.
//
// The node with the smaller id is the decider. The other one follows: it calls elect when
// the decider's STATE has arrived on c, and takes c. It then closes its own
// dials that are still in a handshake, and it does not dial while it has a session. So if a
// connection that began after cur was established reaches the decider, the peer must have
// lost cur, which is half-open. Then c wins.
func elect(cur *contender, c contender) (yes bool, code wire.ByeCode, text string) {
	switch {
	case cur == nil:
		return true, 0, ""
	case cur.peer != c.peer:
		return false, wire.ByePeerTaken, "another node is the peer at present"
	case cur.inc != c.inc, !c.decides:
		return true, 0, ""
	case cur.established != 0 && c.began > cur.established:
		return true, 0, ""
	case cur.established == 0 && c.dialled == cur.dialled:
		return true, 0, "" // the same side dialled again: it has given up the older one
	case cur.established == 0 && c.dialled:
		return true, 0, "" // both dialled at once: keep what the smaller id dialled
	}
	return false, wire.ByeDuplicate, "another connection between the two nodes is kept"
}
