package store

import (
	"bytes"
	"testing"
)

// incoming begins a value.
func (s *Store) incoming(t *testing.T, r *Record, bytes int) *Incoming {
	t.Helper()
	in, err := s.Incoming(PartitionOf(r.Key), r.Key, r.Version, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// comes ends a value that has begun.
func (s *Store) comes(t *testing.T, r *Record, in *Incoming, v []byte) {
	t.Helper()
	if err := in.Add(testNow, r.Key, r.Version, len(v), 0, v); err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyIncoming(testNow, PartitionOf(r.Key), Live, 1, r, in); err != nil {
		t.Fatal(err)
	}
	in.Drop()
}

// TestIncoming_WhatIsNotToBeStoredTakesNoMemory: a value that comes once more after a cut, one that was flushed, one that
// this node keeps to itself, and one that it finds too large.
func TestIncoming_WhatIsNotToBeStoredTakesNoMemory(t *testing.T) {
	const size = 2 << 20
	for name, tt := range map[string]struct {
		key   string
		ahead uint64 // of the version that is here
		bytes int
		flush bool
		want  bool
	}{
		"it is here":          {key: "k", bytes: size},
		"a newer one":         {key: "k", ahead: 1, bytes: size, want: true},
		"a key that is local": {key: "k.lock", ahead: 1, bytes: size},
		"it was flushed":      {key: "k", ahead: 1, bytes: size, flush: true},
		"larger than -I":      {key: "k", ahead: 1, bytes: 2 * size},
	} {
		s := newTestStore(t, Config{MaxItemBytes: 3 << 20, Replicated: true, LocalKeys: []string{"*.lock"}})
		v := s.set(testNow, "k", "v").Version
		if tt.flush {
			s.Flush(testNow + 1000)
		}
		in := s.incoming(t, &Record{Key: []byte(tt.key), Version: v + tt.ahead}, tt.bytes)
		if got := in.draft != nil; got != tt.want {
			t.Errorf("%s: takes memory %v", name, got)
		}
		in.Drop()
	}
}

// TestIncoming_OnceMoreWithALaterExpiry: the value is here, so its pieces are thrown away; the expiry is news.
func TestIncoming_OnceMoreWithALaterExpiry(t *testing.T) {
	s := large(t, Config{})
	s.Attach(ID{1}, &State{}, false)
	value := pattern(2<<20, 1)
	r := Record{Key: []byte("k"), Version: s.Clock() + 64, ExpVersion: s.Clock() + 64}
	for _, expires := range []int64{0, testNow + 5000} {
		in := s.incoming(t, &r, len(value))
		r.Expires, r.ExpVersion = expires, r.ExpVersion+uint64(expires)
		s.comes(t, &r, in, value)
		if v, ok := s.see(testNow, "k"); !ok || v.Expires != expires {
			t.Errorf("there %v, expires at %d, want %d", ok, v.Expires, expires)
		}
	}
	if got, _ := s.get(testNow, "k"); got != string(value) {
		t.Errorf("another value, of %d bytes", len(got))
	}
}

// TestIncoming_AWriteMeanwhileIsNewer: the peer's clock is ahead, and its value takes a while to come. Who writes here after
// it has begun has the last word.
func TestIncoming_AWriteMeanwhileIsNewer(t *testing.T) {
	s := large(t, Config{})
	s.Attach(ID{1}, &State{}, false)
	value := pattern(2<<20, 1)
	r := Record{Key: []byte("k"), Version: VersionAt(testNow + 400), ExpVersion: VersionAt(testNow + 400)}
	in := s.incoming(t, &r, len(value))
	s.set(testNow+1, "k", "mine")
	s.comes(t, &r, in, value)
	if got, _ := s.get(testNow+1, "k"); got != "mine" {
		t.Errorf("%d bytes of the peer's are here", len(got))
	}
}

// TestLarge_WhatIsNotGoingToBeStoredTakesNoMemory: nothing is evicted for it, and it is answered as what it is.
func TestLarge_WhatIsNotGoingToBeStoredTakesNoMemory(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 16 << 20, MaxItemBytes: 4 << 20})
	for i := range byte(4) {
		s.set(testNow, string('a'+rune(i)), string(pattern(3<<20, i)))
	}
	before := s.committed()
	for want, r := range map[Status]Request{
		TooLarge: {Op: OpSet, Key: []byte("k"), Value: pattern(8<<20, 1)},
		Stored:   {Op: OpSet, Key: []byte("k"), Value: pattern(4<<20-1000, 1), Expires: AlreadyExpired},
	} {
		if res := s.Do(testNow, &r); res.Status != want {
			t.Errorf("status %d, want %d", res.Status, want)
		}
	}
	if s.Stats().Evictions != 0 || s.committed() != before {
		t.Errorf("%d items are evicted, %d bytes more are taken", s.Stats().Evictions, s.committed()-before)
	}
}

// TestDraft_AddressSpaceComesBack: there is four times the memory of it, for ever.
func TestDraft_AddressSpaceComesBack(t *testing.T) {
	s := large(t, Config{})
	for i := range 1000 {
		d := s.NewDraft(1, 15<<20)
		if d == nil {
			t.Fatalf("none is left for draft %d", i)
		}
		d.Drop()
	}
}

// TestLoan_OfWhatMayMoveIsACopy: a small item is written over, or moved by the cleaner. Only where LargeBytes is small is one lent.
func TestLoan_OfWhatMayMoveIsACopy(t *testing.T) {
	s := large(t, Config{LargeBytes: 100})
	value := pattern(1000, 1)
	s.set(testNow, "k", "")
	s.Do(testNow, &Request{Op: OpAppend, Key: []byte("k"), Value: value}) // a set would give it pages of its own
	l, _ := s.lent(t, "k")
	defer l.Close()
	v := s.Clock() + 64
	s.apply(t, Record{Key: []byte("k"), Version: v, ExpVersion: v, Value: pattern(1000, 2)})
	if got, ok := l.all(); !ok || !bytes.Equal(got, value) {
		t.Error("the loan has changed")
	}
}
