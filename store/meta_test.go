package store

import (
	"fmt"
	"testing"
)

// see is what a reader who leaves no trace sees of a key.
func (s *Store) see(now int64, key string) (v View, ok bool) {
	_, ok = s.Fetch(now, &Fetch{Key: []byte(key), Peek: true}, nil, Render(func(dst []byte, got *View) []byte {
		v = *got
		v.Key, v.Value = nil, append([]byte(nil), got.Value...)
		return dst
	}))
	return v, ok
}

func fetchView(s *Store, now int64, f Fetch) (v View, ok bool) {
	_, ok = s.Fetch(now, &f, nil, Render(func(dst []byte, got *View) []byte { v = *got; return dst }))
	return v, ok
}

func TestMark_MakesANewVersionOfTheSameValue(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	key := []byte("k")
	if got := s.Do(testNow, &Request{Op: OpMark, Key: key, Invalidate: true}).Status; got != NotFound {
		t.Fatalf("on a miss: %v", got)
	}
	first := s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("value"), Flags: 7, Expires: testNow + 9000}).Version
	if got := s.Do(testNow, &Request{Op: OpMark, Key: key, Invalidate: true, Compare: true, CAS: first + 1}).Status; got != Exists {
		t.Fatalf("with another cas: %v", got)
	}
	for _, c := range []struct {
		r       Request
		value   string
		flags   uint32
		expires int64
		marks   Marks
	}{
		{Request{Invalidate: true}, "value", 7, testNow + 9000, MarkStale},
		{Request{Invalidate: true, Touch: true, Expires: testNow + 50}, "value", 7, testNow + 50, MarkStale},
		{Request{Invalidate: true, Empty: true, Flags: 3, Touch: true, Expires: testNow + 70}, "", 3, testNow + 70, MarkStale},
		{Request{Empty: true}, "", 0, 0, 0},
	} {
		before, _ := s.see(testNow, "k")
		c.r.Op, c.r.Key, c.r.Compare, c.r.CAS = OpMark, key, true, before.Version
		res := s.Do(testNow, &c.r)
		v, _ := s.see(testNow, "k")
		if res.Status != Stored || v.Version != res.Version || v.Version <= before.Version ||
			string(v.Value) != c.value || v.Flags != c.flags || v.Expires != c.expires || v.Marks != c.marks {
			t.Errorf("%+v: %+v, now %+v", c.r, res, v)
		}
	}
	s.Do(testNow, &Request{Op: OpMark, Key: key, Invalidate: true, Touch: true, Expires: AlreadyExpired})
	if v, ok := s.see(testNow, "k"); ok {
		t.Errorf("marked and expired at once: %+v", v)
	}
}

