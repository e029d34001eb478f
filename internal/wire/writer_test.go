package wire

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"twincached/store"
)

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("no panic: %s", what)
		}
	}()
	f()
}

func TestWriter_AbortBatchLeavesNoTrace(t *testing.T) {
	w := NewWriter()
	w.Ack(Ack{1})
	before := bytes.Clone(w.Bytes())
	w.BeginBatch(2, 3, store.Live)
	w.Record(&sampleRecords()[0])
	w.AbortBatch()
	w.AbortBatch() // nothing is open: no effect
	if !bytes.Equal(w.Bytes(), before) {
		t.Fatalf("bytes are %x, want %x", w.Bytes(), before)
	}
	w.Ack(Ack{2})
	want := append(before, frameOf(func(w *Writer) { w.Ack(Ack{2}) })...)
	if !bytes.Equal(w.Bytes(), want) {
		t.Errorf("bytes are %x, want %x", w.Bytes(), want)
	}
}

// What is taken back of a MANY is as if it had not been begun: one batch, or all of it.
func TestWriter_AbortPartLeavesNoTrace(t *testing.T) {
	w := NewWriter()
	r := &sampleRecords()[0]
	for _, keep := range []bool{true, false} {
		w.Reset()
		w.Ack(Ack{1})
		want := bytes.Clone(w.Bytes())
		w.BeginMany(2, store.Live)
		w.BeginPart(3)
		w.Record(r)
		w.AbortPart()
		w.AbortPart() // nothing is open: no effect
		batches := 0
		if keep {
			batches = 1
			w.BeginPart(4)
			w.Record(r)
			w.EndPart(5)
			m := manyOf(2, store.Live, store.Batch{Part: 4, To: 5, Records: []store.Record{*r}})
			want = append(want, frameOf(func(w *Writer) { writeMany(w, &m) })...)
		}
		w.BeginPart(5)
		w.Record(r)
		w.AbortPart()
		if got := w.EndMany(); got != batches {
			t.Errorf("%d batches, want %d", got, batches)
		}
		w.Ack(Ack{2})
		if want = append(want, frameOf(func(w *Writer) { w.Ack(Ack{2}) })...); !bytes.Equal(w.Bytes(), want) {
			t.Errorf("bytes are %x, want %x", w.Bytes(), want)
		}
	}
}

func TestWriter_ResetForgetsAnOpenMany(t *testing.T) {
	w := NewWriter()
	w.BeginMany(1, store.Bulk)
	w.BeginPart(1)
	w.Reset()
	w.Ack(Ack{1})
	if want := frameOf(func(w *Writer) { w.Ack(Ack{1}) }); !bytes.Equal(w.Bytes(), want) {
		t.Errorf("bytes are %x, want %x", w.Bytes(), want)
	}
}

func TestWriter_ResetForgetsAnOpenBatch(t *testing.T) {
	w := NewWriter()
	w.BeginBatch(1, 0, store.Bulk)
	w.Reset()
	w.Ack(Ack{1})
	if want := frameOf(func(w *Writer) { w.Ack(Ack{1}) }); !bytes.Equal(w.Bytes(), want) {
		t.Errorf("bytes are %x, want %x", w.Bytes(), want)
	}
}

func TestWriter_FullBatchIsDecoded(t *testing.T) {
	w := NewWriter()
	w.BeginBatch(1<<64-1, 255, store.Bulk)
	r := store.Record{Key: make([]byte, store.MaxKeyBytes), Version: MaxVersion, ExpVersion: MaxVersion, Expires: MaxMillis, Flags: 1<<32 - 1}
	for range MaxBatchRecords {
		w.Record(&r)
	}
	w.EndBatch(1<<64 - 1)
	body, n, err := Split(w.Bytes(), MaxFrameBytes(0))
	if err != nil || n != w.Len() {
		t.Fatalf("n %d of %d, %v", n, w.Len(), err)
	}
	var d Decoder
	var b Body
	if err := d.Decode(body, &b); err != nil {
		t.Fatal(err)
	}
	if b.Batch.N != 1<<64-1 || b.Batch.To != 1<<64-1 || b.Batch.Part != 255 || len(b.Batch.Records) != MaxBatchRecords {
		t.Errorf("n %d, to %d, part %d, %d records", b.Batch.N, b.Batch.To, b.Batch.Part, len(b.Batch.Records))
	}
}

