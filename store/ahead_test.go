package store

import (
	"strconv"
	"sync"
	"testing"
	"unsafe"
)

// TestAhead_KnowsWhereTheSlotsAre: of each index as it grows and shrinks, without the lock.
func TestAhead_KnowsWhereTheSlotsAre(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20})
	key := func(i int) []byte { return strconv.AppendInt([]byte("k"), int64(i), 10) }
	sizes := map[int]bool{}
	check := func(i int) {
		t.Helper()
		p, tag := s.partition(key(i))
		if want := uintptr(unsafe.Pointer(&p.idx.slots[p.idx.start(tag)])); p.slots.address(tag) != want {
			t.Fatalf("key %d: the search starts at %x, want %x", i, p.slots.address(tag), want)
		}
		if h := p.find(tag, key(i)); h != 0 && p.idx.like(tag) == 0 {
			t.Fatalf("key %d: nothing like it in the index", i)
		}
		sizes[len(p.idx.slots)] = true
	}
	const keys = 100_000
	for i := range keys {
		s.Do(testNow, &Request{Op: OpSet, Key: key(i)})
		check(i)
	}
	grown := len(sizes)
	for i := range keys {
		s.Do(testNow, &Request{Op: OpDelete, Key: key(i)})
		check(i)
	}
	if grown < 5 || len(sizes) == grown {
		t.Errorf("only %d sizes of an index, %d when it had grown", len(sizes), grown)
	}
}

// TestAhead_WhileIndexesGrow: the race detector looks on, and no memory is read that is gone.
func TestAhead_WhileIndexesGrow(t *testing.T) {
	s := newTestStore(t, Config{MemoryBytes: 64 << 20})
	const keys = 40_000
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for i := range keys {
				key := strconv.AppendInt([]byte("k"), int64(i), 10)
				s.Do(testNow, &Request{Op: OpSet + Op(g)*(OpDelete-OpSet), Key: key})
			}
		})
		all.Go(func() {
			var a Ahead
			for i := range keys {
				a.Add(s, strconv.AppendInt([]byte("k"), int64(i*(g+1)%keys), 10))
				if a.Full() {
					a.Run()
				}
			}
		})
	}
	all.Wait()
}
