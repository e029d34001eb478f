package replicator

import (
	"testing"

	"twincached/internal/wire"
)

// TestDeparture_StrangersDoNotLeave: that the peer has left shortens the wait of a node
// that drains, so only the peer says it.
func TestDeparture_StrangersDoNotLeave(t *testing.T) {
	a := startNode(t, 1, listen(t), "", nil)
	w := wire.NewWriter()
	w.Bye(wire.Bye{Code: wire.ByePlanned, Text: "so long"})
	c := stranger(t, a, w.Bytes())
	defer c.Close()
	eventually(t, "it has been heard", func() bool { return a.refused("PLANNED") > 0 })
	a.l.mu.Lock()
	left := a.l.core.PeerLeft()
	a.l.mu.Unlock()
	if left {
		t.Error("a stranger counts as the peer that has left")
	}
	a.stop()
}
