package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// renderHead is a Render that leaves out a value which is kept in place.
func renderHead(dst []byte, v *View) []byte {
	if v.Pinned != nil {
		v.Pinned.At = len(dst)
		return dst
	}
	return append(dst, v.Value...)
}

func (s *Store) pinned(t testing.TB, key string) *Pinned {
	t.Helper()
	v := new(Pinned)
	if _, hit := s.GetPinned(testNow, []byte(key), nil, renderHead, v, nil); !hit || v.Value() == nil {
		t.Fatalf("%s: hit %v, %d bytes", key, hit, len(v.Value()))
	}
	return v
}

// TestPinned_OutlivesItsItem: whatever becomes of it, a reader's value stays as it was, and counts until it is released.
func TestPinned_OutlivesItsItem(t *testing.T) {
	const size = 900 << 10
	value := pattern(size, 1)
	for name, change := range map[string]func(s *Store){
		"replaced":        func(s *Store) { s.set(testNow, "k", string(pattern(size, 2))) },
		"replaced, small": func(s *Store) { s.set(testNow, "k", "v") },
		"deleted":         func(s *Store) { s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")}) },
		"flushed":         func(s *Store) { s.Flush(testNow); s.get(testNow, "k") },
		"grown":           func(s *Store) { s.Do(testNow, &Request{Op: OpAppend, Key: []byte("k"), Value: []byte("more")}) },
		"grown by little": func(s *Store) { s.Do(testNow, &Request{Op: OpPrepend, Key: []byte("k"), Value: []byte("m")}) },
		"marked":          func(s *Store) { s.Do(testNow, &Request{Op: OpMark, Key: []byte("k"), Invalidate: true}) },
		"touched":         func(s *Store) { s.Do(testNow, &Request{Op: OpTouch, Key: []byte("k"), Expires: testNow + 1000}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStore(t, Config{MemoryBytes: 32 << 20, Replicated: true})
			empty := s.committed()
			s.set(testNow, "k", string(value))
			one, two := s.pinned(t, "k"), s.pinned(t, "k")
			change(s)
			s.Tick(testNow)
			one.Release()
			one.Release()
			if !bytes.Equal(two.Value(), value) {
				t.Fatal("the value has changed")
			}
			two.Release()
			if two.Value() != nil || one.Value() != nil {
				t.Fatal("a value is held after its release")
			}
			s.Do(testNow, &Request{Op: OpDelete, Key: []byte("k")})
			s.Tick(testNow)
			if left := s.committed() - empty; left > 1<<20 {
				t.Fatalf("%d bytes are left", left)
			}
		})
	}
}

// TestPinned_MarkKeepsTheValue: what a mark leaves in the store is the value, though its old memory goes at that moment.
func TestPinned_MarkKeepsTheValue(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 32 << 20})
	value := pattern(900<<10, 1)
	for _, r := range []Request{
		{Op: OpMark, Invalidate: true}, {Op: OpAppend, Value: []byte("tail")}, {Op: OpPrepend, Value: []byte("head")},
		{Op: OpAppend, Value: pattern(100<<10, 3)}, {Op: OpPrepend, Value: pattern(100<<10, 3)},
	} {
		for _, held := range []bool{false, true} {
			s.set(testNow, "k", string(value))
			v := new(Pinned)
			if held {
				v = s.pinned(t, "k")
			}
			want := value
			switch r.Op {
			case OpAppend:
				want = append(bytes.Clone(value), r.Value...)
			case OpPrepend:
				want = append(bytes.Clone(r.Value), value...)
			}
			r.Key = []byte("k")
			s.Do(testNow, &r)
			v.Release()
			if got, _ := s.get(testNow, "k"); got != string(want) {
				t.Errorf("op %d, held %v: another value", r.Op, held)
			}
		}
	}
}

// TestPinned_TheHandSparesWhatIsRead: evicting it would win nothing, and what is not read makes room.
func TestPinned_TheHandSparesWhatIsRead(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20})
	value := string(pattern(900<<10, 1))
	s.set(testNow, "read", value)
	v := s.pinned(t, "read")
	for i := range 100 {
		if res := s.set(testNow, string(rune('a'+i%26))+"x", value); res.Status != Stored {
			t.Fatalf("set %d: status %d", i, res.Status)
		}
	}
	if _, hit := s.get(testNow, "read"); !hit {
		t.Error("what a client reads was evicted")
	}
	var all []*Pinned
	full := 0
	for i := range 100 {
		key := string(rune('A'+i%26)) + string(rune('a'+i/26))
		if res := s.set(testNow, key, value); res.Status != Stored {
			full++
			continue
		}
		all = append(all, s.pinned(t, key))
	}
	if full == 0 || s.ShortMillis() != testNow {
		t.Errorf("100 values of 900 KiB are held in 16 MiB; short at %d", s.ShortMillis())
	}
	v.Release()
	for _, v := range all {
		v.Release()
	}
	if res := s.set(testNow, "last", value); res.Status != Stored {
		t.Errorf("nothing is held any more: status %d", res.Status)
	}
}

