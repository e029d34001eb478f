package store

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
)

// TestNotify_EachKindOfNews: the sender is told of whatever the peer is to hear, and of
// nothing else.
func TestNotify_EachKindOfNews(t *testing.T) {
	key := []byte("key")
	part := PartitionOf(key)
	rec := func(s *Store) []Record {
		v := s.Clock() + 64
		return []Record{{Key: key, Version: v, ExpVersion: v, Value: []byte("theirs")}}
	}
	for name, test := range map[string]struct {
		do   func(s *Store, begin func()) // begin: what was told before counts for nothing
		want bool
	}{
		"a set":           {func(s *Store, begin func()) { s.set(testNow, "key", "v") }, true},
		"a delete":        {func(s *Store, begin func()) { s.Do(testNow, &Request{Op: OpDelete, Key: key}) }, true},
		"a flush":         {func(s *Store, begin func()) { s.Flush(testNow) }, true},
		"a delayed flush": {func(s *Store, begin func()) { s.FlushAt(testNow, testNow+100) }, true},
		"one that is due": {func(s *Store, begin func()) { s.FlushAt(testNow, testNow+1); begin(); s.dueFlush(testNow + 2) }, true},
		"a grave":         {func(s *Store, begin func()) { s.buryKey(part, key) }, true},
		"the grave behind one": {func(s *Store, begin func()) {
			s.buryKey(part, key)
			g, _, _, _ := s.NextGrave(part, nil)
			s.buryKey(part, key)
			begin()
			s.GraveAcked(part, g.Gen)
		}, true},
		"a local key":           {func(s *Store, begin func()) { s.set(testNow, "key.lock", "v") }, false},
		"a miss":                {func(s *Store, begin func()) { s.get(testNow, "key") }, false},
		"the peer's own change": {func(s *Store, begin func()) { _ = s.ApplyBatch(testNow, part, Live, 1, rec(s)) }, false},
		"the same behind one of ours": {func(s *Store, begin func()) {
			s.set(testNow, string(keyBeside("key")), "v")
			begin()
			_ = s.ApplyBatch(testNow, part, Live, 1, rec(s))
		}, false},
		"and one that goes back, as a grave covers it": {func(s *Store, begin func()) {
			s.set(testNow, "key", "v")
			s.lanes(part)
			s.buryAll(part, s.Clock()+1<<20)
			begin()
			_ = s.ApplyBatch(testNow, part, Live, 1, rec(s))
		}, true},
	} {
		s := newTestStore(t, Config{Replicated: true, LocalKeys: []string{"*.lock"}})
		s.Attach(ID{1}, &State{}, false)
		told := false
		s.SetNotify(func() { told = true })
		begin := func() { s.TakeDirty(); told = false }
		begin()
		test.do(s, begin)
		if told != test.want {
			t.Errorf("%s: told is %v", name, told)
		}
	}
}

func (s *Store) buryAll(part int, version uint64) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buryAll(version)
}

// TestExpires_AtItsMomentAndBeyondTheLast: an item is gone at the millisecond that it names;
// one that is to live beyond what the header holds lives as long as that can say.
func TestExpires_AtItsMomentAndBeyondTheLast(t *testing.T) {
	s := newTestStore(t, Config{})
	for _, expires := range []int64{testNow + 10, testNow + 1<<41, maxExpires, maxExpires + 1, 1<<53 - 1, testNow + 1<<62 + 1} {
		s.Do(testNow, &Request{Op: OpSet, Key: []byte("key"), Value: []byte("v"), Expires: expires})
		if v, _ := s.see(testNow, "key"); v.Expires != min(expires, maxExpires) || v.IdleSeconds != 0 {
			t.Errorf("%d: it expires at %d, idle for %d s", expires, v.Expires, v.IdleSeconds)
		}
		for i, hit := range []bool{true, false} { // just before, and then
			at := min(expires, maxExpires) + int64(i) - 1
			if _, got := s.see(at, "key"); got != hit {
				t.Errorf("%d: there at %d: %v", expires, at, got)
			}
		}
	}
}

