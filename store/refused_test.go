package store

import "testing"

// TestPeerRefused_WhatHasChangedSince: the peer says that it has not stored a state, which has
// been touched since and waits to be sent. Whatever takes its place, and the peer has, is not
// counted as refused.
func TestPeerRefused_WhatHasChangedSince(t *testing.T) {
	key := []byte("key")
	part := PartitionOf(key)
	for name, change := range map[string]func(s *Store){
		"the peer's own change": func(s *Store) {
			v := s.Clock() + 64
			s.apply(t, Record{Key: key, Version: v, ExpVersion: v, Value: []byte("theirs")})
		},
		"a change that is acknowledged": func(s *Store) {
			s.set(testNow, "key", "anew")
			s.lanes(part)
			s.Acked(part, s.SentCursor(part))
		},
		"a delete that is acknowledged": func(s *Store) {
			s.Do(testNow, &Request{Op: OpDelete, Key: key})
			s.lanes(part)
			s.Acked(part, s.SentCursor(part))
		},
	} {
		s := newTestStore(t, Config{Replicated: true})
		s.Attach(ID{1}, &State{}, false)
		v := s.set(testNow, "key", "value").Version
		s.lanes(part)
		s.Do(testNow, &Request{Op: OpTouch, Key: key, Expires: testNow + 1000})
		if !s.PeerRefused(part, key, v) || s.Refused() != 1 {
			t.Fatalf("%s: %d items are refused", name, s.Refused())
		}
		if change(s); s.Refused() != 0 || s.Unacked() != 0 {
			t.Errorf("%s: %d items are refused, %d unacknowledged", name, s.Refused(), s.Unacked())
		}
	}
}
