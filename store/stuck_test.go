package store

import (
	"fmt"
	"testing"
)

// stuckStore evicts, but has nothing left that it could: clients read all its large items, and
// keys are its small ones, which have just been moved. It has no memory to move one again.
func stuckStore(t *testing.T, prepare func(s *Store, key []byte)) (s *Store, keys [][]byte) {
	t.Helper()
	s = newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16})
	hot := make([][]byte, 64)
	for i := range hot {
		hot[i] = fmt.Appendf(nil, "hot-%d", i)
		s.set(testNow, string(hot[i]), "v")
		prepare(s, hot[i])
	}
	for i := 0; i%100 != 0 || s.Stats().Evictions < 200; i++ { // what is read is not evicted, but moved
		for j := range 4 {
			s.get(testNow, string(hot[(4*i+j)%len(hot)]))
		}
		s.set(testNow, fmt.Sprint("cold-", i), string(make([]byte, 900)))
	}
	fill := func(size int) {
		for i := range 3000 {
			key := fmt.Sprint("fill-", size, "-", i)
			if s.set(testNow, key, string(make([]byte, size))).Status != Stored {
				break
			}
			if size > 16<<10 {
				t.Cleanup(s.pinned(t, key).Release)
			}
		}
	}
	for size := 60_000; size > 16<<10; size /= 2 {
		fill(size)
	}
	fill(900)
	fill(0)
	for _, key := range hot {
		if _, hit := s.see(testNow, string(key)); hit && s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 1}).Status == NoMemory {
			keys = append(keys, key)
		}
	}
	if len(keys) < 3 {
		t.Fatalf("%d items are stuck: the test shows nothing", len(keys))
	}
	return s, keys
}

// TestNoMemory_ATouchWithoutLosesNothing: a read that sets an expiry in the future fails as a
// touch does, and the item is there as before.
func TestNoMemory_ATouchWithoutLosesNothing(t *testing.T) {
	s, keys := stuckStore(t, func(*Store, []byte) {})
	before := s.Stats().StoreNoMemory
	for i, key := range keys {
		was, _ := s.see(testNow, string(key))
		pin := new(Pinned)
		f := Fetch{Key: key, Touch: true, Expires: int64(i%2) * (testNow + 1000), Create: i%3 == 0, MayWin: true, Pin: pin}
		out, hit := s.Fetch(testNow, &f, []byte("before "), Render(renderValue))
		if hit || string(out) != "before " || !f.NoMemory || pin.Value() != nil {
			t.Errorf("%s: %q, hit %v, no memory %v", key, out, hit, f.NoMemory)
		}
		if is, ok := s.see(testNow, string(key)); !ok || is.Expires != was.Expires || is.Version != was.Version {
			t.Errorf("%s: there %v, %+v was %+v", key, ok, is, was)
		}
	}
	if n := s.Stats().StoreNoMemory - before; n != uint64(len(keys)) {
		t.Errorf("%d of %d are counted", n, len(keys))
	}
}

// TestNoMemory_ATouchThatEndsTheItemDoesSo: it is read for the last time.
func TestNoMemory_ATouchThatEndsTheItemDoesSo(t *testing.T) {
	s, keys := stuckStore(t, func(*Store, []byte) {})
	for _, key := range keys {
		f := Fetch{Key: key, Touch: true, Expires: AlreadyExpired}
		if out, hit := s.Fetch(testNow, &f, nil, Render(renderValue)); !hit || string(out) != "v" || f.NoMemory {
			t.Errorf("%s: %q, hit %v, no memory %v", key, out, hit, f.NoMemory)
		}
		if _, hit := s.get(testNow, string(key)); hit {
			t.Errorf("%s is still there", key)
		}
	}
}

// TestNoMemory_NobodyWinsWhoIsNotNoted: the value is served, and no reader is told to renew it.
func TestNoMemory_NobodyWinsWhoIsNotNoted(t *testing.T) {
	s, keys := stuckStore(t, func(s *Store, key []byte) { s.Do(testNow, &Request{Op: OpMark, Key: key, Invalidate: true}) })
	for _, key := range keys {
		for range 2 {
			var look Look
			v, hit := fetchView(s, testNow, Fetch{Key: key, MayWin: true, Create: true, Look: &look})
			if !hit || v.Wins || v.Marks != MarkStale || look.Presence != Present {
				t.Errorf("%s: hit %v, wins %v, marks %b, %+v", key, hit, v.Wins, v.Marks, look)
			}
		}
	}
}
