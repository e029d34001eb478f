package store

import (
	"slices"
	"testing"
)

// lanes sends what both lanes of a partition have and returns the keys, by lane.
func (s *Store) lanes(part int) (live, bulk []string) {
	for _, lane := range []Lane{Live, Bulk} {
		for i, more := 0, true; more && i < 10_000; i++ { // a lane that does not move ends, too
			more = s.Collect(part, lane, 1, 1<<20, func(r *Record) {
				if lane == Live {
					live = append(live, string(r.Key))
				} else {
					bulk = append(bulk, string(r.Key))
				}
			}).More
		}
	}
	return live, bulk
}

// TestAttach_GoesOnWhereThePeerStands: a cursor {a, t, b} stands for [0,a] and (t,b]. The
// bulk lane sends (a,t], the live lane what is above b; a cursor that cannot be counts for nothing.
func TestAttach_GoesOnWhereThePeerStands(t *testing.T) {
	const part = 7
	for _, test := range []struct {
		c          Cursor
		bulk, live [2]int // first and last sequence
		unacked    uint64
		anew       bool
	}{
		{c: Cursor{10, 10, 10}},
		{c: Cursor{4, 4, 4}, live: [2]int{5, 10}, unacked: 6},
		{c: Cursor{2, 6, 8}, bulk: [2]int{3, 6}, live: [2]int{9, 10}, unacked: 6},
		{c: Cursor{0, 6, 6}, bulk: [2]int{1, 6}, live: [2]int{7, 10}, unacked: 10},
		{c: Cursor{11, 11, 11}, anew: true},
		{c: Cursor{7, 6, 8}, anew: true},
		{c: Cursor{2, 9, 8}, anew: true},
		{c: Cursor{}, anew: true},
	} {
		s := newTestStore(t, Config{Replicated: true})
		s.Attach(ID{1}, &State{}, false)
		var keys []string
		for _, key := range keysOf(part, 10) {
			keys = append(keys, string(key))
			s.set(testNow, string(key), "v")
		}
		s.lanes(part)
		s.Detach()
		st := State{Items: 1}
		st.Cursors[part] = test.c
		starts := s.Attach(ID{1}, &st, true)
		if test.anew {
			test.bulk, test.unacked = [2]int{1, 10}, 10
		}
		if (len(starts) != 0) != test.anew || s.Unacked() != test.unacked {
			t.Errorf("%v: %d copies begin, %d are unacknowledged", test.c, len(starts), s.Unacked())
		}
		part7 := func(r [2]int) []string { return keys[max(0, r[0]-1):r[1]] }
		if live, bulk := s.lanes(part); !slices.Equal(bulk, part7(test.bulk)) || !slices.Equal(live, part7(test.live)) {
			t.Errorf("%v: the bulk lane sends %v, the live lane %v", test.c, bulk, live)
		}
	}
}

// TestAttach_ACursorFromBeforeTheCopyBeginsItAnew: the copy that was announced last is
// not behind that cursor.
func TestAttach_ACursorFromBeforeTheCopyBeginsItAnew(t *testing.T) {
	const part = 7
	s := newTestStore(t, Config{Replicated: true})
	s.set(testNow, string(keysOf(part, 1)[0]), "v")
	first := s.Attach(ID{1}, &State{}, false)
	st := State{Items: 1}
	st.Cursors[part] = Cursor{first[0].T, first[0].T, first[0].T}
	s.Detach()
	if again := s.Attach(ID{1}, &State{}, false); len(again) != 1 || again[0].T <= first[0].T {
		t.Fatalf("the second copy: %+v, the first %+v", again, first)
	}
	s.Detach()
	if third := s.Attach(ID{1}, &st, true); len(third) != 1 {
		t.Errorf("it goes on at a cursor that the second copy has made nothing of")
	}
}

