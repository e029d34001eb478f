package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// keysOf returns n keys of one partition.
func keysOf(part, n int) (keys [][]byte) {
	for i := 0; len(keys) < n; i++ {
		if key := fmt.Appendf(nil, "key-%d", i); PartitionOf(key) == part {
			keys = append(keys, key)
		}
	}
	return keys
}

// sentAll makes a store that holds the keys, which its peer has acknowledged.
func sentAll(t *testing.T, part int, keys [][]byte) *Store {
	s := newTestStore(t, Config{Replicated: true})
	s.Attach(ID{1}, &State{}, false)
	for _, key := range keys {
		s.set(testNow, string(key), "deleted on the peer")
	}
	s.ackAll(part)
	return s
}

// ackAll sends what there is to send, and the peer acknowledges it.
func (s *Store) ackAll(part int) {
	for more := true; more; {
		sent := s.Collect(part, Live, 1000, 1<<20, func(*Record) {})
		s.Acked(part, sent.Cursor)
		more = sent.More
	}
}

// walkAndTouch walks n values and calls touch behind each, with how many have been passed. The walk has to pass all.
func walkAndTouch(t *testing.T, n int, touch func(s *Store, p *partition, keys [][]byte, passed int)) {
	t.Helper()
	const part = 7
	keys := keysOf(part, n)
	s := sentAll(t, part, keys)
	for _, key := range keys { // so that each has the room for it, and is not made anew
		s.Do(testNow, &Request{Op: OpTouch, Key: key})
	}
	s.ackAll(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	p.walkSettled(func(_ handle, hd *header) {
		seen[string(hd.key())] = true
		touch(s, p, keys, len(seen))
	})
	if len(seen) != len(keys) {
		t.Errorf("the walk has passed %d of %d items", len(seen), len(keys))
	}
}

// TestWalkSettled_PassesWhatIsTouchedMeanwhile: a touch moves an item in the change
// list and leaves its version. It must not carry the item past the walk.
func TestWalkSettled_PassesWhatIsTouchedMeanwhile(t *testing.T) {
	walkAndTouch(t, 1000, func(s *Store, p *partition, keys [][]byte, passed int) {
		if n := len(keys) - passed; n > 0 && n%100 == 0 { // as a client would, between two chunks
			for _, key := range keys[len(keys)-n:] {
				p.touch(s.tag(key), p.find(s.tag(key), key), testNow, 0, false, false)
			}
		}
	})
}

// TestWalkSettled_TheNextItemIsTouched: the walk stands at an item that goes to the end of the
// list. It goes on with the one behind that, and does not end there.
func TestWalkSettled_TheNextItemIsTouched(t *testing.T) {
	walkAndTouch(t, 100, func(s *Store, p *partition, _ [][]byte, passed int) {
		if passed == 10 {
			next := s.arena.at(p.list.walk).key()
			p.touch(s.tag(next), p.list.walk, testNow, 0, false, false)
		}
	})
}

// TestApplyGrave_TouchedMeanwhile: clients touch items while the peer's grave is
// carried out, and none that it covers lives on.
func TestApplyGrave_TouchedMeanwhile(t *testing.T) {
	const part = 7
	keys := keysOf(part, 4000)
	for range 10 {
		s := sentAll(t, part, keys)
		var stop atomic.Bool
		var touching sync.WaitGroup
		begun := make(chan struct{})
		touching.Go(func() {
			for i := 0; !stop.Load(); i++ { // the last first
				s.Do(testNow, &Request{Op: OpTouch, Key: keys[len(keys)-1-i%len(keys)]})
				if i == 10 {
					close(begun)
				}
			}
		})
		<-begun
		s.ApplyGrave(part, Grave{Gen: 1, Floor: VersionAt(testNow + 1000), Saturated: true})
		stop.Store(true)
		touching.Wait()
		for _, key := range keys {
			if r, _, ok := s.Inspect(key); ok && r.Op != RecordTombstone {
				t.Fatalf("%s lives on, version %d, touched %d", key, r.Version, r.ExpVersion)
			}
		}
	}
}

// TestApplyGrave_LeavesLocalKeys: the peer's deletes are none of their business.
func TestApplyGrave_LeavesLocalKeys(t *testing.T) {
	s := newTestStore(t, Config{Replicated: true, LocalKeys: []string{"*.lock"}})
	s.Attach(ID{1}, &State{}, false)
	s.set(testNow, "sid.lock", "held")
	s.ApplyGrave(PartitionOf([]byte("sid.lock")), Grave{Gen: 1, Floor: s.Clock() + 64, Saturated: true})
	if _, hit := s.get(testNow, "sid.lock"); !hit {
		t.Error("a lock is gone")
	}
}
