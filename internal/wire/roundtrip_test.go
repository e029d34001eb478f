package wire

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"twincached/store"
)

var (
	genVersion = rapid.Uint64Range(0, MaxVersion)
	genMillis  = rapid.Int64Range(0, MaxMillis)
	genPart    = rapid.IntRange(0, store.Partitions-1)
	genID      = rapid.Custom(func(t *rapid.T) store.ID {
		id := store.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		id[15] |= 1 // the zero ID means none
		return id
	})
	genWord    = rapid.StringMatching(`[ -~äλ中]{0,60}`)
	genPending = rapid.Custom(func(t *rapid.T) store.PendingFlush {
		return store.PendingFlush{Version: genVersion.Draw(t, "version"), AtMillis: genMillis.Draw(t, "at")}
	})
	genRecord = rapid.Custom(func(t *rapid.T) store.Record {
		r := store.Record{
			Key: rapid.SliceOfN(rapid.Byte(), 1, store.MaxKeyBytes).Draw(t, "key"),
			Op:  rapid.SampledFrom([]store.RecordOp{0, 1, 2, 4}).Draw(t, "op"), Version: genVersion.Draw(t, "version"),
			ExpVersion: genVersion.Draw(t, "expversion"), Expires: genMillis.Draw(t, "expires"), Flags: rapid.Uint32().Draw(t, "flags"),
		}
		if r.Op == store.RecordValue {
			r.Value = rapid.SliceOfN(rapid.Byte(), 0, 70_000).Draw(t, "value")
		}
		if r.Op != store.RecordTombstone {
			r.Marks = store.Marks(rapid.IntRange(0, 3).Draw(t, "marks"))
		}
		return r
	})
)

// drawBody is any frame that the Writer may be asked for.
func drawBody(t *rapid.T) *Body {
	u := rapid.Uint64()
	b := &Body{Type: rapid.OneOf(rapid.Custom(drawType), rapid.Just(TPacked), rapid.Just(TRefused), rapid.Just(TStatus)).Draw(t, "type")}
	switch b.Type {
	case THello:
		low := rapid.Uint32Range(1, 1<<31).Draw(t, "min")
		b.Hello = Hello{ProtoMin: low, ProtoMax: low + rapid.Uint32Range(0, 9).Draw(t, "range"), Features: u.Draw(t, "features"),
			Cluster: genWord.Draw(t, "cluster"), NodeID: genID.Draw(t, "node"), Inc: genID.Draw(t, "inc"),
			Nonce: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "nonce")), Slot: rapid.Uint8Range(0, MaxSlot).Draw(t, "slot"),
			Partitions: rapid.Uint32().Draw(t, "partitions"), MaxItem: u.Draw(t, "item"), SteadyMillis: genMillis.Draw(t, "steady"),
			Software: genWord.Draw(t, "software")}
	case TAuth:
		b.Auth.MAC = [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "mac"))
	case TState:
		b.State = State{State: store.State{Clock: genVersion.Draw(t, "clock"), Born: genVersion.Draw(t, "born"),
			Flush: genVersion.Draw(t, "flush"), Pending: genPending.Draw(t, "pending"), Items: u.Draw(t, "items"),
			LastPeer: genID.Draw(t, "last")}, ForInc: genID.Draw(t, "for"), NodeState: rapid.Uint8().Draw(t, "state")}
		for range 8 {
			b.State.Cursors[genPart.Draw(t, "part")] = store.Cursor{A: u.Draw(t, "a"), T: u.Draw(t, "t"), B: u.Draw(t, "b")}
		}
	case TBatch:
		b.Batch = Batch{N: u.Draw(t, "n"), Part: genPart.Draw(t, "part"), Lane: store.Lane(rapid.IntRange(0, 1).Draw(t, "lane")),
			To: u.Draw(t, "to"), Records: rapid.SliceOfN(genRecord, 0, 20).Draw(t, "records")}
	case TBulk:
		b.Bulk = Bulk{u.Draw(t, "n"), genPart.Draw(t, "part"), u.Draw(t, "t"), u.Draw(t, "count")}
	case TDone:
		b.Done = Done{u.Draw(t, "n"), genPart.Draw(t, "part")}
	case TFlush:
		b.Flush = Flush{u.Draw(t, "n"), genVersion.Draw(t, "flush"), genVersion.Draw(t, "cancelled")}
	case TFlushAt:
		b.FlushAt = FlushAt{u.Draw(t, "n"), genPending.Draw(t, "pending")}
	case TAck:
		b.Ack.N = u.Draw(t, "n")
	case TPing:
		b.Ping = Ping{u.Draw(t, "id"), genMillis.Draw(t, "t0"), u.Draw(t, "backlog"), u.Draw(t, "bulk")}
	case TPong:
		b.Pong = Pong{u.Draw(t, "id"), genMillis.Draw(t, "t0"), genMillis.Draw(t, "t1"), genMillis.Draw(t, "t2")}
	case TBarrier:
		b.Barrier.N = u.Draw(t, "n")
	case TBye:
		b.Bye = Bye{ByeCode(rapid.Uint8().Draw(t, "code")), genWord.Draw(t, "text")}
	case TGrave:
		b.Grave = Grave{u.Draw(t, "n"), genPart.Draw(t, "part"), u.Draw(t, "gen"), genVersion.Draw(t, "floor"),
			rapid.Bool().Draw(t, "saturated"), rapid.SliceOfN(rapid.Byte(), 1, MaxFilterBytes).Draw(t, "filter")}
	case TPiece:
		b.Piece = Piece{u.Draw(t, "n"), genPart.Draw(t, "part"), store.Lane(rapid.IntRange(0, 1).Draw(t, "lane")), rapid.SliceOfN(rapid.Byte(), 1, 250).Draw(t, "key"),
			genVersion.Draw(t, "version"), store.MaxItemLimitBytes, rapid.IntRange(0, store.MaxItemLimitBytes-70_000).Draw(t, "at"), rapid.SliceOfN(rapid.Byte(), 1, 70_000).Draw(t, "data")}
	case TMany:
		b.Many = drawMany(t)
	case TPacked:
		b.Packed = Packed{rapid.IntRange(1, MaxUnpackedBytes).Draw(t, "bytes"), rapid.SliceOfN(rapid.Byte(), 1, 5000).Draw(t, "data")}
	case TRefused:
		b.Refused = Refused{genPart.Draw(t, "part"), rapid.SliceOfN(rapid.Byte(), 1, 250).Draw(t, "key"), genVersion.Draw(t, "version"), store.Refusal(rapid.Byte().Draw(t, "why"))}
	case TStatus:
		b.Status = Status{rapid.SliceOfN(rapid.Byte(), 1, MaxStatusBytes).Draw(t, "text")}
	}
	return b
}

