package store

import (
	"fmt"
	"testing"
)

// TestShape_AnItemCostsWhatItNeeds: what an item does not have takes no memory.
func TestShape_AnItemCostsWhatItNeeds(t *testing.T) {
	for _, c := range []struct {
		name  string
		head  int
		flags uint32
		until int64
		touch bool
	}{
		{"plain", 32, 0, 0, false},
		{"flags", 36, 1, 0, false},
		{"expires", 40, 0, testNow + 1000, false},
		{"flags, expires", 44, 1, testNow + 1000, false},
		{"touched", 48, 0, 0, true},
		{"flags, touched", 52, 1, testNow + 1000, true},
	} {
		s, key := newTestStore(t, Config{}), []byte("key")
		s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("value"), Flags: c.flags, Expires: c.until})
		if c.touch {
			s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 2000})
		}
		if got := int(s.Stats().Bytes) - len("key"+"value"); got != c.head {
			t.Errorf("%s: %d bytes beside key and value, not %d", c.name, got, c.head)
		}
	}
}

// TestShape_ATouchLeavesTheRestAlone: the item moves for it, unless it has the room.
func TestShape_ATouchLeavesTheRestAlone(t *testing.T) {
	for _, bytes := range []int{5, 3000, 200_000} {
		for _, expires := range []int64{0, testNow + 1000} {
			s, key := newTestStore(t, Config{Replicated: true}), "key"
			value := string(pattern(bytes, 1))
			s.Do(testNow, &Request{Op: OpSet, Key: []byte(key), Value: []byte(value), Flags: 7, Expires: expires})
			s.Do(testNow, &Request{Op: OpMark, Key: []byte(key), Invalidate: true})
			s.set(testNow, "another", "a")
			s.get(testNow, key)
			before, _ := s.see(testNow, key)
			s.Do(testNow, &Request{Op: OpTouch, Key: []byte(key), Expires: testNow + 5000})
			after, ok := s.see(testNow, key)
			switch {
			case !ok || after.Expires != testNow+5000:
				t.Fatalf("%d bytes: there %v, expires %d", bytes, ok, after.Expires)
			case after.Version != before.Version || after.Flags != 7 || after.Marks != MarkStale || !after.Fetched:
				t.Errorf("%d bytes: %+v was %+v", bytes, after, before)
			}
			if got, _ := s.get(testNow, key); got != value {
				t.Errorf("%d bytes: the value is another one", bytes)
			}
			s.Do(testNow, &Request{Op: OpTouch, Key: []byte(key)})
			if after, _ := s.see(testNow+1<<40, key); after.Expires != 0 || after.Flags != 7 {
				t.Errorf("%d bytes: touched to never expire: %+v", bytes, after)
			}
		}
	}
}

// TestShape_InPlaceOnlyWhereThereIsRoom: a new value of the same size, with flags and an
// expiry that the old one did not have, and the other way round.
func TestShape_InPlaceOnlyWhereThereIsRoom(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	for _, flags := range []uint32{0, 5, 0} {
		for _, expires := range []int64{0, testNow + 1000, 0} {
			for _, touched := range []int64{0, testNow + 3000} {
				s.Do(testNow, &Request{Op: OpSet, Key: []byte("key"), Value: []byte("val"), Flags: flags, Expires: expires})
				want := expires
				if touched != 0 {
					want = touched
					s.Do(testNow, &Request{Op: OpTouch, Key: []byte("key"), Expires: touched})
				}
				s.Do(testNow, &Request{Op: OpAppend, Key: []byte("key"), Value: []byte("s")})
				if got, _ := s.Get(testNow, []byte("key"), nil, renderAll); string(got) != fmt.Sprintf("key %d %d %d vals", flags, s.Clock(), want) {
					t.Errorf("flags %d, expires %d, touched %d: %s at %d", flags, expires, touched, got, s.Clock())
				}
			}
		}
	}
}

