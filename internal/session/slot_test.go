package session

import (
	"errors"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// slotOfNext is the slot in the next version that node i makes.
func (m *pair) slotOfNext(i int) uint8 {
	m.now++
	m.set(i, 1, []byte("v"))
	return uint8(m.n[i].items()[string(pairKey(1))].Version & wire.MaxSlot)
}

func TestSession_EqualSlotsAreResolvedByTheLargerID(t *testing.T) {
	low, high := store.ID{1, 200, 9}, store.ID{2, 255}
	for name, tt := range map[string]struct {
		ids     [2]store.ID
		incs    [2]store.ID
		changes int // who takes another slot
	}{
		"the larger id is node 1":         {[2]store.ID{low, high}, [2]store.ID{{8}, {7}}, 1},
		"the larger id is node 0":         {[2]store.ID{high, low}, [2]store.ID{{7}, {8}}, 0},
		"equal ids, node 1 has the later": {[2]store.ID{low, low}, [2]store.ID{{7}, {8}}, 1},
		"equal ids, node 0 has the later": {[2]store.ID{low, low}, [2]store.ID{{8}, {7}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, slot := range []uint8{0, 17, wire.MaxSlot} {
				m := newQuietPair(t)
				for i, n := range m.n {
					n.cfg.NodeID, n.cfg.Inc = tt.ids[i], tt.incs[i]
					n.st.SetSlot(slot)
				}
				m.connect()
				m.settle()
				slots := [2]uint8{m.slotOfNext(0), m.slotOfNext(1)}
				if stay := slots[1-tt.changes]; stay != slot || slots[tt.changes] == slot {
					t.Fatalf("both had slot %d, now they make versions with %v", slot, slots)
				}
				if a, b := m.n[0].meter.slotClashes.Load(), m.n[1].meter.slotClashes.Load(); a != 1 || b != 1 {
					t.Errorf("%d and %d clashes were counted", a, b)
				}
				for range 3 { // it is done
					m.connect()
					m.settle()
					for i, n := range m.n {
						if n.s.peer.Slot != slots[1-i] || n.st.Slot() != slots[i] || m.slotOfNext(i) != slots[i] {
							t.Fatalf("after a reconnect: node %d is told of slot %d and has %d; they had %v", i, n.s.peer.Slot, n.st.Slot(), slots)
						}
					}
				}
				if got := m.n[0].meter.slotClashes.Load(); got != 1 {
					t.Errorf("%d clashes in the end", got)
				}
				m.settle()
				m.check()
			}
		})
	}
}

func TestSession_DifferentSlotsStay(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	if a, b := m.n[0].st.Slot(), m.n[1].st.Slot(); a != 1 || b != 2 || m.n[0].meter.slotClashes.Load() != 0 {
		t.Fatalf("slots %d and %d", a, b)
	}
}

func TestOtherSlot_IsNeverTheSame(t *testing.T) {
	for slot := range uint8(wire.MaxSlot + 1) {
		for b := range 256 {
			if got := otherSlot(slot, store.ID{0, byte(b)}); got == slot || got > wire.MaxSlot {
				t.Fatalf("slot %d, id byte %d: %d", slot, b, got)
			}
		}
	}
}

// TestSession_RefusedForItsSlot: a peer may be one that cannot change its slot and
// sends this node away. This one never says so itself.
func TestSession_RefusedForItsSlot(t *testing.T) {
	m := newQuietPair(t)
	m.heal()
	bye := body(t, func(w *wire.Writer) { w.Bye(wire.Bye{Code: wire.ByeSlot, Text: "both nodes have slot 1"}) })
	var end *End
	if err := m.n[0].s.OnFrame(m.now, bye); !errors.As(err, &end) || end.Code != wire.ByeSlot || !end.FromPeer || end.Word() != "SLOT" {
		t.Fatalf("got %v", err)
	}
	m.connect()
	m.settle()
	m.check()
}
