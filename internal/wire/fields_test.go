package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"twincached/store"
)

// spans is where every value of a body begins and ends, at any depth.
func spans(t *testing.T, body []byte) (all [][2]int) {
	t.Helper()
	d := &Decoder{}
	_ = d.Decode(nil, &Body{})
	d.src.b, d.src.pos, d.err = body, 0, nil
	var walk func()
	walk = func() {
		i := len(all)
		all = append(all, [2]int{d.src.pos})
		c, _ := d.src.peek()
		nested, n, err := d.head(c)
		if err != nil {
			t.Fatal(err)
		}
		d.src.take(n)
		for range nested {
			walk()
		}
		all[i][1] = d.src.pos
	}
	walk()
	return all
}

// kind is the family of a msgpack code.
func kind(c byte) string {
	switch {
	case c <= msgpcode.PosFixedNumHigh, c >= msgpcode.Uint8 && c <= msgpcode.Uint64:
		return "unsigned"
	case msgpcode.IsBin(c):
		return "bin"
	case msgpcode.IsString(c):
		return "str"
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return "array"
	case c == msgpcode.True, c == msgpcode.False:
		return "bool"
	}
	return fmt.Sprintf("%#x", c)
}

func TestDecode_WrongKindsAreRefusedEverywhere(t *testing.T) {
	aliens := [][]byte{
		pack(nil), pack(true), pack(-1), pack(-1 << 40), pack(1.5), pack("x"), pack([]byte("x")), pack(list(1)), pack(1),
		{msgpcode.Str8, 1, 'x'}, {msgpcode.Str16, 0, 1, 'x'}, {msgpcode.Str32, 0, 0, 0, 1, 'x'}, {msgpcode.Bin16, 0, 1, 'x'},
		{msgpcode.Bin32, 0, 0, 0, 1, 'x'}, {msgpcode.Array16, 0, 1, 1}, {msgpcode.Array32, 0, 0, 0, 1, 1}, {0x80}, {0x81, 1, 1}, {0xd4, 1, 1}, {0xc1},
	}
	var d Decoder
	var b Body
	tried := 0
	for _, s := range samples() {
		body := bodyOf(s.write)
		for _, at := range spans(t, body) {
			for _, alien := range aliens {
				if kind(alien[0]) == kind(body[at[0]]) {
					continue
				}
				bad := bytes.Join([][]byte{body[:at[0]], alien, body[at[1]:]}, nil)
				if err := d.Decode(bad, &b); err == nil {
					t.Fatalf("%s: %x in place of %x at %d is accepted", s.name, alien, body[at[0]:at[1]], at[0])
				}
				tried++
			}
		}
	}
	if tried < 5_000 {
		t.Errorf("only %d cases", tried)
	}
}

func TestDecode_ExtraElementsAreIgnored(t *testing.T) {
	extras := []any{nil, 7, -7, 1.5, "text", []byte("bin"), list(1, list(2, "three"), list()), true}
	var d Decoder
	for _, s := range samples() {
		if s.name == "hello" || s.name == "state" {
			continue // what follows it are the last two of hello_memory, and that of state_heir
		}
		body := bodyOf(s.write)
		if body[0] < 0x90 || body[0] > 0x9f {
			t.Fatalf("%s: head %#x", s.name, body[0])
		}
		fields := int(body[0] - 0x90)
		longer := []byte{msgpcode.Array16, 0, byte(fields + len(extras) + 2)}
		longer = append(longer, body[1:]...)
		for _, e := range extras {
			longer = append(longer, pack(e)...)
		}
		longer = append(longer, 0x82, 1, 2, 0xa1, 'k', 0x91, 3) // a map
		longer = append(longer, 0xc7, 3, 9, 1, 2, 3)            // an ext
		var got, want Body
		if err := d.Decode(longer, &got); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		s.want(&want)
		want.Type = s.typ
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded\n%+v\nwant\n%+v", s.name, field(&got), field(&want))
		}
	}
}

