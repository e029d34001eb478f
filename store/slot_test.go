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

// TestSetSlot_NoWriteKeepsTheOldOne: once SetSlot has returned, nothing gets the
// slot of before, or the peer could make the same version.
func TestSetSlot_NoWriteKeepsTheOldOne(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	var wg sync.WaitGroup
	made := make([][]uint64, 4)
	for i := range made {
		wg.Go(func() {
			key := string(rune('a' + i))
			for range 20_000 {
				made[i] = append(made[i], s.set(testNow, key, "v").Version)
			}
		})
	}
	const changes = 10_000
	from := [changes]uint64{} // by change of the slot: the highest version when it was done
	for i := range from {
		s.SetSlot(uint8(i)) // the slot of change i is i in its low bits
		from[i] = s.clock.hlc.Load()
	}
	wg.Wait()
	for _, vs := range made {
		for _, v := range vs {
			i, exact := slices.BinarySearch(from[:], v)
			if exact || i == 0 {
				continue // made before change i was done
			}
			// v is above from[i-1] and not above from[i]: it has the slot of change i-1, or of
			// i or later ones that were done while it was the newest.
			if old := uint8(i - 2); i >= 2 && v&slotMask == uint64(old)&slotMask {
				t.Fatalf("version %x has slot %d, which was given up before", v, old&slotMask)
			}
		}
	}
}
