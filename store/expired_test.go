package store

import "testing"

// TestMerge_ExpiredValueGivesWayToALaterTouch: two nodes touched one version. The
// later touch keeps it alive, though the other one arrives expired.
func TestMerge_ExpiredValueGivesWayToALaterTouch(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("touched")
	v := s.set(testNow, "touched", "v").Version
	s.Do(testNow+10, &Request{Op: OpTouch, Key: key, Expires: testNow + 60_000})
	merge := func(ever uint64, expires int64) {
		t.Helper()
		r := Record{Key: key, Version: v, Ever: ever, Expires: expires, Value: []byte("v")}
		if err := s.ApplyBatch(testNow+20, PartitionOf(key), Live, 1, []Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	merge(v+64, testNow+15)
	if _, ok := s.get(testNow+20, "touched"); !ok {
		t.Fatal("an earlier touch has removed what a later one keeps")
	}
	merge(s.Clock()+64, testNow+15) // a touch that is later still, and expired
	if _, ok := s.get(testNow+20, "touched"); ok {
		t.Error("a later touch let it expire, and it is served")
	}
	s.set(testNow+20, "touched", "older")
	v = s.Clock() + 64
	merge(v, testNow+15)
	if _, ok := s.get(testNow+20, "touched"); ok {
		t.Error("a newer value has expired, and the one that it replaced is served")
	}
}
