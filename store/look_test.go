package store

import (
	"sync"
	"testing"
)

// TestLook_IsOfTheMomentOfItsCommand: what is said to have stood under a key agrees with
// what the command did to it, whoever else comes to that key.
func TestLook_IsOfTheMomentOfItsCommand(t *testing.T) {
	s := newTestStore(t, Config{})
	key := []byte("key")
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			var l Look
			for range 20_000 {
				r := s.Do(testNow, &Request{Op: OpAdd, Key: key, Value: []byte("value"), Look: &l})
				if (r.Status == Stored) == (l.Presence == Present) {
					t.Errorf("add: status %d, and there was %+v", r.Status, l)
					return
				}
				_, hit := s.GetPinned(testNow, key, nil, renderNothing{}.Render, nil, &l)
				if hit != (l.Presence == Present) {
					t.Errorf("get: hit %v, and there was %+v", hit, l)
					return
				}
				_, hit = s.Fetch(testNow, &Fetch{Key: key, Peek: true, Look: &l}, nil, renderNothing{})
				if hit != (l.Presence == Present) {
					t.Errorf("fetch: hit %v, and there was %+v", hit, l)
					return
				}
				r = s.Do(testNow, &Request{Op: OpDelete, Key: key, Look: &l})
				if (r.Status == Deleted) != (l.Presence == Present) {
					t.Errorf("delete: status %d, and there was %+v", r.Status, l)
					return
				}
			}
		})
	}
	clients.Wait()
	if err := s.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// TestLook_OfARefusedValue: where no memory is had for a value, the look is at what the
// refusal removes.
func TestLook_OfARefusedValue(t *testing.T) {
	s := newTestStore(t, Config{})
	key := []byte("key")
	s.Do(testNow, &Request{Op: OpSet, Key: key, Value: []byte("value")})
	for _, want := range []Look{{Present, ClassOf(ItemBytes(3, 5)), 5}, {}} {
		l := Look{Presence: Expired}
		if r := s.Do(testNow, &Request{Op: OpSet, Key: key, Refused: true, Look: &l}); r.Status != NoMemory || l != want {
			t.Errorf("status %d, look %+v, want %+v", r.Status, l, want)
		}
	}
}
