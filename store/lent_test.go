package store

import (
	"fmt"
	"testing"
)

// TestLoan_OverruledByWhatIsNewerOnly: by a delete, a touch or a grave of its key. Whatever
// else the peer sends, the value still has to travel.
func TestLoan_OverruledByWhatIsNewerOnly(t *testing.T) {
	part := PartitionOf([]byte("k"))
	other := "a"
	for PartitionOf([]byte(other)) != part {
		other += "x"
	}
	filter := make([]byte, FilterBytes)
	for name, tt := range map[string]struct {
		does func(s *Store, v uint64)
		want bool
	}{
		"a delete of the same version": {func(s *Store, v uint64) { s.overrule(&Record{Key: []byte("k"), Op: RecordTombstone, Version: v}) }, true},
		"an older delete":              {func(s *Store, v uint64) { s.overrule(&Record{Key: []byte("k"), Op: RecordTombstone, Version: v - 1}) }, false},
		"a touch": {func(s *Store, v uint64) {
			s.overrule(&Record{Key: []byte("k"), Op: RecordTouch, Version: v, ExpVersion: v + 1})
		}, true},
		"the same state":               {func(s *Store, v uint64) { s.overrule(&Record{Key: []byte("k"), Version: v, ExpVersion: v}) }, false},
		"a newer value":                {func(s *Store, v uint64) { s.overrule(&Record{Key: []byte("k"), Version: v + 1, ExpVersion: v + 1}) }, true},
		"a newer value of another key": {func(s *Store, v uint64) { s.overrule(&Record{Key: []byte(other), Version: v + 1, ExpVersion: v + 1}) }, false},
		"a grave":                      {func(s *Store, v uint64) { s.ApplyGrave(part, Grave{Floor: v, Saturated: true}) }, true},
		"a grave of older deletes":     {func(s *Store, v uint64) { s.ApplyGrave(part, Grave{Floor: v - 1, Saturated: true}) }, false},
		"a grave of other keys":        {func(s *Store, v uint64) { s.ApplyGrave(part, Grave{Floor: v, Filter: filter}) }, false},
	} {
		s := large(t, Config{})
		s.set(testNow, "k", string(pattern(2<<20, 1)))
		l, _ := s.lent(t, "k")
		if tt.does(s, l.Version); l.Overruled() != tt.want {
			t.Errorf("%s: overruled %v", name, !tt.want)
		}
		l.Close()
	}
}

// TestLoan_OfAnItemThatIsThereIsNotRevoked: to take its value back would give no memory,
// and the peer would not get the value.
func TestLoan_OfAnItemThatIsThereIsNotRevoked(t *testing.T) {
	s := large(t, Config{})
	s.set(testNow, "k", string(pattern(2<<20, 1)))
	l, _ := s.lent(t, "k")
	defer l.Close()
	if s.revoke(0) {
		t.Error("its item is there")
	}
	if _, ok := l.all(); !ok {
		t.Error("its value has been taken back")
	}
	s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")})
	if !s.revoke(0) {
		t.Error("its item is gone, and it keeps the memory")
	}
}

// TestRewind_BeginsAnew: the peer is told that nothing here is older than that.
func TestRewind_BeginsAnew(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	begin := int64(testNow + 5000)
	if s.Observe(VersionAt(testNow + 1<<40)); !s.Rewind(begin) {
		t.Fatal("nobody has written, and it goes on far ahead")
	}
	if s.Born() != VersionAt(begin) || s.Clock() != VersionAt(begin) {
		t.Errorf("born %d, clock %d, want %d", s.Born(), s.Clock(), VersionAt(begin))
	}
}

// TestLoan_IsNoReader: the hand evicts what only the session reads, and the memory of that is
// taken back. No client is refused for it.
func TestLoan_IsNoReader(t *testing.T) {
	const size = 19 << 20 // of 40: there is no room for two and what else there is
	s := newTestStore(t, Config{MemoryBytes: 40 << 20, MaxItemBytes: 20 << 20, Replicated: true})
	s.set(testNow, "a", string(pattern(2<<20, 1)))
	s.set(testNow, "k", string(pattern(size, 1)))
	l, _ := s.lent(t, "k")
	defer l.Close()
	v := s.pinned(t, "a")
	defer v.Release()
	if res := s.set(testNow, "k2", string(pattern(size, 2))); res.Status != Stored {
		t.Errorf("status %d", res.Status)
	}
}

// TestLoan_ASmallOneIsRevokedAtTheEnd: a value that is gone and takes little of the memory keeps
// it while anything else is to be had, and is taken back before a client is refused.
func TestLoan_ASmallOneIsRevokedAtTheEnd(t *testing.T) {
	const size = 2 << 20 // of 40
	for _, evict := range []bool{true, false} {
		s := newTestStore(t, Config{MemoryBytes: 40 << 20, MaxItemBytes: 8 << 20, Replicated: true, NoEviction: !evict})
		s.set(testNow, "k", string(pattern(size, 1)))
		l, _ := s.lent(t, "k")
		s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")})
		for i := 0; evict && i < 40; i++ {
			s.set(testNow, fmt.Sprint("evictable", i), string(pattern(size, 2)))
		}
		if _, lent := l.all(); !lent {
			t.Error("it is taken back though other values can be evicted")
		}
		var all []*Pinned
		for i := 0; s.set(testNow, fmt.Sprint("k", i), string(pattern(size, 2))).Status == Stored; i++ {
			all = append(all, s.pinned(t, fmt.Sprint("k", i)))
		}
		if _, lent := l.all(); lent {
			t.Errorf("eviction %v: a client is refused, and it keeps its memory", evict)
		}
		if s.giveAll(); !s.arena.lacks(size) {
			t.Errorf("eviction %v: a client is refused, and there is room", evict)
		}
		l.Close()
		for _, v := range all {
			v.Release()
		}
	}
}
