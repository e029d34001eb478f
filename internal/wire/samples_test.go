package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"twincached/store"
)

// sample is one frame that is known byte for byte: testdata/wire/<name>.hex.
type sample struct {
	name  string
	typ   Type
	write func(*Writer)
	want  func(*Body) // fills the field that decoding has to give
}

// sampleID is an ID of counting bytes from first on.
func sampleID(first byte) (id store.ID) {
	for i := range id {
		id[i] = first + byte(i)
	}
	return id
}

func sampleHello() *Hello {
	h := &Hello{
		ProtoMin: 1, ProtoMax: 1, Features: 0, Cluster: "shop", NodeID: sampleID(0x10), Inc: sampleID(0x20),
		Slot: 5, Partitions: store.Partitions, MaxItem: 1 << 20, SteadyMillis: 1_700_000_000_000, Software: "twincached 1.0",
	}
	for i := range h.Nonce {
		h.Nonce[i] = 0xa0 + byte(i)
	}
	return h
}

// sampleHelloMemory says how much memory the node has.
func sampleHelloMemory() *Hello {
	h := sampleHello()
	h.Memory, h.NoEviction = 1<<30, true
	return h
}

func sampleAuth() *Auth {
	return &Auth{MAC: [32]byte(bytes.Repeat([]byte{0x5c}, 32))}
}

func sampleState() *State {
	s := &State{
		State: store.State{
			Clock: 0x0c5c_1234_5678_9a05, Born: 0x0c5c_1234_0000_0005, Flush: 0x0c5c_1200_0000_0005,
			Pending: store.PendingFlush{Version: 0x0c5c_1230_0000_0005, AtMillis: 1_700_000_005_000},
			Items:   20_000, LastPeer: sampleID(0x30),
		},
		ForInc: sampleID(0x30), NodeState: 3,
	}
	s.Cursors[0] = store.Cursor{A: 7, T: 7, B: 7}
	s.Cursors[1] = store.Cursor{A: 100, T: 300, B: 70_000}
	s.Cursors[255] = store.Cursor{A: 1 << 40, T: 1 << 41, B: 1 << 42}
	return s
}

func sampleHeir() *State {
	s := sampleState()
	s.HeirOf = store.Line{sampleID(0x40), sampleID(0x48)}
	return s
}

func sampleRecords() []store.Record {
	return []store.Record{
		{Key: []byte("user:1"), Op: store.RecordValue, Version: 0x0c5c_1234_5678_9a05, ExpVersion: 0x0c5c_1234_5678_9a45, Expires: 1_700_000_060_000, Flags: 4, Value: []byte("ann")},
		{Key: []byte("empty"), Op: store.RecordValue, Version: 9, ExpVersion: 9, Value: []byte{}},
		{Key: []byte("gone"), Op: store.RecordTombstone, Version: 0x0c5c_1234_5678_9b05},
		{Key: []byte("sess"), Op: store.RecordTouch, Version: 9, ExpVersion: 0x0c5c_1234_5678_9c05, Expires: 1_700_000_090_000},
	}
}

func writeBatch(w *Writer, b *Batch) {
	w.BeginBatch(b.N, b.Part, b.Lane)
	for i := range b.Records {
		w.Record(&b.Records[i])
	}
	w.EndBatch(b.To)
}

// manyOf is a MANY of some batches.
func manyOf(n uint64, lane store.Lane, batches ...store.Batch) Many {
	m := Many{N: n, Lane: lane, Batches: batches}
	for _, b := range batches {
		m.Records = append(m.Records, b.Records...)
	}
	return m
}

func writeMany(w *Writer, m *Many) {
	w.BeginMany(m.N, m.Lane)
	for i := range m.Batches {
		b := &m.Batches[i]
		w.BeginPart(b.Part)
		for j := range b.Records {
			w.Record(&b.Records[j])
		}
		w.EndPart(b.To)
	}
	w.EndMany()
}

