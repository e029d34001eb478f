package store_test

import (
	"fmt"

	"twincached/store"
)

// now is the caller's clock, in Unix milliseconds: the store has none.
const now = 1_700_000_000_000

// value renders an item as its value. A package-level function costs no allocation.
func value(dst []byte, v *store.View) []byte { return append(dst, v.Value...) }

// A store takes complete requests, and renders items into the caller's buffer.
func Example() {
	s, err := store.New(store.Config{MemoryBytes: 16 << 20}, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	set := s.Do(now, &store.Request{Op: store.OpSet, Key: []byte("user:1"), Value: []byte("ann")})
	fmt.Println("stored:", set.Status == store.Stored)

	got, hit := s.Get(now, []byte("user:1"), nil, value)
	fmt.Printf("%s %v\n", got, hit)

	// The version of the value is memcached's cas unique.
	cas := &store.Request{Op: store.OpCAS, Key: []byte("user:1"), Value: []byte("bob"), Compare: true, CAS: set.Version}
	fmt.Println("first cas stored:", s.Do(now, cas).Status == store.Stored)
	fmt.Println("second cas finds another version:", s.Do(now, cas).Status == store.Exists)

	// Output:
	// stored: true
	// ann true
	// first cas stored: true
	// second cas finds another version: true
}

// What one store holds is merged into another one as states of keys. The newer version
// wins, in whichever order they arrive.
func ExampleStore_ApplyBatch() {
	a, errA := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true, Slot: 1}, now)
	b, errB := store.New(store.Config{MemoryBytes: 16 << 20, Replicated: true, Slot: 2}, now)
	if errA != nil || errB != nil {
		fmt.Println(errA, errB)
		return
	}
	defer a.Close()
	defer b.Close()
	key := []byte("user:1")
	part := store.PartitionOf(key)

	older := record(a, now, key, "ann")
	newer := record(b, now+1, key, "bob")
	for _, err := range []error{
		a.ApplyBatch(now+2, part, store.Live, 1, []store.Record{newer}),
		b.ApplyBatch(now+2, part, store.Live, 1, []store.Record{older}),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	onA, _ := a.Get(now+2, key, nil, value)
	onB, _ := b.Get(now+2, key, nil, value)
	fmt.Printf("a has %s, b has %s\n", onA, onB)

	// Output:
	// a has bob, b has bob
}

// record stores a value in s and returns it as it travels.
func record(s *store.Store, nowMillis int64, key []byte, text string) store.Record {
	r := s.Do(nowMillis, &store.Request{Op: store.OpSet, Key: key, Value: []byte(text)})
	return store.Record{Key: key, Op: store.RecordValue, Version: r.Version, ExpVersion: r.Version, Value: []byte(text)}
}
