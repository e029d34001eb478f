package store

import "testing"

// TestHeld_CountsWhatWouldBeLost: no deletes, nothing that has expired or was
// flushed, and no local keys; what the peer has acknowledged or sent counts.
func TestHeld_CountsWhatWouldBeLost(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, LocalKeys: []string{"*.lock"}})
	set := func(key string, expires int64) {
		t.Helper()
		if r := s.Do(testNow, &Request{Op: OpSet, Key: []byte(key), Value: []byte("v"), Expires: expires}); r.Status != Stored {
			t.Fatalf("set %s: %v", key, r.Status)
		}
	}
	held := func(now int64, want uint64) {
		t.Helper()
		if got := s.Held(now); got != want {
			t.Fatalf("%d items, want %d", got, want)
		}
	}
	held(testNow, 0)
	set("flushed", 0)
	s.Flush(testNow)
	held(testNow, 0)
	set("kept", 0)
	set("expires", testNow+1000)
	set("deleted", 0)
	set("session.lock", 0)
	s.Do(testNow, &Request{Op: OpDelete, Key: []byte("deleted")})
	held(testNow, 2)
	held(testNow+1000, 1)
	s.Attach(ID{1}, &State{}, false)
	key := []byte("sent")
	if err := s.ApplyBatch(testNow, PartitionOf(key), Live, 1, []Record{{Key: key, Value: []byte("v"), Version: s.Clock() + 1<<20, ExpVersion: s.Clock() + 1<<20}}); err != nil {
		t.Fatal(err)
	}
	held(testNow+1000, 2)
}