// TestBulk_WhatChangesBehindTheWalkGoesLive: an item that the bulk lane has sent changes
// before the live lane has begun.
func TestBulk_WhatChangesBehindTheWalkGoesLive(t *testing.T) {
	const part = 7
	s := newTestStore(t, Config{Replicated: true})
	key := string(keysOf(part, 1)[0])
	s.set(testNow, key, "v")
	s.Attach(ID{1}, &State{}, false)
	s.Collect(part, Bulk, 10, 1<<20, func(*Record) {})
	s.set(testNow, key, "w")
	sent := ""
	s.Collect(part, Live, 10, 1<<20, func(r *Record) { sent += string(r.Value) })
	if sent != "w" {
		t.Errorf("sent %q", sent)
	}
}

// TestGrave_ASaturatedOneMakesEverythingUnacknowledged: the peer may give up what it had,
// and an ACK of what was sent before the copy says nothing of that.
func TestGrave_ASaturatedOneMakesEverythingUnacknowledged(t *testing.T) {
	const part = 7
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := keysOf(part, 1)[0]
	s.set(testNow, string(key), "v")
	s.lanes(part)
	before := s.SentCursor(part)
	s.Acked(part, before)
	if _, acked, _ := s.Inspect(key); !acked {
		t.Fatal("it is not acknowledged")
	}
	s.parts[part].buryAll(s.Clock())
	if _, _, bulk, due := s.NextGrave(part, nil); !bulk || !due {
		t.Fatal("no copy begins")
	}
	for _, late := range []bool{false, true} {
		if late {
			s.Acked(part, before)
		}
		if _, acked, _ := s.Inspect(key); acked {
			t.Errorf("it counts as acknowledged; a late ACK: %v", late)
		}
	}
}

// TestBulkBegun_ForgetsWhatWasHeld: a copy that begins anew owes everything up to its end.
func TestBulkBegun_ForgetsWhatWasHeld(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	for range 2 {
		s.BulkBegun(7, 20)
		if got := s.State().Cursors[7]; got != (Cursor{0, 20, 20}) {
			t.Errorf("%+v", got)
		}
		if err := s.ApplyBatch(testNow, 7, Bulk, 5, nil); err != nil {
			t.Fatal(err)
		}
		if got := s.State().Cursors[7]; got != (Cursor{5, 20, 20}) {
			t.Errorf("%+v", got)
		}
	}
	s.BulkDone(7)
	if got := s.State().Cursors[7]; got != (Cursor{20, 20, 20}) {
		t.Errorf("%+v", got)
	}
}

// TestSweep_GoesOnWhereItStood: what it stands on moves to the end of the list, and the
// sweep passes everything all the same.
func TestSweep_GoesOnWhereItStood(t *testing.T) {
	const part, items = 7, 3 * sweepChunk
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	keys := keysOf(part, items)
	for _, key := range keys {
		s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("v"), Expires: testNow + 100})
	}
	for _, key := range keys { // so that each has the room for it, and stays where it is
		s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 100})
	}
	s.lanes(part)
	p := &s.parts[part]
	var oldest [SizeClasses]int64
	for i := 0; i < items; i += sweepChunk {
		p.sweepSome(testNow, &oldest)
		if i < 2*sweepChunk {
			s.Do(testNow, &Request{Op: OpTouch, Key: keys[i+sweepChunk], Expires: testNow + 100})
		}
	}
	passed := uint64(0)
	for _, row := range p.stats.class {
		passed += row.CrawlerChecked
	}
	if passed != items {
		t.Errorf("it has passed %d items of %d", passed, items)
	}
}

// TestTouch_TwiceTravelsWithTheValue: the first touch is not acknowledged, so the second
// one cannot count on the peer's having the value.
func TestTouch_TwiceTravelsWithTheValue(t *testing.T) {
	const part = 7
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	key := keysOf(part, 1)[0]
	s.set(testNow, string(key), "v")
	s.lanes(part)
	s.Acked(part, s.SentCursor(part))
	var ops []RecordOp
	for range 2 {
		s.Do(testNow, &Request{Op: OpTouch, Key: key})
		s.Collect(part, Live, 10, 1<<20, func(r *Record) { ops = append(ops, r.Op) })
	}
	if !slices.Equal(ops, []RecordOp{RecordTouch, RecordValue}) {
		t.Errorf("they travel as %v", ops)
	}
}