func TestDecode_ExtraElementsInsideArraysAreIgnored(t *testing.T) {
	item := list([]byte("k"), 0, 9, 9, 0, 0, []byte("v"), 0xf2, "new", list(1, 2))
	var d Decoder
	var b Body
	if err := d.Decode(pack(list(TBatch, 1, 2, 0, 3, list(item, item))), &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Batch.Records) != 2 || string(b.Batch.Records[1].Value) != "v" || b.Batch.Records[1].Marks != store.MarkWon {
		t.Errorf("records are %v", b.Batch.Records)
	}
	cursor := list(1, 2, 3, "new")
	state := list(TState, 1, 1, 0, list(0, 0, 5), 0, 0, make([]byte, 16), make([]byte, 16), repeat(256, cursor))
	if err := d.Decode(pack(state), &b); err != nil {
		t.Fatal(err)
	}
	if want := (store.Cursor{A: 1, T: 2, B: 3}); b.State.Cursors[255] != want {
		t.Errorf("cursor is %v", b.State.Cursors[255])
	}
}

func TestDecode_IntegersOfAnyWidthAndSign(t *testing.T) {
	var d Decoder
	var b Body
	for _, n := range [][]byte{
		{5}, {0xcc, 5}, {0xcd, 0, 5}, {0xce, 0, 0, 0, 5}, {0xcf, 0, 0, 0, 0, 0, 0, 0, 5},
		{0xd0, 5}, {0xd1, 0, 5}, {0xd2, 0, 0, 0, 5}, {0xd3, 0, 0, 0, 0, 0, 0, 0, 5},
	} {
		if err := d.Decode(append([]byte{0x92, byte(TAck)}, n...), &b); err != nil || b.Ack.N != 5 {
			t.Errorf("%x: n %d, %v", n, b.Ack.N, err)
		}
	}
	for _, n := range [][]byte{{0xff}, {0xd0, 0xff}, {0xd1, 0xff, 0xff}, {0xd3, 0xff, 0, 0, 0, 0, 0, 0, 5}} {
		wantErr(t, d.Decode(append([]byte{0x92, byte(TAck)}, n...), &b), ErrMalformed, "ACK: n")
	}
}

