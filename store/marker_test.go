package store

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
)

// scan stores n items that nobody reads, the first one named from.
func (s *Store) scan(from, n int) {
	var key []byte
	value := make([]byte, 100)
	for i := range n {
		key = fmt.Appendf(key[:0], "key:of:20:bytes:%d", from+i)
		s.Do(testNow, &Request{Op: OpSet, Key: key, Value: value})
	}
}

// TestMarkers_TakeLittleWhileThePeerIsAway: the store holds nearly what it would hold if
// there were no peer at all.
func TestMarkers_TakeLittleWhileThePeerIsAway(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine")
	}
	const memory = 16 << 20
	items := map[bool]uint64{}
	for _, replicated := range []bool{false, true} {
		s := newTestStore(t, Config{MemoryBytes: memory, Replicated: replicated, GraveBits: 1}) // the filters have a fixed size: too large for this memory
		s.scan(0, memory/152*3)
		st := s.Stats()
		items[replicated] = st.Items
		if most := uint64(s.tombBudget.Load()/markerPart + 64); st.TombstoneBytes > most {
			t.Errorf("markers take %d bytes of %d", st.TombstoneBytes, most)
		}
	}
	if items[true] < items[false]*97/100 {
		t.Errorf("%d items, and %d without a peer", items[true], items[false])
	}
}

// TestMarkers_ManyAreBuried: what goes leaves a marker or is buried, so that an older copy
// of the peer's does not come back.
func TestMarkers_ManyAreBuried(t *testing.T) {
	const memory = 4 << 20
	s := newTestStore(t, Config{MemoryBytes: memory, Replicated: true})
	s.scan(0, memory/152*2)
	marked, buried := 0, 0
	for i := range memory / 152 * 2 {
		key := fmt.Appendf(nil, "key:of:20:bytes:%d", i)
		older := VersionAt(testNow - 1000)
		s.apply(t, Record{Key: key, Version: older, ExpVersion: older, Value: []byte("older")})
		if got, _ := s.get(testNow, string(key)); got == "older" {
			t.Fatalf("%s: what was there before it was evicted is back", key)
		}
		switch r, _, ok := s.Inspect(key); {
		case ok && r.Op == RecordTombstone:
			marked++
		case !ok:
			buried++
		}
	}
	if marked == 0 || buried == 0 {
		t.Errorf("%d leave a marker, %d are buried", marked, buried)
	}
}

// TestMarkers_HaveTheBudgetWhileThePeerIsThere: it is soon to acknowledge them, and a grave
// would cost it more.
func TestMarkers_HaveTheBudgetWhileThePeerIsThere(t *testing.T) {
	if testkit.Race {
		t.Skip("one goroutine")
	}
	const memory = 16 << 20
	s := newTestStore(t, Config{MemoryBytes: memory, Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	s.scan(0, memory/152*3)
	if got, budget := s.Stats().TombstoneBytes, uint64(s.tombBudget.Load()); got < budget*9/10 {
		t.Errorf("markers take %d bytes of %d", got, budget)
	}
}

// TestMarkers_ADeleteIsNone: one in the place of a marker counts as what it is.
func TestMarkers_ADeleteIsNone(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.set(testNow, "key", "value")
	s.Evict(testNow, []byte("key"))
	if got := s.markerBytes.Load(); got == 0 || got != s.tombBytes.Load() {
		t.Errorf("a marker counts as %d bytes of %d", got, s.tombBytes.Load())
	}
	s.Do(testNow, &Request{Op: OpDelete, Key: []byte("key")})
	if got := s.markerBytes.Load(); got != 0 || s.tombBytes.Load() == 0 {
		t.Errorf("a delete counts as a marker of %d bytes", got)
	}
}