// samples is every frame there is.
func samples() []sample {
	live := Batch{N: 41, Part: 200, Lane: store.Live, To: 70_004, Records: sampleRecords()}
	marked := Batch{N: 43, Part: 7, Lane: store.Live, To: 9, Records: []store.Record{
		{Key: []byte("old"), Op: store.RecordValue, Version: 9, ExpVersion: 11, Value: []byte("v"), Marks: store.MarkStale | store.MarkWon},
		{Key: []byte("won"), Op: store.RecordTouch, Version: 9, ExpVersion: 12, Marks: store.MarkWon},
	}}
	bulk := Batch{N: 42, Part: 1, Lane: store.Bulk, To: 300}
	pieced := Batch{N: 51, Part: 200, Lane: store.Live, To: 70_005, Records: []store.Record{
		{Key: []byte("video"), Op: store.RecordPieced, Version: 0x0c5c_1234_5678_9a05, ExpVersion: 0x0c5c_1234_5678_9a05, Expires: 1_700_000_060_000, Flags: 4},
	}}
	piece := Piece{N: 50, Part: 200, Lane: store.Live, Key: []byte("video"), Version: 0x0c5c_1234_5678_9a05, Bytes: 300_000_000, At: 65_536, Data: []byte("frames")}
	many := manyOf(52, store.Live, store.Batch{Part: 200, To: 70_006, Records: sampleRecords()[:1]},
		store.Batch{Part: 3, To: 5, Records: sampleRecords()[1:]}, store.Batch{Part: 255, To: 1 << 40, Records: []store.Record{}})
	manyBulk := manyOf(53, store.Bulk, store.Batch{Part: 7, To: 300, Records: sampleRecords()[:1]})
	packed := Packed{Bytes: len(bodyOf(func(w *Writer) { writeBatch(w, &bulk) })), Data: zstdOf(bodyOf(func(w *Writer) { writeBatch(w, &bulk) }))}
	refused := Refused{Part: 200, Key: []byte("video"), Version: 0x0c5c_1234_5678_9a05, Why: store.RefusedTooLarge}
	status := Status{Text: []byte(`{"at_ms":1700000000000,"state":{"word":"ready"}}`)}
	filter := bytes.Repeat([]byte{0x81, 0}, 8)
	return []sample{
		{"hello", THello, func(w *Writer) { w.Hello(sampleHello()) }, func(b *Body) { b.Hello = *sampleHello() }},
		{"hello_memory", THello, func(w *Writer) { w.Hello(sampleHelloMemory()) }, func(b *Body) { b.Hello = *sampleHelloMemory() }},
		{"auth", TAuth, func(w *Writer) { w.Auth(sampleAuth()) }, func(b *Body) { b.Auth = *sampleAuth() }},
		{"state", TState, func(w *Writer) { w.State(sampleState()) }, func(b *Body) { b.State = *sampleState() }},
		{"state_heir", TState, func(w *Writer) { w.State(sampleHeir()) }, func(b *Body) { b.State = *sampleHeir() }},
		{"batch_live", TBatch, func(w *Writer) { writeBatch(w, &live) }, func(b *Body) { b.Batch = live }},
		{"batch_marked", TBatch, func(w *Writer) { writeBatch(w, &marked) }, func(b *Body) { b.Batch = marked }},
		{"batch_bulk_empty", TBatch, func(w *Writer) { writeBatch(w, &bulk) }, func(b *Body) { b.Batch = bulk }},
		{"bulk", TBulk, func(w *Writer) { w.Bulk(Bulk{43, 1, 300, 78}) }, func(b *Body) { b.Bulk = Bulk{43, 1, 300, 78} }},
		{"done", TDone, func(w *Writer) { w.Done(Done{44, 255}) }, func(b *Body) { b.Done = Done{44, 255} }},
		{"flush", TFlush, func(w *Writer) { w.Flush(Flush{45, 1 << 60, 1 << 59}) }, func(b *Body) { b.Flush = Flush{45, 1 << 60, 1 << 59} }},
		{"flush_at", TFlushAt, func(w *Writer) {
			w.FlushAt(FlushAt{46, store.PendingFlush{Version: 1 << 59, AtMillis: 1_700_000_005_000}})
		},
			func(b *Body) {
				b.FlushAt = FlushAt{46, store.PendingFlush{Version: 1 << 59, AtMillis: 1_700_000_005_000}}
			}},
		{"ack", TAck, func(w *Writer) { w.Ack(Ack{46}) }, func(b *Body) { b.Ack = Ack{46} }},
		{"ping", TPing, func(w *Writer) { w.Ping(Ping{6, 1_700_000_000_200, 12, 34_567}) }, func(b *Body) { b.Ping = Ping{6, 1_700_000_000_200, 12, 34_567} }},
		{"pong", TPong, func(w *Writer) { w.Pong(Pong{6, 1_700_000_000_200, 1_700_000_000_201, 1_700_000_000_202}) },
			func(b *Body) { b.Pong = Pong{6, 1_700_000_000_200, 1_700_000_000_201, 1_700_000_000_202} }},
		{"barrier", TBarrier, func(w *Writer) { w.Barrier(Barrier{47}) }, func(b *Body) { b.Barrier = Barrier{47} }},
		{"bye", TBye, func(w *Writer) { w.Bye(Bye{ByePeerTaken, "another node is linked"}) }, func(b *Body) { b.Bye = Bye{ByePeerTaken, "another node is linked"} }},
		{"grave", TGrave, func(w *Writer) { w.Grave(Grave{48, 9, 3, 1 << 60, false, filter}) }, func(b *Body) { b.Grave = Grave{48, 9, 3, 1 << 60, false, filter} }},
		{"piece", TPiece, func(w *Writer) { w.Piece(&piece) }, func(b *Body) { b.Piece = piece }},
		{"batch_pieced", TBatch, func(w *Writer) { writeBatch(w, &pieced) }, func(b *Body) { b.Batch = pieced }},
		{"many_live", TMany, func(w *Writer) { writeMany(w, &many) }, func(b *Body) { b.Many = many }},
		{"many_bulk", TMany, func(w *Writer) { writeMany(w, &manyBulk) }, func(b *Body) { b.Many = manyBulk }},
		{"packed", TPacked, func(w *Writer) { w.Packed(&packed) }, func(b *Body) { b.Packed = packed }},
		{"refused", TRefused, func(w *Writer) { w.Refused(&refused) }, func(b *Body) { b.Refused = refused }},
		{"status", TStatus, func(w *Writer) { w.Status(status) }, func(b *Body) { b.Status = status }},
		{"grave_saturated", TGrave, func(w *Writer) { w.Grave(Grave{49, 9, 4, 1 << 60, true, nil}) }, func(b *Body) { b.Grave = Grave{49, 9, 4, 1 << 60, true, []byte{}} }},
	}
}

