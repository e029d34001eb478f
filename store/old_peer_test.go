package store

import "testing"

// TestAttach_OldPeerHasTheExpiryOfBefore: a peer was replaced, and its successor has
// acknowledged a touch. The item is gone when the first one returns, with the expiry
// from before the touch.
func TestAttach_OldPeerHasTheExpiryOfBefore(t *testing.T) {
	key := []byte("key")
	part := PartitionOf(key)
	pass := func(s *Store, lane Lane) {
		for more := true; more; {
			sent := s.Collect(part, lane, 10, 1<<20, func(*Record) {})
			s.Acked(part, sent.Cursor)
			more = sent.More
		}
	}
	gone := map[string]func(s *Store){
		"expired":               func(s *Store) { pass(s, Live); s.get(testNow+40, "key") },
		"evicted":               func(s *Store) { pass(s, Live); s.Evict(testNow+25, key) },
		"evicted, not yet sent": func(s *Store) { s.Evict(testNow+25, key); pass(s, Live) },
	}
	for name, remove := range gone {
		s := newTestStore(t, Config{Replicated: true})
		version := s.set(testNow, "key", "value").Version
		first := State{Born: VersionAt(testNow + 5), Items: 1} // it began later than the value, and copied it
		s.Attach(ID{1}, &State{Born: first.Born}, false)
		pass(s, Bulk)
		s.Attach(ID{2}, &State{Born: VersionAt(testNow + 10)}, false)
		pass(s, Bulk)
		s.Do(testNow+20, &Request{Op: OpTouch, Key: key, Expires: testNow + 30})
		remove(s)
		s.Attach(ID{1}, &first, false)
		before := Record{Key: key, Version: version, ExpVersion: version, Value: []byte("value")}
		if err := s.ApplyBatch(testNow+50, part, Bulk, 1, []Record{before}); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.get(testNow+50, "key"); ok {
			t.Errorf("%s: it is back, and never expires", name)
		}
	}
}

// TestAttach_OldPeerHasWhatWasTouchedSince: the peer touches what this node does not hold,
// and an earlier peer returns with the expiry from before.
func TestAttach_OldPeerHasWhatWasTouchedSince(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true})
	v := VersionAt(testNow)
	s.Attach(ID{1}, &State{}, false)
	s.Attach(ID{2}, &State{}, false)
	s.apply(t, Record{Op: RecordTouch, Key: []byte("key"), Version: v, ExpVersion: VersionAt(testNow + 20), Expires: testNow + 30})
	s.Attach(ID{1}, &State{Born: VersionAt(testNow + 10), Items: 1}, false)
	s.apply(t, Record{Key: []byte("key"), Version: v, ExpVersion: v, Value: []byte("value")})
	if _, ok := s.get(testNow+50, "key"); ok {
		t.Error("it is here, and never expires")
	}
}

// TestAttach_OldPeerHasWhatIsGone: the peer of now has told that a key is gone, or sent what
// this node could not store, and an earlier peer returns with a value from before.
func TestAttach_OldPeerHasWhatIsGone(t *testing.T) {
	key := []byte("key")
	part := PartitionOf(key)
	before, gone := VersionAt(testNow+5), VersionAt(testNow+20)
	for name, lose := range map[string]func(t *testing.T, s *Store){
		"a delete of the peer": func(t *testing.T, s *Store) {
			s.apply(t, Record{Op: RecordTombstone, Key: key, Version: gone, ExpVersion: gone})
		},
		"it came expired": func(t *testing.T, s *Store) {
			s.apply(t, Record{Key: key, Version: gone, ExpVersion: gone, Expires: testNow - 1})
		},
		"too large a value": func(t *testing.T, s *Store) {
			s.apply(t, Record{Key: key, Version: gone, ExpVersion: gone, Value: make([]byte, 5000)})
		},
		"a touch of what is newer": func(t *testing.T, s *Store) {
			s.apply(t, Record{Op: RecordTouch, Key: key, Version: gone, ExpVersion: gone})
		},
		"an acknowledged grave": func(t *testing.T, s *Store) {
			s.tombBudget.Store(0) // it is buried at once
			s.Do(testNow+20, &Request{Op: OpDelete, Key: key})
			g, _, _, _ := s.NextGrave(part, nil)
			s.GraveAcked(part, g.Gen)
		},
		"an acknowledged delete": func(t *testing.T, s *Store) {
			s.Do(testNow+20, &Request{Op: OpDelete, Key: key})
			s.lanes(part)
			s.Acked(part, s.SentCursor(part))
		},
	} {
		for when, born := range map[string]uint64{"born before": VersionAt(testNow + 1), "born with it": gone} { // it copied the value then
			t.Run(name+", "+when, func(t *testing.T) {
				s := newTestStore(t, Config{Replicated: true, MaxItemBytes: 2000})
				s.Attach(ID{1}, &State{}, false)
				s.Attach(ID{2}, &State{}, false)
				s.apply(t, Record{Key: key, Version: before, ExpVersion: before, Value: []byte("value")})
				lose(t, s)
				s.Attach(ID{1}, &State{Born: born, Items: 1}, false)
				s.apply(t, Record{Key: key, Version: before, ExpVersion: before, Value: []byte("value")})
				if v, ok := s.get(testNow+50, "key"); ok {
					t.Errorf("%q is back", v)
				}
			})
		}
	}
}
