package store

import (
	"fmt"
	"testing"
)

// TestMerge_ExpiredValueGivesWayToALaterTouch: two nodes touched one version. The
// later touch keeps it alive, though the other one arrives expired.
func TestMerge_ExpiredValueGivesWayToALaterTouch(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("touched")
	v := s.set(testNow, "touched", "v").Version
	s.Do(testNow+10, &Request{Op: OpTouch, Key: key, Expires: testNow + 60_000})
	merge := func(expVersion uint64, expires int64) {
		t.Helper()
		r := Record{Key: key, Version: v, ExpVersion: expVersion, Expires: expires, Value: []byte("v")}
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

// TestExpired_ACommandThatFindsItCounts: the sweep leaves an item that has just expired
// to whoever asks for it, and each command that comes upon one is counted, once.
func TestExpired_ACommandThatFindsItCounts(t *testing.T) {
	commands := map[string]func(s *Store, now int64){
		"get":   func(s *Store, now int64) { s.get(now, "k") },
		"fetch": func(s *Store, now int64) { fetchView(s, now, Fetch{Key: []byte("k"), Create: true}) },
	}
	for op := OpSet; op <= OpMark; op++ {
		commands[fmt.Sprint("op ", op)] = func(s *Store, now int64) {
			s.Do(now, &Request{Op: op, Key: []byte("k"), Value: []byte("1"), Invalidate: op == OpMark})
		}
	}
	for name, command := range commands {
		s := newTestStore(t, Config{Replicated: true})
		s.Do(testNow, &Request{Op: OpSet, Key: []byte("k"), Value: []byte("1"), Expires: testNow + 100})
		for range 5 {
			s.Tick(testNow + 1000)
		}
		fetchView(s, testNow+1000, Fetch{Key: []byte("k"), Peek: true})
		if got := s.Stats().GetExpired; got != 0 {
			t.Errorf("%s: %d before it", name, got)
		}
		command(s, testNow+1000)
		command(s, testNow+1000)
		if got := s.Stats().GetExpired; got != 1 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// TestSweep_TakesWhatHasJustExpiredIfAskedTo: "lru_crawler crawl" does not wait.
func TestSweep_TakesWhatHasJustExpiredIfAskedTo(t *testing.T) {
	s := newTestStore(t, Config{})
	s.Do(testNow, &Request{Op: OpSet, Key: []byte("k"), Value: []byte("1"), Expires: testNow + 100})
	s.Tick(testNow + 101)
	if got := s.Stats().Items; got != 1 {
		t.Fatalf("%d items are left", got)
	}
	s.Crawl()
	s.Tick(testNow + 102)
	if got := s.Stats().Items; got != 0 {
		t.Errorf("%d items are left", got)
	}
}

// TestHistory_StaysWithAnItemThatStaysTheSame: what memcached changes in place keeps the
// time of its last read, and that it was read; looking at it without leave notes nothing.
func TestHistory_StaysWithAnItemThatStaysTheSame(t *testing.T) {
	key := []byte("k")
	for _, c := range []struct {
		name string
		do   func(s *Store, now int64)
		new  bool // the item is another one
	}{
		{"incr", func(s *Store, now int64) { s.Do(now, &Request{Op: OpIncr, Key: key, Delta: 1}) }, false},
		{"incr to more digits", func(s *Store, now int64) { s.Do(now, &Request{Op: OpIncr, Key: key, Delta: 100}) }, true},
		{"invalidate", func(s *Store, now int64) { s.Do(now, &Request{Op: OpMark, Key: key, Invalidate: true}) }, false},
		{"empty", func(s *Store, now int64) { s.Do(now, &Request{Op: OpMark, Key: key, Empty: true}) }, true},
		{"set", func(s *Store, now int64) { s.set(now, "k", "2") }, true},
		{"add", func(s *Store, now int64) { s.Do(now, &Request{Op: OpAdd, Key: key, Value: key}) }, false},
		{"quiet touch", func(s *Store, now int64) { fetchView(s, now, Fetch{Key: key, Touch: true, Quiet: true}) }, false},
	} {
		for _, read := range []bool{false, true} {
			s := newTestStore(t, Config{})
			s.set(testNow, "k", "5")
			if read {
				s.get(testNow+1000, "k")
			}
			c.do(s, testNow+5000)
			if v, _ := s.see(testNow+5000, "k"); v.Fetched != (read && !c.new) {
				t.Errorf("%s, read before %v: fetched %v", c.name, read, v.Fetched)
			}
		}
	}
}
