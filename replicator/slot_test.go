package replicator

import (
	"testing"

	"twincached/store"
)

// TestLink_EqualSlotsDiffer: the same over sockets; startNode gives every store
// slot 0.
func TestLink_EqualSlotsDiffer(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	low := func(n *testNode, key string) (slot uint64) {
		n.set(key, "v")
		n.st.Get(now(), []byte(key), nil, func(dst []byte, v *store.View) []byte {
			slot = v.Version & store.MaxSlot
			return dst
		})
		return slot
	}
	x, y := low(a, "of a"), low(b, "of b")
	if x != 0 || y == 0 || a.l.Stats().Slot != 0 || uint64(b.l.Stats().Slot) != y {
		t.Fatalf("slots %d and %d, stats say %d and %d", x, y, a.l.Stats().Slot, b.l.Stats().Slot)
	}
	for range 3 {
		before := a.l.Stats().Sessions
		a.kill()
		eventually(t, "linked again", func() bool { return a.l.Stats().Sessions > before && a.linked() && b.linked() })
		if x2, y2 := low(a, "of a"), low(b, "of b"); x2 != x || y2 != y {
			t.Fatalf("slots %d and %d became %d and %d", x, y, x2, y2)
		}
	}
	if s := a.l.Stats(); s.SlotClashes != 1 {
		t.Errorf("%d clashes", s.SlotClashes)
	}
}
