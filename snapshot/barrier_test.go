package snapshot

import (
	"testing"

	"twincached/store"
)

const now = int64(1_750_000_000_000)

// TestBarrier_Steps: what BARRIER waits for, one after the other.
func TestBarrier_Steps(t *testing.T) {
	st, err := store.New(store.Config{MemoryBytes: store.MinMemoryBytes, Replicated: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.Attach(store.ID{1}, &store.State{}, false)
	key := []byte("k")
	part := store.PartitionOf(key)
	set := func() { st.Do(now, &store.Request{Op: store.OpSet, Key: key, Value: []byte("v")}) }
	set()
	var b Barrier
	var gens [store.Partitions]uint64
	next := func(copying bool, largePart int, want Task, unsent int) {
		t.Helper()
		if got := b.Next(st, copying, largePart); got != want || b.Unsent().Size() != unsent || b.IsSent() {
			t.Fatalf("task %d with %d partitions unsent, want %d with %d", got, b.Unsent().Size(), want, unsent)
		}
	}
	// passes sends what there is, and tells the barrier how far that came.
	passes := func() {
		t.Helper()
		for more := true; more; {
			sent := st.Collect(part, store.Live, 1, 1, func(*store.Record) {})
			b.Passed(part, sent.To, sent.More)
			more = sent.More
		}
	}
	next(true, -1, Wait, 0) // the copy is not done
	if b.Notes() != 0 {
		t.Fatal("the tails have been noted")
	}
	next(false, -1, Wait, 1) // the tails are noted: one is still to be sent
	b.Passed(part, 0, true)
	next(false, -1, Wait, 1)
	set()
	passes()
	set()
	next(false, -1, Wait, 1) // and are noted again
	if b.Notes() != 2 {
		t.Fatalf("noted %d times", b.Notes())
	}
	next(true, -1, Wait, 0) // a walk has begun again: all begins again
	if b.Notes() != 0 {
		t.Fatal("the notes of before the walk still count")
	}
	passes()
	next(false, part, Wait, 1) // the cursor is past it, and the wire is not
	b.Passed(part, st.Tail(part), true)
	next(false, -1, Announce, 0)
	next(false, -1, Announce, 0)
	b.graveGen[9], b.anyGrave = 3, true
	gens[9] = 2
	if b.Announced(st, &gens, -1) {
		t.Fatal("a grave that has not been announced does not count")
	}
	gens[9] = 3
	set() // what the peer dropped for the grave is sent again
	if !b.Announced(st, &gens, -1) {
		t.Fatal("the graves have been announced")
	}
	next(false, -1, Wait, 1)
	passes()
	next(false, -1, Send, 0)
	b.Sent()
	if b.Next(st, true, -1) != Wait || b.Next(st, false, -1) != Wait || !b.IsSent() {
		t.Fatal("it is sent twice")
	}
}