// frameOf is the one frame that write makes.
func frameOf(write func(*Writer)) []byte {
	w := NewWriter()
	write(w)
	return bytes.Clone(w.Bytes())
}

// bodyOf is frameOf without the head.
func bodyOf(write func(*Writer)) []byte { return frameOf(write)[HeadBytes:] }

// sampleBody is the body of the named sample.
func sampleBody(t testing.TB, name string) []byte {
	t.Helper()
	for _, s := range samples() {
		if s.name == name {
			return bodyOf(s.write)
		}
	}
	t.Fatalf("no sample %q", name)
	return nil
}

// wantErr fails unless err is is and speaks of each of the parts.
func wantErr(t testing.TB, err, is error, parts ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error is %v, want %v", err, is)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error is %q, want it to say %q", err, p)
		}
	}
}

// field is the field of b that its type says.
func field(b *Body) any {
	return map[Type]any{
		THello: &b.Hello, TAuth: &b.Auth, TState: &b.State, TBatch: &b.Batch, TBulk: &b.Bulk, TDone: &b.Done,
		TFlush: &b.Flush, TFlushAt: &b.FlushAt, TAck: &b.Ack, TPing: &b.Ping, TPong: &b.Pong,
		TBarrier: &b.Barrier, TBye: &b.Bye, TGrave: &b.Grave, TPiece: &b.Piece, TMany: &b.Many, TPacked: &b.Packed, TRefused: &b.Refused, TStatus: &b.Status,
	}[b.Type]
}
