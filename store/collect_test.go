package store

import "testing"

// A change that is gone before it was sent leaves nothing to send: the cursor
// passes it, and nobody waits for a backlog that never ends.
func TestCollect_PassesChangesOfItemsThatAreGone(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	part := PartitionOf([]byte("gone"))
	s.set(testNow, "gone", "value")
	s.Flush(testNow)
	for range 20 { // the sweep reaches every partition
		s.Tick(testNow + 1)
	}
	if n := s.Stats().Items; n != 0 {
		t.Fatalf("%d items after a flush and a sweep", n)
	}
	sent := s.Collect(part, Live, 10, 1000, func(*Record) { t.Error("something is sent") })
	if at, tail := s.SentCursor(part).B, s.Tail(part); tail == 0 || at != tail || sent.Moved || sent.More {
		t.Errorf("the cursor stands at %d of %d, %+v", at, tail, sent)
	}
}