func TestFetch_OneReaderWinsUntilTheValueIsNew(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	set := func(expires int64) {
		s.Do(testNow, &Request{Op: OpSet, Key: []byte("k"), Value: []byte("v"), Expires: expires})
	}
	mayWin := Fetch{Key: []byte("k"), MayWin: true, Renew: true, RenewBefore: testNow + 100}
	stale := func() { s.Do(testNow, &Request{Op: OpMark, Key: []byte("k"), Invalidate: true}) }
	for _, c := range []struct {
		name    string
		prepare func()
		f       Fetch
		wins    bool
	}{
		{"fresh for long", func() { set(testNow + 101) }, mayWin, false},
		{"never expires", func() { set(0) }, mayWin, false},
		{"soon to expire", func() { set(testNow + 99) }, mayWin, true},
		{"stale", func() { set(0); stale() }, mayWin, true},
		{"stale, seen by a gat", func() { set(0); stale() }, Fetch{Key: []byte("k"), Touch: true, Expires: testNow + 9000}, false},
		{"stale, seen by me", func() { set(0); stale() }, Fetch{Key: []byte("k"), Peek: true}, false},
		{"prolonged first", func() { set(testNow + 99) },
			Fetch{Key: []byte("k"), MayWin: true, Renew: true, RenewBefore: testNow + 100, Touch: true, Expires: testNow + 5000, AfterTouch: true}, false},
		{"prolonged afterwards", func() { set(testNow + 99) },
			Fetch{Key: []byte("k"), MayWin: true, Renew: true, RenewBefore: testNow + 100, Touch: true, Expires: testNow + 5000}, true},
		{"not there", func() { s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")}) },
			Fetch{Key: []byte("k"), MayWin: true, Create: true, CreateExpires: testNow + 50}, true},
	} {
		c.prepare()
		before, _ := s.see(testNow, "k")
		v, hit := fetchView(s, testNow, c.f)
		after, _ := s.see(testNow, "k")
		if !hit || v.Wins != c.wins || (after.Marks&MarkWon != 0) != c.wins {
			t.Errorf("%s: wins %v, afterwards %+v", c.name, v.Wins, after)
		}
		if !v.Created && after.Version != before.Version {
			t.Errorf("%s: a reader made a new version", c.name)
		}
		if again, _ := fetchView(s, testNow, mayWin); c.wins && (again.Wins || again.Marks&MarkWon == 0) {
			t.Errorf("%s: a second reader wins: %+v", c.name, again)
		}
		set(0)
		if v, _ := s.see(testNow, "k"); v.Marks != 0 {
			t.Errorf("%s: a new value has marks %b", c.name, v.Marks)
		}
	}
}

func TestCAS_AnOlderOneMayStoreAsStale(t *testing.T) {
	s := newTestStore(t, Config{})
	key := []byte("k")
	old := s.set(testNow, "k", "1").Version
	s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("2"), Expires: testNow + 50})
	fetchView(s, testNow, Fetch{Key: key, MayWin: true, Renew: true, RenewBefore: testNow + 60}) // somebody has won
	late := Request{Op: OpCAS, Key: key, Value: []byte("late"), CAS: old, Expires: testNow + 9000}
	if got := s.Do(testNow, &late).Status; got != Exists {
		t.Fatalf("an older cas: %v", got)
	}
	late.Invalidate = true
	if got := s.Do(testNow, &late).Status; got != Stored {
		t.Fatalf("an older cas that may: %v", got)
	}
	v, _ := s.see(testNow, "k")
	if string(v.Value) != "late" || v.Marks != MarkStale|MarkWon || v.Expires != testNow+50 {
		t.Errorf("%q %+v", v.Value, v)
	}
	late.CAS = v.Version + 1
	if got := s.Do(testNow, &late).Status; got != Exists {
		t.Errorf("a cas of the future: %v", got)
	}
}

func TestCreate_CountersAndAppends(t *testing.T) {
	s := newTestStore(t, Config{})
	incr := Request{Op: OpIncr, Key: []byte("n"), Delta: 5, Create: true, Initial: 40, CreateExpires: testNow + 99}
	if r := s.Do(testNow, &incr); r.Status != Created || r.Number != 40 || r.Expires != testNow+99 {
		t.Errorf("made: %+v", r)
	}
	if r := s.Do(testNow, &incr); r.Status != Stored || r.Number != 45 || r.Expires != testNow+99 {
		t.Errorf("there: %+v", r)
	}
	incr.Touch, incr.Expires = true, testNow+500
	if r := s.Do(testNow, &incr); r.Number != 50 || r.Expires != testNow+500 {
		t.Errorf("touched: %+v", r)
	}
	appends := Request{Op: OpAppend, Key: []byte("a"), Value: []byte("xy"), Flags: 4}
	if r := s.Do(testNow, &appends); r.Status != NotStored {
		t.Errorf("nothing to append to: %+v", r)
	}
	appends.Create, appends.CreateExpires = true, testNow+70
	for i, want := range []string{"xy", "xyxy"} {
		r := s.Do(testNow, &appends)
		v, _ := s.see(testNow, "a")
		if r.Status != Stored || r.Number != uint64(len(want)) || string(v.Value) != want || v.Flags != 4 || v.Expires != testNow+70 {
			t.Errorf("append %d: %+v, %q %+v", i, r, v.Value, v)
		}
	}
}

