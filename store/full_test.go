package store

import (
	"fmt"
	"testing"
)

// full is a store without room for a tombstone, that evicts nothing, and the keys it holds.
func full(t testing.TB) (s *Store, names []string) {
	s = newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 64 << 10, Replicated: true, NoEviction: true})
	for size := 1000; size >= 0; {
		k := fmt.Sprintf("k%05d", len(names))
		if s.set(testNow, k, string(make([]byte, size))).Status == Stored {
			names = append(names, k)
			continue
		}
		size -= 500
	}
	return s, names
}

// TestFull_DeletesAnswerWhatTheyDid: a delete needs no memory, and is remembered all the same.
func TestFull_DeletesAnswerWhatTheyDid(t *testing.T) {
	s, names := full(t)
	del := func(key string, cas uint64, compare bool) Status {
		return s.Do(testNow, &Request{Op: OpDelete, Key: []byte(key), CAS: cas, Compare: compare}).Status
	}
	buried := func() (n uint64) {
		for part := range Partitions {
			n += s.GraveGen(part)
		}
		return n
	}
	s.Attach(ID{1}, &State{}, false)
	before := buried()
	for i := 0; buried() == before; i++ { // until no tombstone finds memory any more
		if got := del(fmt.Sprint("missing", i), 0, false); got != NotFound {
			t.Fatalf("number %d of keys that are not there: status %d", i, got)
		}
		if i == 100_000 {
			t.Fatal("the store has memory without end")
		}
	}
	if got := del(names[0], 7, true); got != Exists {
		t.Errorf("of another version: status %d", got)
	}
	if got := del(names[0], 0, false); got != Deleted {
		t.Errorf("of a key that is there: status %d", got)
	}
	if _, hit := s.get(testNow, names[0]); hit {
		t.Error("it is there still")
	}
	if got := del(names[0], 0, false); got != NotFound {
		t.Errorf("once more: status %d", got)
	}
	st := s.Stats()
	if st.DeleteHits != 1 || st.StoreNoMemory == 0 {
		t.Errorf("%d hits are counted, and %d stores refused", st.DeleteHits, st.StoreNoMemory)
	}
	// Nothing older of the key comes back from the peer.
	old := Record{Key: []byte(names[0]), Version: VersionAt(testNow - 1000), ExpVersion: VersionAt(testNow - 1000), Value: []byte("old")}
	if err := s.ApplyBatch(testNow, PartitionOf(old.Key), Live, 1, []Record{old}); err != nil {
		t.Fatal(err)
	}
	if _, hit := s.get(testNow, names[0]); hit {
		t.Error("an older value is back")
	}
}