// TestShape_ATouchTakesMemoryFromOthers: in a store that is full and evicts.
func TestShape_ATouchTakesMemoryFromOthers(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16})
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	n := 0
	for ; n%256 != 0 || s.Stats().Evictions == 0; n++ {
		s.Do(testNow, &Request{Op: OpSet, Key: key(n), Value: make([]byte, 500)})
	}
	touched := 0
	for i := range n {
		switch r := s.Do(testNow, &Request{Op: OpTouch, Key: key(i), Expires: testNow + 1000}); r.Status {
		case Touched:
			touched++
			if v, ok := s.see(testNow, string(key(i))); !ok || v.Expires != testNow+1000 {
				t.Fatalf("%s: there %v, expires %d", key(i), ok, v.Expires)
			}
		case NotFound:
		default:
			t.Fatalf("%s: status %d", key(i), r.Status)
		}
	}
	if touched < n/2 || s.Stats().DirectReclaims == 0 {
		t.Errorf("%d of %d were touched: the test shows nothing", touched, n)
	}
}

// TestShape_ATouchOfThePeersTakesMemoryFromOthers: as one of a client.
func TestShape_ATouchOfThePeersTakesMemoryFromOthers(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	var recs []Record
	v := VersionAt(testNow)
	for i := 0; i%256 != 0 || s.Stats().Evictions == 0; i++ {
		v += 1 << slotBits
		recs = append(recs, Record{Key: fmt.Appendf(nil, "key-%d", i), Version: v, ExpVersion: v, Value: make([]byte, 500)})
		s.apply(t, recs[i])
	}
	touched := 0
	for _, r := range recs {
		v += 1 << slotBits
		r.Op, r.Value, r.ExpVersion, r.Expires = RecordTouch, nil, v, testNow+1000
		s.apply(t, r)
		if got, _, ok := s.Inspect(r.Key); ok {
			touched++
			if got.Expires != r.Expires || got.ExpVersion != v || len(got.Value) != 500 {
				t.Fatalf("%s: %d %d %d", r.Key, got.Expires, got.ExpVersion, len(got.Value))
			}
		}
	}
	if st := s.Stats(); touched < len(recs)/2 || st.ApplyNoMemory != 0 || st.Reclaims == 0 {
		t.Errorf("%d of %d were touched, %d had no memory", touched, len(recs), st.ApplyNoMemory)
	}
}

// TestNoMemory_ATouchNeedsNone: where nothing is evicted, a touch, also one that comes with
// a read, is carried out as in memcached.
func TestNoMemory_ATouchNeedsNone(t *testing.T) {
	for _, size := range []int{1, 1000, 50_000} {
		s, keys := packedStore(t, size)
		for i, key := range keys {
			if i%2 == 0 {
				if r := s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 1000}); r.Status != Touched {
					t.Fatalf("%d bytes: touch: status %d", size, r.Status)
				}
			} else if _, hit := fetchView(s, testNow, Fetch{Key: key, Touch: true, Expires: testNow + 1000}); !hit {
				t.Fatalf("%d bytes: gat: not there", size)
			}
			if v, ok := s.see(testNow, string(key)); !ok || v.Expires != testNow+1000 {
				t.Fatalf("%d bytes: there %v, expires %d", size, ok, v.Expires)
			}
		}
		if s.Stats().StoreNoMemory == 0 {
			t.Fatal("there was memory")
		}
	}
}

// TestNoMemory_AWinnerIsNoted: also where the note needs memory that has to be made.
func TestNoMemory_AWinnerIsNoted(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16})
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	n := 0
	for ; n%256 != 0 || s.Stats().Evictions == 0; n++ {
		s.Do(testNow, &Request{Op: OpSet, Key: key(n), Value: make([]byte, 500)})
		s.Do(testNow, &Request{Op: OpMark, Key: key(n), Invalidate: true})
	}
	for i := range n {
		if v, hit := fetchView(s, testNow, Fetch{Key: key(i), MayWin: true}); hit && !v.Wins {
			t.Fatalf("%s: nobody wins", key(i))
		}
		if v, hit := fetchView(s, testNow, Fetch{Key: key(i), MayWin: true}); hit && v.Wins {
			t.Fatalf("%s: two win", key(i))
		}
	}
	if s.Stats().Reclaims == 0 {
		t.Error("there was memory for all: the test shows nothing")
	}
}
