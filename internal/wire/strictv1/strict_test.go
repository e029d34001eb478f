package strictv1

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"twincached/internal/testkit"
	"twincached/internal/wire"
	"twincached/store"
)

const golden = "../../../testdata/wire"

// frames are the bodies of a file of hex digits; '#' begins a comment.
func frames(t testing.TB, name string) (bodies [][]byte) {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(testkit.ReadFile(t, name)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	raw, err := hex.DecodeString(digits.String())
	for err == nil && len(raw) > 0 {
		body, n, splitErr := wire.Split(raw, wire.MaxFrameBytes(0))
		bodies, raw, err = append(bodies, body), raw[n:], splitErr
	}
	if err != nil || len(bodies) == 0 {
		t.Fatal(name, err)
	}
	return bodies
}

// body is the body of the frame that write makes.
func body(write func(w *wire.Writer)) []byte {
	w := wire.NewWriter()
	write(w)
	return w.Bytes()[wire.HeadBytes:]
}

var own, peers = store.ID{1}, store.ID{2}

func helloOf(id store.ID, features uint64) []byte {
	return body(func(w *wire.Writer) {
		w.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, Features: features, NodeID: id, Inc: id, Partitions: 256, MaxItem: 1 << 20})
	})
}

func authOf() []byte { return body(func(w *wire.Writer) { w.Auth(&wire.Auth{}) }) }

// stateOf is the STATE of a node that holds what cursor says of partition 7 of inc.
func stateOf(inc store.ID, c store.Cursor) []byte {
	s := wire.State{ForInc: inc}
	s.Cursors[7] = c
	return body(func(w *wire.Writer) { w.State(&s) })
}

// opened is a connection whose handshake is done. The peer has the features, and holds what
// cursor says of partition 7.
func opened(t *testing.T, features uint64, cursor store.Cursor) *Conn {
	t.Helper()
	c := &Conn{}
	for i, pair := range [][2][]byte{{helloOf(own, 31), helloOf(peers, features)}, {authOf(), authOf()}, {stateOf(store.ID{}, store.Cursor{}), stateOf(own, cursor)}} {
		if err := c.Said(pair[0]); err != nil {
			t.Fatal(i, err)
		}
		if err := c.Heard(pair[1]); err != nil {
			t.Fatal(i, err)
		}
	}
	return c
}

// batchOf is a BATCH of partition 7.
func batchOf(n uint64, lane store.Lane, to uint64, items ...store.Record) []byte {
	return body(func(w *wire.Writer) {
		w.BeginBatch(n, 7, lane)
		for i := range items {
			w.Record(&items[i])
		}
		w.EndBatch(to)
	})
}

// manyOf is a MANY.
func manyOf(n uint64, lane store.Lane, batches ...store.Batch) []byte {
	return body(func(w *wire.Writer) {
		w.BeginMany(n, lane)
		for _, b := range batches {
			w.BeginPart(b.Part)
			for i := range b.Records {
				w.Record(&b.Records[i])
			}
			w.EndPart(b.To)
		}
		w.EndMany()
	})
}

// packedOf is a PACKED that holds the frame of a body.
func packedOf(body []byte) []byte { return packedBut(body, 0) }

// packedBut is that, and the size that it names is wrong by so much.
func packedBut(inner []byte, wrong int) []byte {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return body(func(w *wire.Writer) {
		w.Packed(&wire.Packed{Bytes: len(inner) + wrong, Data: enc.EncodeAll(inner, nil)})
	})
}

func part(part int, to uint64, items ...store.Record) store.Batch {
	return store.Batch{Part: part, To: to, Records: items}
}

// keyOf7 is a key of partition 7.
var keyOf7 = func() []byte {
	for i := 0; ; i++ {
		if key := fmt.Appendf(nil, "k%d", i); store.PartitionOf(key) == 7 {
			return key
		}
	}
}()

func itemOf(op store.RecordOp) store.Record {
	r := store.Record{Key: keyOf7, Op: op, Version: 1 << 40, ExpVersion: 1 << 40}
	if op == store.RecordValue {
		r.Value = []byte("value")
	}
	return r
}

func pieceOf(n uint64, at, size int, data string) []byte {
	return body(func(w *wire.Writer) {
		w.Piece(&wire.Piece{N: n, Part: 7, Key: keyOf7, Version: 1 << 40, Bytes: size, At: at, Data: []byte(data)})
	})
}

