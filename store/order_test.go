package store

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
)

// setAll stores value under name-0 to name-(n-1), and getAll counts which of them are found.
func (s *Store) setAll(name string, n int, value string) {
	for i := range n {
		s.set(testNow, fmt.Sprint(name, "-", i), value)
	}
}

func (s *Store) getAll(name string, n int) (found int) {
	for i := range n {
		if _, ok := s.get(testNow, fmt.Sprint(name, "-", i)); ok {
			found++
		}
	}
	return found
}

// use reads keys, and stores those that are missing.
func (s *Store) use(name string, n int, value string) (found int) {
	for i := range n {
		key := fmt.Sprint(name, "-", i)
		if _, ok := s.get(testNow, key); ok {
			found++
		} else {
			s.set(testNow, key, value)
		}
	}
	return found
}

// TestHand_WhatIsReadOutlivesWhatIsNot: a tenth of the memory is read between scans of a
// third of it, all of which would fit beside it if it were not for those before.
func TestHand_WhatIsReadOutlivesWhatIsNot(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine")
	}
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20})
	value := string(make([]byte, 900))
	s.setAll("hot", 800, value)
	for i := range 20 {
		if found := s.getAll("hot", 800); found < 800 {
			t.Fatalf("%d of 800 are left after %d scans", found, i)
		}
		s.setAll(fmt.Sprint("scan-", i), 2800, value)
	}
}

// TestHand_WhatWasReadOnceGoes: a set that fits replaces one that nobody reads any more,
// though it does not fit into what is young.
func TestHand_WhatWasReadOnceGoes(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine")
	}
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20})
	value := string(make([]byte, 900))
	for range 4 {
		s.use("old", 6000, value)
	}
	round := 0
	for ; round < 40 && s.use("new", 5500, value) < 5500; round++ {
	}
	t.Logf("all are found in round %d", round)
	if round == 40 {
		t.Errorf("only %d of 5500 are found", s.getAll("new", 5500))
	}
}

// TestHand_TheSmallStayBesideTheLarge: both are never read. Small ones take a hundredth of
// the memory.
func TestHand_TheSmallStayBesideTheLarge(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20})
	small, large := string(make([]byte, 40)), string(make([]byte, 3000))
	for i := range 800 {
		s.set(testNow, fmt.Sprint("small-", i), small)
		s.setAll(fmt.Sprint("large-", i), 20, large)
	}
	if found := s.getAll("small", 800); found < 700 { // some go before it is known what is small
		t.Errorf("%d of 800 are left", found)
	}
}

// TestHand_LooksElsewhereWhereNothingCanGo: tombstones fill the main order, and have to stay.
func TestHand_LooksElsewhereWhereNothingCanGo(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine")
	}
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20, Replicated: true, TombstoneBytes: 64 << 20})
	value := string(make([]byte, 900))
	for i := range 55_000 {
		key := []byte(fmt.Sprint("gone-", i))
		s.set(testNow, string(key), "v")
		s.Do(testNow, &Request{Op: OpDelete, Key: key})
	}
	for i := range 30_000 {
		if r := s.set(testNow, fmt.Sprint("value-", i), value); r.Status != Stored {
			t.Fatalf("value %d: status %d, with %d bytes of tombstones", i, r.Status, s.tombBytes.Load())
		}
	}
}

// TestHand_TheLargeAreYoungInATwentieth: what nobody reads of much larger values does not
// take the place of what is young.
func TestHand_TheLargeAreYoungInATwentieth(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20})
	value, large := string(make([]byte, 900)), string(make([]byte, 50_000))
	for i := range 200 {
		s.setAll(fmt.Sprint("value-", i), 55, value)
		s.set(testNow, fmt.Sprint("large-", i), large)
	}
	a := s.arena
	if l := a.orders[orderLarge].bytes; l == 0 || l > a.limit/16 {
		t.Errorf("large values take %d bytes", l)
	}
}

// TestHand_LooksEverywhereBeforeItGivesUp: all large values are being read, those in the main
// order and those that are young. The small ones can go.
func TestHand_LooksEverywhereBeforeItGivesUp(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20})
	a, value, large := s.arena, string(make([]byte, 3900)), string(make([]byte, 50_000))
	s.setAll("first", 3000, value)
	s.setAll("main", 12, large)
	for i := range 10 { // the hand passes those of before
		s.getAll("main", 12)
		s.setAll(fmt.Sprint("young-", i), 12, large)
		s.setAll(fmt.Sprint("value-", i), 150, value)
	}
	var held []*Pinned
	defer func() {
		for _, v := range held {
			v.Release()
		}
	}()
	for id := a.orders[orderMain].oldest; id != 0; id = a.segs[id].next {
		if id <= a.smallSegs {
			t.Fatal("a small value was spared")
		}
		held = append(held, s.pinned(t, string(a.at(a.handleAt(a.segs[id].off+1<<a.shift)).key())))
	}
	if len(held) == 0 {
		t.Fatal("no large value was spared")
	}
	for i := range 60 {
		key := fmt.Sprint("held-", i)
		if res := s.set(testNow, key, large); res.Status != Stored {
			t.Fatalf("value %d: status %d, with %d items there", i, res.Status, s.Stats().Items)
		}
		held = append(held, s.pinned(t, key))
	}
}