func TestWriter_BrokenInvariantsPanic(t *testing.T) {
	r := &sampleRecords()[0]
	open := func() *Writer { w := NewWriter(); w.BeginBatch(1, 0, store.Live); return w }
	mustPanic(t, "record outside a batch", func() { NewWriter().Record(r) })
	mustPanic(t, "end without a batch", func() { NewWriter().EndBatch(1) })
	mustPanic(t, "frame inside a batch", func() { open().Ack(Ack{1}) })
	mustPanic(t, "batch inside a batch", func() { open().BeginBatch(2, 0, store.Live) })
	many := func() *Writer { w := NewWriter(); w.BeginMany(1, store.Live); return w }
	mustPanic(t, "frame inside a MANY", func() { many().Ack(Ack{1}) })
	mustPanic(t, "record outside a batch of a MANY", func() { many().Record(r) })
	mustPanic(t, "end of a MANY that is not open", func() { NewWriter().EndMany() })
	mustPanic(t, "end of a MANY inside a batch", func() { w := many(); w.BeginPart(1); w.EndMany() })
	mustPanic(t, "batch of a partition without a MANY", func() { NewWriter().BeginPart(1) })
	mustPanic(t, "batch of a partition inside another one", func() { w := many(); w.BeginPart(1); w.BeginPart(2) })
	mustPanic(t, "one record too many in two batches", func() {
		w := many()
		for part := range 2 {
			w.BeginPart(part)
			for range MaxBatchRecords/2 + part {
				w.Record(r)
			}
			w.EndPart(1)
		}
	})
	mustPanic(t, "empty status", func() { NewWriter().Status(Status{}) })
	mustPanic(t, "status too long", func() { NewWriter().Status(Status{make([]byte, MaxStatusBytes+1)}) })
	mustPanic(t, "empty key", func() { open().Record(&store.Record{}) })
	mustPanic(t, "key of 251 bytes", func() { open().Record(&store.Record{Key: make([]byte, 251)}) })
	mustPanic(t, "one record too many", func() {
		w := open()
		for range MaxBatchRecords + 1 {
			w.Record(r)
		}
	})
}

// An expiry that a client made up must not become a frame that the peer refuses.
func TestWriter_AbsurdTimesAreBroughtIntoRange(t *testing.T) {
	for in, want := range map[int64]int64{
		store.AlreadyExpired: 1, -1 << 63: 1, 0: 0, 1: 1, MaxMillis: MaxMillis, MaxMillis + 1: MaxMillis, 1<<63 - 1: MaxMillis,
	} {
		w := NewWriter()
		w.BeginBatch(1, 0, store.Live)
		w.Record(&store.Record{Key: []byte("k"), Expires: in})
		w.EndBatch(1)
		w.FlushAt(FlushAt{2, store.PendingFlush{Version: 1, AtMillis: in}})
		s := sampleState()
		s.Pending.AtMillis = in
		w.State(s)

		var d Decoder
		var b Body
		for rest := w.Bytes(); len(rest) > 0; {
			body, n, err := Split(rest, MaxFrameBytes(0))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(body, &b); err != nil {
				t.Fatalf("%d: %v", in, err)
			}
			rest = rest[n:]
		}
		if got := b.Batch.Records[0].Expires; got != want {
			t.Errorf("expiry %d travels as %d, want %d", in, got, want)
		}
		if b.FlushAt.Pending.AtMillis != want || b.State.Pending.AtMillis != want {
			t.Errorf("pending flush at %d travels as %d and %d, want %d", in, b.FlushAt.Pending.AtMillis, b.State.Pending.AtMillis, want)
		}
	}
}

func TestWriter_ByeTextIsCutAndCleaned(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 600), strings.Repeat("é", 600), "a" + strings.Repeat("é", 600), strings.Repeat("\U0001F600", 200),
		"ab" + strings.Repeat("\U0001F600", 200), "line\r\nline\x00", "not \xff UTF-8", "",
	} {
		var d Decoder
		var b Body
		if err := d.Decode(bodyOf(func(w *Writer) { w.Bye(Bye{ByePlanned, text}) }), &b); err != nil {
			t.Fatalf("%.20q: %v", text, err)
		}
		if len(b.Bye.Text) > MaxByeTextBytes || !utf8.ValidString(b.Bye.Text) || len(text) > MaxByeTextBytes && len(b.Bye.Text) < MaxByeTextBytes-3 {
			t.Errorf("%.20q became %d bytes: %.20q", text, len(b.Bye.Text), b.Bye.Text)
		}
	}
}

func TestMaxFrameBytes_HoldsTheLargestItem(t *testing.T) {
	for item, want := range map[int]int{0: 1 << 20, 1 << 10: 1 << 20, 1 << 20: 1<<20 + 64<<10, 8 << 20: 8<<20 + 64<<10} {
		if got := MaxFrameBytes(item); got != want {
			t.Errorf("item limit %d: %d, want %d", item, got, want)
		}
		frame := frameOf(func(w *Writer) {
			w.BeginBatch(1<<63, 255, store.Live)
			w.Record(&store.Record{Key: make([]byte, 250), Version: MaxVersion, ExpVersion: MaxVersion, Expires: MaxMillis, Flags: 1 << 31, Value: make([]byte, item)})
			w.EndBatch(1 << 63)
		})
		if _, n, err := Split(frame, MaxFrameBytes(item)); n == 0 || err != nil {
			t.Errorf("a batch with one item of %d bytes: n %d, %v", item, n, err)
		}
	}
}

func TestNames_EveryNumberHasOne(t *testing.T) {
	for typ := THello; typ <= TGrave; typ++ {
		if strings.HasPrefix(typ.String(), "type") {
			t.Errorf("type %d has no name", typ)
		}
	}
	for c := ByePlanned; c <= ByeBadFrame; c++ {
		if strings.HasPrefix(c.String(), "code") {
			t.Errorf("code %d has no name", c)
		}
	}
	if Type(200).String() != "type 200" || Type(0).String() != "type 0" || ByeCode(0).String() != "code 0" || ByeCode(99).String() != "code 99" {
		t.Error("an unknown number is not shown as a number")
	}
}