// TestIndex_HasNoRoomWhereThePadIsFull: tags at the very end of the range overflow into
// the slots behind the last home. The slot that ends every search stays empty.
func TestIndex_HasNoRoomWhereThePadIsFull(t *testing.T) {
	x := newIndex(make([]uint64, 256))
	n := 0
	for ; n < 100 && x.room(); n++ {
		x.insert(^uint32(0), handle(n+1))
	}
	if n != indexPad || x.slots[len(x.slots)-1] != 0 {
		t.Fatalf("room for %d, the last slot is %x", n, x.slots[len(x.slots)-1])
	}
	same := newIndex(make([]uint64, 256))
	if x.moveTo(&same) {
		t.Error("moved to where there is no room either")
	}
	x.remove(^uint32(0), 1)
	if same = newIndex(make([]uint64, 128)); !x.moveTo(&same) || same.count != n-1 {
		t.Errorf("%d of %d are moved to a smaller one", same.count, n-1)
	}
	crowd := newIndex(make([]uint64, 256))
	for i := range handle(40) {
		crowd.insert(^uint32(0)-1<<28, i+1)
	}
	if small := newIndex(make([]uint64, 64)); crowd.moveTo(&small) {
		t.Error("forty are moved to where thirty-odd fit")
	}
}

// TestIndex_GivesMemoryBack: a partition that is nearly empty again has a small index,
// and all that is left is found.
func TestIndex_GivesMemoryBack(t *testing.T) {
	const part, items, left = 7, 20_000 / testkit.Step, 100
	s := newTestStore(t, Config{})
	keys := keysOf(part, items)
	for _, key := range keys {
		s.set(testNow, string(key), "v")
	}
	for i, key := range keys[left:] {
		s.Do(testNow, &Request{Op: OpDelete, Key: key})
		if n, count := len(s.parts[part].idx.slots), items-left-i-1+left; n > 8*indexMinSlots && n/12 > count {
			t.Fatalf("%d slots for %d items", n, count)
		}
	}
	for _, key := range keys[:left] {
		if _, hit := s.get(testNow, string(key)); !hit {
			t.Fatalf("%s is lost", key)
		}
	}
}

// TestIncr_LeavesTheMarks: a counter that is stale, and that a reader shall renew, is
// that afterwards, too.
func TestIncr_LeavesTheMarks(t *testing.T) {
	s := newTestStore(t, Config{})
	for _, value := range []string{"1", "9"} { // in place, and not
		s.set(testNow, "k", value)
		s.Do(testNow, &Request{Op: OpMark, Key: []byte("k"), Invalidate: true})
		fetchView(s, testNow, Fetch{Key: []byte("k"), MayWin: true})
		s.Do(testNow, &Request{Op: OpIncr, Key: []byte("k"), Delta: 1})
		if v, _ := s.see(testNow, "k"); v.Marks != MarkStale|MarkWon {
			t.Errorf("%s + 1: marks %b", value, v.Marks)
		}
	}
}

// TestTombs_TheOldestIsBuriedFirst: the peer has most likely heard of that one.
func TestTombs_TheOldestIsBuriedFirst(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, TombstoneBytes: 3 * 48})
	keys := keysOf(7, 5)
	for i, key := range keys {
		s.Do(testNow+int64(i), &Request{Op: OpDelete, Key: key})
		if i == 2 {
			s.Attach(ID{1}, &State{}, false)
			s.lanes(7) // they stand in another list then
		}
	}
	for i, key := range keys {
		_, _, ok := s.Inspect(key)
		if buried := s.Buried(key, VersionAt(testNow+int64(i))); ok == buried || buried != (i < 2) {
			t.Errorf("%s: there %v, buried %v, %s", key, ok, buried, fmt.Sprint(s.Stats().Tombstones))
		}
	}
}
