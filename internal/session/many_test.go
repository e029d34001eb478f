package session

import (
	"bytes"
	"fmt"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// writeMany writes a MANY of some batches.
func writeMany(w *wire.Writer, n uint64, lane store.Lane, batches []store.Batch) {
	w.BeginMany(n, lane)
	for i := range batches {
		w.BeginPart(batches[i].Part)
		for j := range batches[i].Records {
			w.Record(&batches[i].Records[j])
		}
		w.EndPart(batches[i].To)
	}
	w.EndMany()
}

// keysOfParts are keys of so many different partitions.
func keysOfParts(parts int) (keys []string) {
	var seen store.PartSet
	for i := 0; len(keys) < parts; i++ {
		key := fmt.Sprint("key:", i)
		if part := store.PartitionOf([]byte(key)); !seen.Has(part) {
			seen.Add(part)
			keys = append(keys, key)
		}
	}
	return keys
}

// saidBy is the frames that node i says in one Pump. They are on the way then.
func (d *duo) saidBy(i int) (bodies []wire.Body) {
	d.t.Helper()
	d.send(i)
	for frames := d.n[i].w.Bytes(); len(frames) > 0; {
		body, n, err := wire.Split(frames, d.n[1-i].s.FrameLimit())
		var b wire.Body
		if err == nil {
			err = new(wire.Decoder).Decode(bytes.Clone(body), &b)
		}
		if err != nil {
			d.t.Fatal(err)
		}
		bodies, frames = append(bodies, b), frames[n:]
	}
	return bodies
}

// manies are the MANY frames among some.
func manies(bodies []wire.Body) (found []wire.Many) {
	for _, b := range bodies {
		if b.Type == wire.TMany {
			found = append(found, b.Many)
		}
	}
	return found
}

// TestMany_ChangesOfManyPartitionsGoInOneFrame, up to the items of a frame. Its ACK is one for
// all of them: each partition forgets its deletes, and none has more to send.
func TestMany_ChangesOfManyPartitionsGoInOneFrame(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.rest()
	keys := keysOfParts(200)
	for _, key := range keys {
		d.set(0, key, "v")
	}
	d.rest()
	for _, key := range keys {
		d.del(0, key)
	}
	if held := d.n[0].st.Stats().Tombstones; held != uint64(len(keys)) {
		t.Fatalf("%d tombstones, want %d", held, len(keys))
	}
	sent := manies(d.saidBy(0))
	if len(sent) != 2 || len(sent[0].Batches) != batchItems || len(sent[1].Batches) != len(keys)-batchItems {
		t.Fatalf("%d frames, want two with a batch of each partition", len(sent))
	}
	if flights, reaches := d.n[0].s.tx.flights.frames.num, d.n[0].s.tx.flights.reaches.num; flights != 2 || reaches != len(keys) {
		t.Errorf("%d frames under way, which move %d partitions", flights, reaches)
	}
	d.rest()
	if s := d.n[0].st.Stats(); s.Tombstones != 0 || d.n[0].s.tx.flights.reaches.num != 0 {
		t.Errorf("%d tombstones are left after the ACK, and %d partitions wait for one", s.Tombstones, d.n[0].s.tx.flights.reaches.num)
	}
	d.same()
}

// TestMany_EachPartitionHasItsOwnCursor: the peer is in each partition where that partition's
// batch says, and nothing travels again after a cut.
func TestMany_EachPartitionHasItsOwnCursor(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.rest()
	keys := keysOfParts(20)
	for i, key := range keys {
		for range i + 1 {
			d.set(0, key, "v")
			d.turn()
		}
	}
	d.rest()
	at := map[int]uint64{}
	for _, key := range keys {
		part := store.PartitionOf([]byte(key))
		d.set(0, key, "again")
		at[part] = d.n[1].st.State().Cursors[part].B + 1
	}
	for _, m := range manies(d.saidBy(0)) {
		for _, b := range m.Batches {
			if b.To != at[b.Part] {
				t.Errorf("partition %d goes to %d, want %d", b.Part, b.To, at[b.Part])
			}
		}
	}
	for len(d.n[1].inbox) > 0 {
		d.take(1) // it has everything, and its ACK is lost
	}
	for part, to := range at {
		if got := d.n[1].st.State().Cursors[part].B; got != to {
			t.Errorf("the peer is at %d of partition %d, want %d", got, part, to)
		}
	}
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	for range 50 {
		d.now++
		for _, m := range manies(d.saidBy(0)) {
			t.Errorf("%d batches travel again", len(m.Batches))
		}
		for i := range d.n {
			for d.take(i) {
			}
		}
		d.send(1)
	}
}

// TestMany_StaysInItsBytes: a frame ends with the item that goes beyond its bytes, though it is
// of many partitions.
func TestMany_StaysInItsBytes(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.rest()
	var few store.PartSet
	for _, key := range keysOfParts(20) {
		few.Add(store.PartitionOf([]byte(key)))
	}
	for i := range 1000 {
		if key := fmt.Sprint("some:", i); few.Has(store.PartitionOf([]byte(key))) {
			d.set(0, key, string(make([]byte, 5000))) // about four of a partition
		}
	}
	sent := manies(d.saidBy(0))
	if len(sent) < 2 {
		t.Fatalf("%d frames", len(sent))
	}
	for _, m := range sent {
		bytes := 0
		for i := range m.Records {
			bytes += len(m.Records[i].Value)
		}
		if last := 5000; bytes-last >= batchBytes {
			t.Errorf("a frame of %d bytes", bytes)
		}
	}
	d.rest()
	d.same()
}

// TestMany_GivesUpALargeValueOfItsPartition, as a BATCH does, and of no other one.
func TestMany_GivesUpALargeValueOfItsPartition(t *testing.T) {
	for _, same := range []bool{true, false} {
		d := largeDuo(t)
		d.heal()
		s := d.n[1].s
		key := []byte("k")
		part := store.PartitionOf(key)
		n := s.rx.n
		feed := func(write func(w *wire.Writer, n uint64)) error {
			n++
			return s.OnFrame(d.now, body(t, func(w *wire.Writer) { write(w, n) }))
		}
		err := feed(func(w *wire.Writer, n uint64) {
			w.Piece(&wire.Piece{N: n, Part: part, Key: key, Version: 9, Bytes: 10, Data: []byte("abc")})
		})
		if err != nil {
			t.Fatal(err)
		}
		other := part ^ 1
		if same {
			other = part
		}
		if err := feed(func(w *wire.Writer, n uint64) {
			writeMany(w, n, store.Live, []store.Batch{{Part: part ^ 2, To: 1}, {Part: other, To: 1}})
		}); err != nil {
			t.Fatal(err)
		}
		if (s.rx.in == nil) != same {
			t.Errorf("same partition %v: the pieces are gone %v", same, s.rx.in == nil)
		}
		d.cut()
	}
}

// TestMany_SmallCopyTakesFewFrames: where the walks of partitions end, the next ones go on in the
// same frame, and each is said to be done.
func TestMany_SmallCopyTakesFewFrames(t *testing.T) {
	d := newDuo(t)
	keys := keysOfParts(100)
	for _, key := range keys {
		d.set(0, key, "v")
	}
	d.link()
	d.until("a session", func() bool { return d.n[0].s.Established() })
	frames := 0
	said := map[int]int{}
	for range 200 {
		d.now++
		for _, b := range d.saidBy(0) {
			switch {
			case b.Type == wire.TMany && b.Many.Lane == store.Bulk:
				frames++
			case b.Type == wire.TDone:
				said[b.Done.Part]++
			}
		}
		d.send(1)
		for i := range d.n {
			for d.take(i) {
			}
		}
	}
	if frames > 3 {
		t.Errorf("%d frames of the bulk lane", frames)
	}
	for _, key := range keys {
		if part := store.PartitionOf([]byte(key)); said[part] != 1 {
			t.Errorf("partition %d was said to be done %d times", part, said[part])
		}
	}
	d.rest()
	d.same()
}