// TestMarks_OutliveTheCleaner: marks and the time of the last read move with an item.
func TestMarks_OutliveTheCleaner(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 4 << 20, MaxItemBytes: 1 << 16})
	var kept []string
	for i := range 200 {
		k := fmt.Sprintf("kept%d", i)
		s.set(testNow, k, "value")
		s.Do(testNow, &Request{Op: OpMark, Key: []byte(k), Invalidate: true})
		fetchView(s, testNow, Fetch{Key: []byte(k), MayWin: true})
		kept = append(kept, k)
	}
	filler := make([]byte, 5000)
	for i := 0; s.Stats().Evictions < 500; i++ {
		for _, k := range kept { // read often enough to be spared
			s.see(testNow, k)
			fetchView(s, testNow+5000, Fetch{Key: []byte(k)})
		}
		for j := range 20 {
			s.Do(testNow, &Request{Op: OpSet, Key: fmt.Appendf(nil, "f%d.%d", i, j), Value: filler})
		}
	}
	left := 0
	for _, k := range kept {
		v, ok := s.see(testNow+9000, k)
		if !ok {
			continue
		}
		left++
		if v.Marks != MarkStale|MarkWon || v.IdleSeconds != 4 || !v.Fetched {
			t.Fatalf("%s was moved: %+v", k, v)
		}
	}
	if left == 0 {
		t.Error("none is left")
	}
}

func TestMerge_WonBelongsToTheExpiry(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := []byte("k")
	v := VersionAt(testNow) + 1
	apply := func(r Record) View {
		t.Helper()
		r.Key = key
		if err := s.ApplyBatch(testNow, PartitionOf(key), Live, 1, []Record{r}); err != nil {
			t.Fatal(err)
		}
		got, _ := s.see(testNow, "k")
		return got
	}
	if got := apply(Record{Version: v, ExpVersion: v, Value: []byte("a"), Marks: MarkStale}); got.Marks != MarkStale {
		t.Errorf("a stale value: %+v", got)
	}
	if got := apply(Record{Op: RecordTouch, Version: v, ExpVersion: v + 2, Marks: MarkWon}); got.Marks != MarkStale|MarkWon {
		t.Errorf("then won: %+v", got)
	}
	if got := apply(Record{Op: RecordTouch, Version: v, ExpVersion: v + 1}); got.Marks != MarkStale|MarkWon {
		t.Errorf("an older touch: %+v", got)
	}
	if got := apply(Record{Version: v, ExpVersion: v + 3, Value: []byte("a"), Marks: MarkStale}); got.Marks != MarkStale {
		t.Errorf("the value with a newer touch: %+v", got)
	}
	if got := apply(Record{Version: v + 5, ExpVersion: v + 5, Value: []byte("b")}); got.Marks != 0 {
		t.Errorf("a new value: %+v", got)
	}
}

// TestDo_ACompareWithZeroMatchesNothing: 0 is the version of no item, and no way to
// say that nothing is to be compared.
func TestDo_ACompareWithZeroMatchesNothing(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.set(testNow, "k", "5")
	before, _ := s.see(testNow, "k")
	for op := OpSet; op <= OpMark; op++ {
		if op == OpAdd || op == OpDrop || op == OpTouch {
			continue // they look at no CAS
		}
		for _, r := range []Request{{}, {Invalidate: true}, {Empty: true}, {Create: true}, {Touch: true, Expires: AlreadyExpired}} {
			r.Op, r.Key, r.Value, r.Compare = op, []byte("k"), []byte("6"), true
			if op == OpCAS {
				r.Compare = false // it always compares
			}
			if got := s.Do(testNow, &r); got.Status != Exists {
				t.Errorf("%+v answered %+v", r, got)
			}
		}
	}
	if after, _ := s.see(testNow, "k"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%+v has become %+v", before, after)
	}
}
