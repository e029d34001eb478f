package store

import (
	"slices"
	"sync"
	"testing"
)

// TestClock_SlotChangesBetweenVersions: whoever changes the slot in the middle of
// writes, versions stay unique and in the order they were made.
func TestClock_SlotChangesBetweenVersions(t *testing.T) {
	s := newTestStore(t, Config{Slot: 3})
	var wg sync.WaitGroup
	made := make([][]uint64, 4)
	for i := range made {
		wg.Go(func() {
			for range 5000 {
				made[i] = append(made[i], s.clock.next(testNow))
			}
		})
	}
	for slot := range uint8(200) {
		s.SetSlot(slot)
	}
	wg.Wait()
	var all []uint64
	for _, vs := range made {
		if !slices.IsSorted(vs) {
			t.Fatal("a later version is lower")
		}
		all = append(all, vs...)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 4*5000 {
		t.Fatalf("%d versions of %d differ", n, 4*5000)
	}
	if s.Slot() != 199&slotMask || s.clock.next(testNow)&slotMask != 199&slotMask {
		t.Fatalf("slot %d", s.Slot())
	}
}