// TestPinned_SmallAndMovableIsCopied: what the cleaner may move is never held.
func TestPinned_SmallAndMovableIsCopied(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20})
	for _, size := range []int{0, 100, PinBytes - 1, 30 << 10} {
		value := pattern(size, 1)
		s.set(testNow, "k", string(value))
		var v Pinned
		out, hit := s.GetPinned(testNow, []byte("k"), nil, renderHead, &v, nil)
		if !hit || v.Value() != nil || !bytes.Equal(out, value) {
			t.Errorf("%d bytes: hit %v, %d held, %d copied", size, hit, len(v.Value()), len(out))
		}
	}
}

// pins counts the readers of all values.
func (s *Store) pins() (n int32) {
	s.arena.mu.Lock()
	defer s.arena.mu.Unlock()
	for i := range s.arena.segs {
		n += s.arena.segs[i].pins
	}
	return n
}

// TestFetch_ATryThatIsTakenBackHoldsNothing: there is no memory for the trace of a value that
// is to expire at once, until the cleaner has been.
func TestFetch_ATryThatIsTakenBackHoldsNothing(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true, NoEviction: true, LocalKeys: []string{"small-*"}})
	s.set(testNow, "k", string(pattern(50_000, 1)))
	n := 0
	for s.set(testNow, fmt.Sprint("small-", n), "v").Status == Stored {
		n++
	}
	for i := 0; i < n; i += 2 {
		s.Do(testNow, &Request{Op: OpDelete, Key: fmt.Append(nil, "small-", i)})
	}
	var v Pinned
	before := s.reclaimRuns.Load()
	out, hit := s.Fetch(testNow, &Fetch{Key: []byte("k"), Touch: true, Expires: AlreadyExpired, Pin: &v}, nil, Render(renderHead))
	if !hit || len(out) != 0 || !bytes.Equal(v.Value(), pattern(50_000, 1)) {
		t.Fatalf("hit %v, %d bytes beside it, %d held", hit, len(out), len(v.Value()))
	}
	if runs, st := s.reclaimRuns.Load()-before, s.Stats(); runs == 0 || st.Tombstones != 1 {
		t.Fatalf("the cleaner came %d times, %d tombstones: want a try that is taken back, and one that is not", runs, st.Tombstones)
	}
	if got := s.pins(); got != 1 {
		t.Errorf("the value is held %d times", got)
	}
	v.Release()
	if got := s.pins(); got != 0 {
		t.Errorf("it is held %d times after its release", got)
	}
}

// TestPinned_TheHandGoesRoundOnce: where clients read all large values, whoever needs memory is
// told so at once. There are far more segments than values.
func TestPinned_TheHandGoesRoundOnce(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 32 << 20, MaxItemBytes: 2 << 20})
	var all []*Pinned
	for i := 0; ; i++ {
		key := fmt.Sprint("k", i)
		if s.set(testNow, key, string(pattern(900<<10, 1))).Status != Stored {
			break
		}
		all = append(all, s.pinned(t, key))
	}
	a := s.arena
	var order []int32
	for id := a.orders[orderYoung].oldest; id != 0; id = a.segs[id].next {
		order = append(order, id)
	}
	if len(order) != len(all) || 4*len(a.segs)%len(order) < 5 {
		t.Fatalf("%d values, %d of them read, %d segments: how far the hand goes cannot be told", len(order), len(all), len(a.segs))
	}
	if res := s.set(testNow, "one more", string(pattern(900<<10, 1))); res.Status != NoMemory {
		t.Fatalf("status %d", res.Status)
	}
	if passed := slices.Index(order, a.orders[orderYoung].oldest); passed > 5 { // beyond the whole round
		t.Errorf("the hand has stopped at value %d of %d", passed, len(order))
	}
	for _, v := range all {
		v.Release()
	}
}