func TestDecode_ValuesOutOfRange(t *testing.T) {
	id := bytes.Repeat([]byte{1}, 16)
	hello := list(THello, 1, 1, 0, "c", id, id, make([]byte, 32), 0, 256, 1, 1, "s")
	state := list(TState, 1, 1, 0, list(0, 0), 0, 0, id, id, repeat(256, list(1, 2, 3)))
	item := list([]byte("k"), 0, 9, 9, 0, 0, []byte("v"))
	batch := func(items ...any) []any { return list(TBatch, 1, 2, 0, 3, items) }
	grave := list(TGrave, 1, 0, 1, 1, false, []byte{1})
	piece := list(TPiece, 1, 0, 0, []byte("k"), 9, 10, 0, []byte("abc"))
	part := func(part any, items ...any) []any { return list(part, 3, items) }
	many := func(parts ...any) []any { return list(TMany, 1, 0, parts) }
	high, zero := uint64(1)<<63, make([]byte, 16)
	for name, body := range map[string]any{
		"hello proto_min zero":     with(hello, 1, 0),
		"hello proto_max below":    with(with(hello, 1, 2), 2, 1),
		"hello proto_max 2^32":     with(hello, 2, 1<<32),
		"hello cluster too long":   with(hello, 4, strings.Repeat("c", 256)),
		"hello cluster control":    with(hello, 4, "a\r\nb"),
		"hello cluster not UTF-8":  with(hello, 4, "a\xff"),
		"hello node_id short":      with(hello, 5, id[1:]),
		"hello node_id zero":       with(hello, 5, zero),
		"hello inc zero":           with(hello, 6, zero),
		"hello nonce long":         with(hello, 7, make([]byte, 33)),
		"hello slot":               with(hello, 8, 64),
		"hello steady_ms":          with(hello, 11, 1<<53),
		"hello software":           with(hello, 12, "\x1b[2J"),
		"auth short":               list(TAuth, make([]byte, 31)),
		"state clock bit 63":       with(state, 1, high),
		"state flush bit 63":       with(state, 3, high),
		"state pending short":      with(state, 4, list(0)),
		"state node_state":         with(state, 5, 256),
		"state 255 cursors":        with(state, 9, repeat(255, list(1, 2, 3))),
		"state 257 cursors":        with(state, 9, repeat(257, list(1, 2, 3))),
		"state cursor short":       with(state, 9, repeat(256, list(1, 2))),
		"state heir_of short":      append(with(state, 0, TState), id[1:]),
		"batch part":               with(batch(item), 2, 256),
		"batch kind":               with(batch(item), 3, 2),
		"batch 1025 items":         batch(repeat(1025, item)...),
		"item short":               batch(item[:6]),
		"item key empty":           batch(with(item, 0, []byte{})),
		"item key 251":             batch(with(item, 0, make([]byte, 251))),
		"item op reserved":         batch(with(item, 1, 3)),
		"item op reserved, nil":    batch(with(with(item, 1, 3), 6, nil)),
		"item ver bit 63":          batch(with(item, 2, high)),
		"item expver bit 63":       batch(with(item, 3, high)),
		"item exp negative":        batch(with(item, 4, -1)),
		"item exp 2^53":            batch(with(item, 4, 1<<53)),
		"item flags 2^32":          batch(with(item, 5, 1<<32)),
		"tombstone with a value":   batch(with(item, 1, 1)),
		"touch with a value":       batch(with(item, 1, 2)),
		"second of two items":      batch(item, with(item, 1, 9)),
		"packed of nothing":        list(TPacked, 0, []byte("x")),
		"packed above 1 MiB":       list(TPacked, MaxUnpackedBytes+1, []byte("x")),
		"packed without data":      list(TPacked, 1, []byte{}),
		"many kind":                with(many(part(1, item)), 2, 2),
		"many of nothing":          many(),
		"many part":                many(part(256, item)),
		"many batch short":         many(list(1, 3)),
		"many a part twice":        many(part(1, item), part(2), part(1, item)),
		"many 1025 items":          many(part(1, repeat(1024, item)...), part(2, item)),
		"many item in the second":  many(part(1, item), part(2, with(item, 1, 3))),
		"bulk part":                list(TBulk, 1, 256, 1, 1),
		"done part":                list(TDone, 1, 256),
		"flush bit 63":             list(TFlush, 1, high, 0),
		"flush_at version":         list(TFlushAt, 1, high, 1),
		"flush_at negative":        list(TFlushAt, 1, 1, -1),
		"ping t0":                  list(TPing, 1, 1<<53, 0, 0),
		"bye code 256":             list(TBye, 256, ""),
		"bye text long":            list(TBye, 1, strings.Repeat("x", 513)),
		"bye text control":         list(TBye, 1, "a\nb"),
		"grave part":               with(grave, 2, 256),
		"grave floor":              with(grave, 4, high),
		"grave filter 4097":        with(grave, 6, make([]byte, 4097)),
		"grave filter of no bytes": with(grave, 6, []byte{}),
		"pieced with a value":      batch(with(item, 1, 4)),
		"piece of no bytes":        with(piece, 8, []byte{}),
		"piece too long":           with(piece, 7, 8),
		"piece of 2 GiB":           with(piece, 6, 1<<31),
		"piece kind":               with(piece, 3, 2),
		"refused key":              list(TRefused, 1, []byte{}, 1, 1),
		"status of no bytes":       list(TStatus, []byte{}),
		"status too long":          list(TStatus, make([]byte, MaxStatusBytes+1)),
		"status that is a str":     list(TStatus, "x"),
	} {
		var d Decoder
		if err := d.Decode(pack(body), &Body{}); err == nil {
			t.Errorf("%s is accepted", name)
		} else {
			wantErr(t, err, ErrMalformed)
		}
	}
	var d Decoder
	for _, body := range []any{hello, state, batch(item), batch(repeat(1024, item)...), grave, with(grave, 6, make([]byte, 4096)), piece, with(piece, 7, 7), batch(with(with(item, 1, 4), 6, nil)), list(TStatus, make([]byte, MaxStatusBytes))} {
		if err := d.Decode(pack(body), &Body{}); err != nil {
			t.Errorf("a frame in range is refused: %v", err)
		}
	}
}

// An array that counts fewer elements than a frame has does not borrow them from
// what follows it.
func TestDecode_TooFewElementsCounted(t *testing.T) {
	var d Decoder
	var b Body
	for _, s := range samples() {
		body := bodyOf(s.write)
		body[0]--
		want := "too few"
		if s.name == "state_heir" { // without its last field it is a STATE too
			want = "bytes behind"
		}
		wantErr(t, d.Decode(body, &b), ErrMalformed, want)
	}
}