func drawMany(t *rapid.T) Many {
	var batches []store.Batch
	for _, part := range rapid.SliceOfNDistinct(genPart, 1, 5, rapid.ID[int]).Draw(t, "parts") {
		batches = append(batches, store.Batch{Part: part, To: rapid.Uint64().Draw(t, "to"), Records: rapid.SliceOfN(genRecord, 0, 4).Draw(t, "records")})
	}
	return manyOf(rapid.Uint64().Draw(t, "n"), store.Lane(rapid.IntRange(0, 1).Draw(t, "lane")), batches...)
}

func drawType(t *rapid.T) Type { return Type(rapid.IntRange(int(THello), int(TMany)).Draw(t, "type")) }

// write makes the frame that b holds.
func write(w *Writer, b *Body) {
	switch b.Type {
	case THello:
		w.Hello(&b.Hello)
	case TAuth:
		w.Auth(&b.Auth)
	case TState:
		w.State(&b.State)
	case TBatch:
		writeBatch(w, &b.Batch)
	case TBulk:
		w.Bulk(b.Bulk)
	case TDone:
		w.Done(b.Done)
	case TFlush:
		w.Flush(b.Flush)
	case TFlushAt:
		w.FlushAt(b.FlushAt)
	case TAck:
		w.Ack(b.Ack)
	case TPing:
		w.Ping(b.Ping)
	case TPong:
		w.Pong(b.Pong)
	case TBarrier:
		w.Barrier(b.Barrier)
	case TBye:
		w.Bye(b.Bye)
	case TGrave:
		w.Grave(b.Grave)
	case TPiece:
		w.Piece(&b.Piece)
	case TMany:
		writeMany(w, &b.Many)
	case TPacked:
		w.Packed(&b.Packed)
	case TRefused:
		w.Refused(&b.Refused)
	case TStatus:
		w.Status(b.Status)
	}
}

