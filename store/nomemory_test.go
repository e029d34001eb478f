package store

import (
	"fmt"
	"testing"
)

// packedStore evicts nothing and is as full as it can be: keys are what it holds, each of
// n bytes. Nothing more can be stored, be it small.
func packedStore(t *testing.T, n int) (s *Store, keys [][]byte) {
	t.Helper()
	s = newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true, NoEviction: true})
	s.Attach(ID{1}, &State{}, false)
	for _, size := range []int{n, 1} {
		for i := 0; ; i++ {
			key := fmt.Appendf(nil, "key-%d-%d", size, i)
			if s.Do(testNow, &Request{Op: OpSet, Key: key, Value: make([]byte, size)}).Status != Stored {
				break
			}
			if size == n {
				keys = append(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		t.Fatal("nothing fits")
	}
	return s, keys
}

// apply merges a record on the live lane.
func (s *Store) apply(t *testing.T, r Record) {
	t.Helper()
	if err := s.ApplyBatch(testNow, PartitionOf(r.Key), Live, 1, []Record{r}); err != nil {
		t.Fatal(err)
	}
}

func TestNoMemory_AReceivedValueDropsTheOlderOne(t *testing.T) {
	s, keys := packedStore(t, 1000)
	v := s.Clock() + 1<<20
	s.apply(t, Record{Key: keys[0], Version: v, ExpVersion: v, Value: make([]byte, 50_000)})
	if s.Stats().ApplyNoMemory == 0 {
		t.Fatal("there was memory")
	}
	if _, hit := s.get(testNow, string(keys[0])); hit {
		t.Error("a value is served that is older than one that arrived")
	}
	if s.parts[PartitionOf(keys[0])].forgotMax < v {
		t.Error("an older peer could bring it back")
	}
}

// TestNoMemory_ADeleteIsBuried: no tombstone can be had for a key that is not here, or
// whose memory is too large or too small for one. The peer's copy must not come back.
func TestNoMemory_ADeleteIsBuried(t *testing.T) {
	for name, size := range map[string]int{"too small": 1, "larger": 1000, "a run": 50_000} {
		t.Run(name, func(t *testing.T) {
			s, keys := packedStore(t, size)
			v := s.Clock()
			for _, key := range [][]byte{keys[0], []byte("absent")} {
				s.Do(testNow, &Request{Op: OpDelete, Key: key})
				s.apply(t, Record{Key: key, Version: v, ExpVersion: v, Value: []byte("v")})
				if _, hit := s.get(testNow, string(key)); hit {
					t.Errorf("%q is back", key)
				}
			}
			if s.Stats().GraveRejects == 0 {
				t.Error("nothing was refused: the memory was not full")
			}
		})
	}
}

// TestNoMemory_WhatAGraveTakesLeavesATrace: the peer's grave takes values that it never
// had, and no marker can be had.
func TestNoMemory_WhatAGraveTakesLeavesATrace(t *testing.T) {
	s, keys := packedStore(t, 50_000)
	older, floor := VersionAt(testNow-1000), s.Clock()
	for part := range Partitions {
		s.ApplyGrave(part, Grave{Gen: 1, Floor: floor, Saturated: true})
	}
	buried := 0
	for _, key := range keys {
		s.apply(t, Record{Key: key, Version: older, ExpVersion: older, Value: []byte("v")})
		if _, hit := s.get(testNow, string(key)); hit {
			t.Fatalf("%q is back, older than what was evicted", key)
		}
		if s.Buried(key, older) {
			buried++
		}
	}
	if buried == 0 {
		t.Error("there was memory for each marker")
	}
}

// TestReclaim_ATombstoneThatFindsNoRoomIsBuried: the cleaner has nowhere to move it to.
func TestReclaim_ATombstoneThatFindsNoRoomIsBuried(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true})
	key := []byte("key")
	s.Do(testNow, &Request{Op: OpDelete, Key: key})
	a := s.arena
	a.mu.Lock()
	for len(a.free) > 0 { // as when graves' filters have taken the cleaner's reserve
		id := a.free[len(a.free)-1]
		a.free = a.free[:len(a.free)-1]
		a.chillLocked(id)
	}
	a.limit = a.committed
	id := a.open
	a.closeLocked(&a.open)
	a.unlinkLocked(id)
	a.segs[id].state = segCleaning
	a.mu.Unlock()
	s.clean(testNow, id, true)
	if st := s.Stats(); st.Tombstones != 0 {
		t.Fatal("it was moved")
	}
	if !s.Buried(key, s.Clock()) {
		t.Error("the delete is forgotten")
	}
}

// TestReclaim_MovesWhatLivesInASegment: values and tombstones, to the last byte of it.
func TestReclaim_MovesWhatLivesInASegment(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	const part = 7
	for i, key := range keysOf(part, 30) {
		s.set(testNow, string(key), "v")
		if i%3 > 0 {
			s.Do(testNow, &Request{Op: OpDelete, Key: key})
		}
		if i == 20 {
			s.lanes(part) // those before stand in another list then
		}
	}
	a := s.arena
	a.mu.Lock()
	id := a.open
	a.closeLocked(&a.open)
	a.unlinkLocked(id)
	a.segs[id].state = segCleaning
	a.mu.Unlock()
	s.clean(testNow, id, true)
	if st := s.Stats(); st.Tombstones != 20 || st.Items != 10 {
		t.Errorf("%d tombstones and %d items are left", st.Tombstones, st.Items)
	}
	if err := s.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	s.Acked(part, s.SentCursor(part))
	if st := s.Stats(); st.Tombstones != 6 {
		t.Errorf("%d tombstones are left behind the ACK", st.Tombstones)
	}
}

// TestNoMemory_TheCleanersReserveStays: or it could not move anything.
func TestNoMemory_TheCleanersReserveStays(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, NoEviction: true})
	for i := 0; s.set(testNow, fmt.Sprint("key-", i), string(make([]byte, 1000))).Status == Stored; i++ {
	}
	a := s.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	if room := a.limit - a.committed + int64(len(a.free))*int64(a.segBytes); room < reserveSegs*int64(a.segBytes) {
		t.Errorf("%d bytes are left for it", room)
	}
}

// TestNoMemory_GravesTakeNoItem: the graves of a peer that is away take memory beyond the
// limit. Then the cleaner has nowhere to move items to, and they stay where they are.
func TestNoMemory_GravesTakeNoItem(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true, NoEviction: true})
	there := map[string]bool{}
	for i := range 30_000 {
		key := fmt.Sprint("key-", i*7919%5000)
		if i%3 == 0 {
			s.Do(testNow, &Request{Op: OpDelete, Key: []byte(key)})
			there[key] = false
		} else {
			there[key] = s.Do(testNow, &Request{Op: OpSet, Key: []byte(key), Value: make([]byte, i*31%900)}).Status == Stored
		}
	}
	for key, want := range there {
		if _, got := s.get(testNow, key); got != want {
			t.Errorf("%s: there %v, want %v", key, got, want)
		}
	}
	switch st := s.Stats(); {
	case st.Evictions != 0:
		t.Errorf("%d items were evicted", st.Evictions)
	case st.Buried == 0 || st.StoreNoMemory == 0:
		t.Errorf("%d buried, %d sets refused: the test shows nothing", st.Buried, st.StoreNoMemory)
	}
}