// TestConn_TakesTheRecordedSession, which a node of the first release said.
func TestConn_TakesTheRecordedSession(t *testing.T) {
	c := &Conn{}
	heard := map[int][]byte{0: helloOf(peers, 0), 1: authOf(), 2: stateOf(store.ID{}, store.Cursor{})}
	for i, f := range frames(t, filepath.Join(golden, "session_v1", "peer.hex")) {
		if f[1] == pong {
			if err := c.Heard(body(func(w *wire.Writer) { w.Ping(wire.Ping{ID: 1, T0: 1_700_000_000_000}) })); err != nil {
				t.Fatal(err)
			}
		}
		if f[1] == ack {
			if err := c.Heard(batchOf(1, store.Live, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Said(f); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if h := heard[i]; h != nil {
			if err := c.Heard(h); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestConn_SeesWhatBreaksTheContract: each rule once, behind what is right.
func TestConn_SeesWhatBreaksTheContract(t *testing.T) {
	type said = [][]byte
	gap := store.Cursor{A: 3, T: 9, B: 20}
	valueItem, touchItem, piecedItem := itemOf(store.RecordValue), itemOf(store.RecordTouch), itemOf(store.RecordPieced)
	late := itemOf(store.RecordValue)
	late.Version = 1<<63 - 1
	foreign := itemOf(store.RecordValue)
	foreign.Key = []byte("user:1")
	marked := valueItem
	marked.Marks = 4
	most := make([]store.Record, 1024)
	for i := range most {
		most[i] = valueItem
	}
	small, large := batchOf(1, store.Live, 21, valueItem), batchOf(1, store.Live, 21, most...)
	var full said // one more than may be under way
	for n := uint64(1); len(full) == 0 || (len(full)-1)*(len(large)+wire.HeadBytes) < window; n++ {
		full = append(full, batchOf(n, store.Live, 21, most...))
	}
	const headOfMany = 7 // up to its first batch
	crowd := append(manyOf(1, store.Live, part(7, 21, most...)), manyOf(1, store.Live, part(store.PartitionOf(foreign.Key), 5, foreign))[headOfMany:]...)
	crowd[headOfMany-1] = 2
	patched := func(b []byte, old, new string) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	grave := func(n uint64, part int, gen uint64, filter int) []byte {
		return body(func(w *wire.Writer) {
			w.Grave(wire.Grave{N: n, Part: part, Gen: gen, Floor: 1, Saturated: filter == 0, Filter: make([]byte, filter)})
		})
	}
	frame := func(f func(w *wire.Writer)) []byte { return body(f) }
	for name, tt := range map[string]struct {
		features uint64
		said     said
		why      string // of the last one; "" = nothing is wrong
	}{
		"a batch":                        {0, said{small}, ""},
		"1024 items":                     {0, said{large}, ""},
		"the bulk lane in its gap":       {0, said{batchOf(1, store.Bulk, 4, valueItem), batchOf(2, store.Bulk, 9)}, ""},
		"a number left out":              {0, said{batchOf(2, store.Live, 21)}, "number 2 after 0"},
		"a number twice":                 {0, said{small, small}, "number 1 after 1"},
		"the live lane goes back":        {0, said{batchOf(1, store.Live, 19)}, "the live lane"},
		"the bulk lane stands":           {0, said{batchOf(1, store.Bulk, 3)}, "the bulk lane"},
		"the bulk lane leaves it":        {0, said{batchOf(1, store.Bulk, 10)}, "the bulk lane"},
		"the bulk lane has no gap":       {0, said{frame(func(w *wire.Writer) { w.Done(wire.Done{N: 1, Part: 7}) }), batchOf(2, store.Bulk, 9)}, "the bulk lane"},
		"BULK opens it":                  {0, said{frame(func(w *wire.Writer) { w.Bulk(wire.Bulk{N: 1, Part: 7, T: 30}) }), batchOf(2, store.Bulk, 30)}, ""},
		"a key of another partition":     {0, said{batchOf(1, store.Live, 21, foreign)}, "a key of partition"},
		"a version too late":             {0, said{batchOf(1, store.Live, 21, late)}, "too late"},
		"TOUCH":                          {0, said{batchOf(1, store.Live, 21, touchItem)}, ""},
		"TOUCH in the bulk lane":         {0, said{batchOf(1, store.Bulk, 9, touchItem)}, "TOUCH in the bulk lane"},
		"op 3":                           {0, said{patched(batchOf(1, store.Live, 21, touchItem), string(keyOf7)+"\x02", string(keyOf7)+"\x03")}, "op 3"},
		"op 5":                           {0, said{patched(batchOf(1, store.Live, 21, touchItem), string(keyOf7)+"\x02", string(keyOf7)+"\x05")}, "op: 5"},
		"not the shortest form":          {0, said{{0x92, ack, 0xcd, 0, 0}}, "shortest"},
		"a second BARRIER":               {0, said{frame(func(w *wire.Writer) { w.Barrier(wire.Barrier{N: 1}) }), frame(func(w *wire.Writer) { w.Barrier(wire.Barrier{N: 2}) })}, "second BARRIER"},
		"an ACK of nothing":              {0, said{frame(func(w *wire.Writer) { w.Ack(wire.Ack{N: 1}) })}, "ACK 1 of 0"},
		"a PONG to nothing":              {0, said{frame(func(w *wire.Writer) { w.Pong(wire.Pong{ID: 1}) })}, "which nobody sent"},
		"HELLO again":                    {0, said{helloOf(own, 0)}, "out of place"},
		"a frame behind BYE":             {0, said{frame(func(w *wire.Writer) { w.Bye(wire.Bye{Code: 1}) }), small}, "behind BYE"},
		"graves":                         {0, said{grave(1, 7, 3, 0), grave(2, 7, 4, 4096), grave(3, 8, 1, 1)}, ""},
		"an earlier grave":               {0, said{grave(1, 7, 3, 0), grave(2, 7, 2, 0)}, "generation 2 after 3"},
		"a filter of 4097 bytes":         {0, said{grave(1, 7, 3, 4097)}, "filter"},
		"a type of no release":           {7, said{{0x92, 18, 1}}, "type 18"},
		"an element too many":            {7, said{{0x93, ack, 0, 0}}, "elements"},
		"a byte too many":                {7, said{{0x92, ack, 0, 0}}, "behind the frame"},
		"a piece":                        {1, said{pieceOf(1, 0, 10, "01234"), pieceOf(2, 5, 10, "56789"), batchOf(3, store.Live, 21, piecedItem)}, ""},
		"a piece without bit 0":          {6, said{pieceOf(1, 0, 10, "01234")}, "no bit 0"},
		"PIECED without bit 0":           {6, said{batchOf(1, store.Live, 21, piecedItem)}, "no bit 0"},
		"PIECED without pieces":          {1, said{batchOf(1, store.Live, 21, piecedItem)}, "not sent"},
		"PIECED before the last one":     {1, said{pieceOf(1, 0, 10, "01234"), batchOf(2, store.Live, 21, piecedItem)}, "not sent"},
		"PIECED beside another":          {1, said{pieceOf(1, 0, 5, "01234"), batchOf(2, store.Live, 21, piecedItem, valueItem)}, "not sent"},
		"a piece out of order":           {1, said{pieceOf(1, 0, 10, "01234"), pieceOf(2, 6, 10, "6789")}, "where the last one ended"},
		"a piece beyond the end":         {1, said{pieceOf(1, 0, 4, "01234")}, "ends at 5 of 4"},
		"STATUS":                         {4, said{frame(func(w *wire.Writer) { w.Status(wire.Status{Text: []byte("x")}) })}, ""},
		"STATUS without bit 2":           {3, said{frame(func(w *wire.Writer) { w.Status(wire.Status{Text: []byte("x")}) })}, "no bit 2"},
		"MANY":                           {8, said{manyOf(1, store.Live, part(7, 21, valueItem), part(8, 5)), manyOf(2, store.Bulk, part(7, 4, valueItem))}, ""},
		"MANY to a peer without bit 3":   {7, said{manyOf(1, store.Live, part(7, 21, valueItem))}, "no bit 3"},
		"MANY, the second goes back":     {8, said{manyOf(1, store.Live, part(8, 5), part(7, 19))}, "the live lane"},
		"MANY, after BATCH":              {8, said{small, manyOf(2, store.Live, part(7, 20))}, "the live lane"},
		"BATCH, after MANY":              {8, said{manyOf(1, store.Live, part(7, 21)), batchOf(2, store.Live, 20)}, "the live lane"},
		"MANY of nothing":                {8, said{{0x94, many, 1, 0, 0x90}}, "batches"},
		"MANY, a partition twice":        {8, said{manyOf(1, store.Live, part(7, 21), part(7, 22))}, "twice"},
		"MANY, a key astray":             {8, said{manyOf(1, store.Live, part(8, 5, valueItem))}, "a key of partition"},
		"MANY, TOUCH in the bulk lane":   {8, said{manyOf(1, store.Bulk, part(7, 4, touchItem))}, "TOUCH in the bulk lane"},
		"MANY, 1025 items":               {8, said{crowd}, "1025 items"},
		"MANY with PIECED":               {9, said{pieceOf(1, 0, 5, "01234"), manyOf(2, store.Live, part(7, 21, piecedItem))}, "not alone"},
		"MANY within a large value":      {9, said{pieceOf(1, 0, 10, "01234"), manyOf(2, store.Live, part(8, 5), part(7, 21))}, "not complete"},
		"MANY beside a large value":      {9, said{pieceOf(1, 0, 10, "01234"), manyOf(2, store.Live, part(8, 5))}, ""},
		"MANY above the window":          {8, append(full[:len(full)-1:len(full)-1], manyOf(uint64(len(full)), store.Live, part(8, 5))), "not acknowledged"},
		"PACKED":                         {24, said{packedOf(manyOf(1, store.Live, part(7, 21, most[:50]...)))}, ""},
		"PACKED to a peer without bit 4": {15, said{packedOf(batchOf(1, store.Live, 21, most[:50]...))}, "no bit 4"},
		"PACKED MANY without bit 3":      {16, said{packedOf(manyOf(1, store.Live, part(7, 21, most[:50]...)))}, "no bit 3"},
		"PACKED, another number":         {16, said{packedOf(batchOf(2, store.Live, 21, most[:50]...))}, "number 2 after 0"},
		"PACKED twice":                   {16, said{packedOf(packedOf(batchOf(1, store.Live, 21, most[:50]...)))}, "in PACKED"},
		"PACKED of another size":         {16, said{packedBut(batchOf(1, store.Live, 21, most[:50]...), 1)}, "are named"},
		"an ACK in PACKED":               {16, said{packedOf([]byte{0x92, ack, 0})}, "in PACKED"},
		"no zstd in PACKED":              {16, said{{0x93, packed, 5, 0xc4, 1, 'x'}}, "are named"},
		"REFUSED is a hint of all":       {0, said{frame(func(w *wire.Writer) { w.Refused(&wire.Refused{Part: 7, Key: keyOf7, Version: 1}) })}, ""},
		"marks of a later release":       {0, said{batchOf(1, store.Live, 21, marked)}, "marks 4"},
		"more than the window allows":    {0, full, "not acknowledged"},
	} {
		c := opened(t, tt.features, gap)
		var err error
		for i := 0; i < len(tt.said) && err == nil; i++ {
			if err = c.Said(tt.said[i]); err != nil && i < len(tt.said)-1 {
				t.Fatalf("%s: frame %d: %v", name, i, err)
			}
		}
		if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %q", name, err, tt.why)
		}
	}
}

// TestConn_BothHaveToHaveBit3: a node that does not say in its own HELLO that it reads MANY sends
// none either.
func TestConn_BothHaveToHaveBit3(t *testing.T) {
	c := opened(t, 8, store.Cursor{})
	c.own = 7
	if err := c.Said(manyOf(1, store.Live, part(8, 5))); err == nil || !strings.Contains(err.Error(), "no bit 3") {
		t.Error(err)
	}
}

// TestConn_OrderOfTheHandshake: nothing comes before its time.
func TestConn_OrderOfTheHandshake(t *testing.T) {
	for name, f := range map[string][]byte{"AUTH": authOf(), "STATE": stateOf(store.ID{}, store.Cursor{}), "a batch": batchOf(1, store.Live, 1), "HELLO": helloOf(own, 0)} {
		c := &Conn{}
		if err := c.Said(f); (err == nil) != (name == "HELLO") {
			t.Errorf("%s first: %v", name, err)
		}
	}
	c := &Conn{}
	if err := c.Said(helloOf(own, 0)); err != nil {
		t.Fatal(err)
	}
	if err := c.Said(authOf()); err == nil {
		t.Error("AUTH before the peer's HELLO")
	}
}

// TestParse_TakesLessThanTheDecoder: what this package lets through, a receiver takes. A byte
// or two of each golden frame are changed in many ways.
func TestParse_TakesLessThanTheDecoder(t *testing.T) {
	names, err := filepath.Glob(golden + "/*.hex")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	bodies := frames(t, filepath.Join(golden, "session_v1", "peer.hex"))
	for _, name := range names {
		bodies = append(bodies, frames(t, name)...)
	}
	taken := 0
	d := wire.Decoder{Unpacks: true}
	for _, f := range bodies {
		for i := range min(len(f), 200) {
			for _, change := range []byte{0, 1, 0x80, 0xff, 0x7f, 0x40, 0xcc, 0xc0, 0x10} {
				changed := bytes.Clone(f)
				changed[i] ^= change
				if _, err := parse(changed); err != nil {
					continue
				}
				taken++
				var b wire.Body
				if err := d.Decode(changed, &b); err != nil || b.Unknown {
					t.Fatalf("%x is taken, and the decoder says %v", changed, err)
				}
			}
			if _, err := parse(f[:i]); err == nil {
				t.Fatalf("%x is taken, and cut off", f[:i])
			}
		}
	}
	if taken < 1000 {
		t.Errorf("only %d frames were taken", taken)
	}
}