// sameFrame says whether got and want hold the same frame; a list without
// records may be nil or empty.
func sameFrame(got, want *Body) bool {
	if got.Type != want.Type || got.Unknown != want.Unknown {
		return false
	}
	if got.Type == TBatch && len(got.Batch.Records) == 0 && len(want.Batch.Records) == 0 {
		g, w := got.Batch, want.Batch
		g.Records, w.Records = nil, nil
		return reflect.DeepEqual(g, w)
	}
	if got.Type == TMany {
		return sameMany(&got.Many, &want.Many)
	}
	return reflect.DeepEqual(field(got), field(want))
}

// sameMany is that for a MANY. Records are compared where both find them.
func sameMany(got, want *Many) bool {
	all := func(m *Many) (all []store.Record, ends []store.Batch) {
		for _, b := range m.Batches {
			all = append(all, b.Records...)
			ends = append(ends, store.Batch{Part: b.Part, To: b.To + uint64(len(all))<<32})
		}
		return all, ends
	}
	g, gotEnds := all(got)
	w, wantEnds := all(want)
	same := len(g) == len(w) && len(g) == len(got.Records) && got.N == want.N && got.Lane == want.Lane && reflect.DeepEqual(gotEnds, wantEnds)
	return same && (len(g) == 0 || reflect.DeepEqual(g, w) && reflect.DeepEqual(got.Records, w))
}

// Any frames, one behind the other, come out as they went in, through one Writer,
// one Decoder and one Body.
func TestRoundTrip_AnyFrames(t *testing.T) {
	w := NewWriter()
	var d Decoder
	var got Body
	rapid.Check(t, func(t *rapid.T) {
		w.Reset()
		var want []*Body
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			b := drawBody(t)
			want = append(want, b)
			write(w, b)
		}
		rest := w.Bytes()
		for _, b := range want {
			body, n, err := Split(rest, MaxFrameBytes(2<<20))
			if err != nil || n == 0 || n != FrameNeed(rest) {
				t.Fatalf("%v: n %d of %d, %v", b.Type, n, FrameNeed(rest), err)
			}
			if err := d.Decode(body, &got); err != nil {
				t.Fatalf("%v: %v", b.Type, err)
			}
			if !sameFrame(&got, b) {
				t.Fatalf("%v: decoded\n%+v\nwant\n%+v", b.Type, field(&got), field(b))
			}
			rest = rest[n:]
		}
		if len(rest) > 0 {
			t.Fatalf("%d bytes are left", len(rest))
		}
	})
}

// FuzzDecode: whatever the bytes, Decode ends, takes no memory to speak of, and
// what it accepts means the same after another trip.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(bodyOf(s.write))
	}
	for _, body := range bombs() {
		f.Add(body[:min(len(body), 4096)])
	}
	f.Add([]byte{0x92, 0xcc, 0x80, 0xc1})
	var d Decoder
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second Body
		var err error
		// A record of a dozen bytes takes some hundred, and a list grows by doubling.
		if bytes, most := grown(func() { err = d.Decode(body, &first) }), uint64(64*len(body)+64<<10); bytes > most {
			t.Fatalf("%d bytes allocated for %d", bytes, len(body))
		}
		if err != nil || first.Unknown {
			return
		}
		again := bodyOf(func(w *Writer) { write(w, &first) })
		if err := d.Decode(again, &second); err != nil {
			t.Fatalf("%x becomes %x: %v", body, again, err)
		}
		if !sameFrame(&first, &second) {
			t.Fatalf("%x means\n%+v\nand after another trip\n%+v", body, field(&first), field(&second))
		}
	})
}

// FuzzSplit: what Split takes is the frame that its own head describes.
func FuzzSplit(f *testing.F) {
	for _, s := range samples() {
		frame := frameOf(s.write)
		f.Add(frame, MaxFrameBytes(0))
		f.Add(frame[:len(frame)-1], MaxHandshakeBytes)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1}, MaxHandshakeBytes)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0}, MaxHandshakeBytes)
	f.Fuzz(func(t *testing.T, buf []byte, limit int) {
		body, n, err := Split(buf, limit)
		switch {
		case err != nil:
			if n != 0 || body != nil {
				t.Fatalf("n %d and %d bytes beside %v", n, len(body), err)
			}
		case n == 0:
			if len(buf) >= 4 && FrameNeed(buf) <= len(buf) {
				t.Fatalf("asks for more than the %d bytes it needs", FrameNeed(buf))
			}
		default:
			if n != FrameNeed(buf) || len(body) > limit || !bytes.Equal(reframe(body), buf[:n]) {
				t.Fatalf("took %d of %x", n, buf)
			}
		}
	})
}
