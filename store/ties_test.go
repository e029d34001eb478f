package store

import "testing"

// held makes a store that has a state of "key" from its peer.
func held(t *testing.T, r Record) *Store {
	t.Helper()
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	r.Key = []byte("key")
	s.apply(t, r)
	return s
}

// shown is what a client reads of "key"; marks too.
func (s *Store) shown() string {
	out, _ := s.Fetch(testNow, &Fetch{Key: []byte("key"), Peek: true}, nil, Render(func(dst []byte, v *View) []byte {
		dst = append(dst, v.Value...)
		if v.Marks&MarkStale != 0 {
			dst = append(dst, " stale"...)
		}
		if v.Marks&MarkWon != 0 {
			dst = append(dst, " won"...)
		}
		if v.Expires != 0 {
			dst = append(dst, " expires"...)
		}
		return dst
	}))
	return string(out)
}

// TestMerge_Ties is the order of states of one version, which another program may count on.
func TestMerge_Ties(t *testing.T) {
	const v = uint64(1_750_000_000_000 << 19)
	later := testNow + 1000
	value := func(expVersion uint64, text string) Record {
		return Record{Key: []byte("key"), Version: v, ExpVersion: expVersion, Value: []byte(text)}
	}
	touch := func(expVersion uint64, marks Marks) Record {
		return Record{Op: RecordTouch, Key: []byte("key"), Version: v, ExpVersion: expVersion, Expires: later, Marks: marks}
	}
	stale := value(v, "a")
	stale.Marks = MarkStale
	tomb := Record{Op: RecordTombstone, Key: []byte("key"), Version: v, ExpVersion: v}
	for name, test := range map[string]struct {
		here, comes Record
		want        string
	}{
		"greater bytes win":              {value(v, "a"), value(v, "b"), "b"},
		"lesser bytes lose":              {value(v, "b"), value(v, "a"), "b"},
		"more bytes win":                 {value(v, "a"), value(v, "aa"), "aa"},
		"a later expiry beats bytes":     {value(v, "b"), value(v+64, "a"), "a"},
		"an earlier expiry loses":        {value(v+64, "a"), value(v, "b"), "a"},
		"a tombstone beats a value":      {value(v+64, "a"), tomb, ""},
		"a touch moves the expiry":       {value(v, "a"), touch(v+64, 0), "a expires"},
		"a touch of then does not":       {value(v+64, "a"), touch(v+64, 0), "a"},
		"a touch of before does not":     {value(v+128, "a"), touch(v+64, 0), "a"},
		"a touch says who won":           {value(v, "a"), touch(v+64, MarkWon), "a won expires"},
		"a touch leaves stale alone":     {stale, touch(v+64, 0), "a stale expires"},
		"a touch makes nothing stale":    {value(v, "a"), touch(v+64, MarkStale), "a expires"},
		"a touch of an older value":      {Record{Version: v + 640, ExpVersion: v + 640, Value: []byte("new")}, touch(v+64, 0), "new"},
		"a touch of what is newer":       {Record{Version: v - 640, ExpVersion: v - 640, Value: []byte("old")}, touch(v+64, 0), ""},
		"a tombstone of before the item": {Record{Version: v + 640, ExpVersion: v + 640, Value: []byte("new")}, tomb, "new"},
	} {
		s := held(t, test.here)
		s.apply(t, test.comes)
		if got := s.shown(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestMerge_ATombstoneOfTheSameVersion: a marker may have the very version of what it
// stands for. No value and no touch of that version comes over it.
func TestMerge_ATombstoneOfTheSameVersion(t *testing.T) {
	for _, op := range []RecordOp{RecordValue, RecordTouch} {
		s := newTestStore(t, Config{Replicated: true})
		s.Attach(ID{1}, &State{}, false)
		s.Do(testNow, &Request{Op: OpDelete, Key: []byte("key")})
		v := s.Clock()
		s.apply(t, Record{Op: op, Key: []byte("key"), Version: v, ExpVersion: v + 64, Value: []byte("v"), Expires: testNow + 1000})
		if r, _, ok := s.Inspect([]byte("key")); !ok || r.Op != RecordTombstone || r.ExpVersion != v {
			t.Errorf("record %d: %+v is there", op, r)
		}
	}
}

// TestMerge_TheSameStateIsAcknowledged: what the peer sends it has.
func TestMerge_TheSameStateIsAcknowledged(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	v := s.set(testNow, "key", "v").Version
	s.apply(t, Record{Key: []byte("key"), Version: v, ExpVersion: v, Value: []byte("v")})
	if s.Unacked() != 0 {
		t.Error("it is kept for the peer")
	}
}
