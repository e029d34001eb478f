package wire

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// costBatch is a batch as a busy sender makes it: 20-byte keys, 100-byte values.
func costBatch(n int) *Batch {
	b := &Batch{N: 1 << 40, Part: 200, To: 1 << 41}
	for i := range n {
		b.Records = append(b.Records, store.Record{
			Key: fmt.Appendf(nil, "user:%015d", i), Version: 0x0c5c_1234_5678_9a05, ExpVersion: 0x0c5c_1234_5678_9a05,
			Expires: 1_700_000_060_000, Flags: 1, Value: make([]byte, 100),
		})
	}
	return b
}

func TestCost_NoFrameAllocates(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	w := NewWriter()
	var d Decoder
	var b Body
	batch, state, grave := costBatch(128), sampleState(), Grave{1, 2, 3, 4, false, make([]byte, MaxFilterBytes)}
	many := manyOf(1, store.Live, store.Batch{Part: 3, To: 4, Records: batch.Records[:60]}, store.Batch{Part: 4, To: 5, Records: batch.Records[60:]})
	piece := Piece{1, 2, 0, batch.Records[0].Key, 3, 1 << 20, 4, make([]byte, 4096)}
	round := func() {
		w.Reset()
		writeBatch(w, batch)
		writeMany(w, &many)
		w.State(state)
		w.Bulk(Bulk{1, 2, 3, 4})
		w.Done(Done{1, 2})
		w.Flush(Flush{1, 2, 3})
		w.FlushAt(FlushAt{1, store.PendingFlush{Version: 2, AtMillis: 3}})
		w.Ack(Ack{1})
		w.Ping(Ping{1, 2, 3, 4})
		w.Pong(Pong{1, 2, 3, 4})
		w.Barrier(Barrier{1})
		w.Grave(grave)
		w.Piece(&piece)
		w.Refused(&Refused{1, batch.Records[0].Key, 2, 1})
		w.Status(Status{piece.Data})
		for rest := w.Bytes(); len(rest) > 0; {
			body, n, err := Split(rest, MaxFrameBytes(0))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(body, &b); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations for 128 records and one of each frame, want none", n)
	}
}

func BenchmarkEncodeRecord(b *testing.B) {
	w, batch := NewWriter(), costBatch(128)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%128 == 0 {
			if i > 0 {
				w.EndBatch(1)
			}
			w.Reset()
			w.BeginBatch(1, 2, store.Live)
		}
		w.Record(&batch.Records[i%128])
	}
}

func BenchmarkBatch128(b *testing.B) {
	batch := costBatch(128)
	w := NewWriter()
	perRecord := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/128, "ns/record")
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.Reset()
			writeBatch(w, batch)
		}
		perRecord(b)
	})
	b.Run("split", func(b *testing.B) {
		for b.Loop() {
			if _, n, err := Split(w.Bytes(), MaxFrameBytes(0)); n == 0 || err != nil {
				b.Fatal(n, err)
			}
		}
		perRecord(b)
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var d Decoder
		var body Body
		for b.Loop() {
			if err := d.Decode(w.Bytes()[HeadBytes:], &body); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
}
