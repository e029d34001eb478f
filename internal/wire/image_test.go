package wire

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"twincached/store"
)

func sampleImageHead() *ImageHead {
	return &ImageHead{
		Format: ImageFormat, Software: "twincached 1.0", Cluster: "shop", NodeID: sampleID(0x10), Line: store.Line{sampleID(0x20), sampleID(0x28)}, Last: true,
		ImageHead: store.ImageHead{
			Clock: 1 << 60, Born: 1 << 59, Flush: 7, Cancelled: 6, Pending: store.PendingFlush{Version: 9, AtMillis: 1_700_000_000_000},
			Slot: 5, Replicated: true, LastPeer: sampleID(0x30), Items: 12, WallMillis: 1_700_000_000_001,
		},
	}
}

func sampleImagePart() *store.ImagePart {
	return &store.ImagePart{
		Part: 200, Seq: 90, SentMax: 80, Copied: 70, Acked: store.Cursor{A: 1, T: 70, B: 79}, Recv: store.Cursor{A: 2, T: 3, B: 4}, ForgotMax: 1 << 58,
		Grave: store.Grave{Gen: 3, Floor: 1 << 57, Filter: []byte{1, 2, 3}}, Items: 2,
	}
}

func sampleImageItems() []store.ImageItem {
	return []store.ImageItem{
		{Record: store.Record{Key: []byte("k"), Version: 5, ExpVersion: 6, Expires: 7, Flags: 8, Value: []byte("v"), Marks: store.MarkWon}, Seq: 11, Bits: store.ImageFromPeer | store.ImageTouched, IdleSeconds: 99},
		{Record: store.Record{Key: []byte("t"), Op: store.RecordTombstone, Version: 5, ExpVersion: 5}, Seq: 90, Bits: store.ImageFetched},
		{Record: store.Record{Key: []byte("l"), Op: store.RecordPieced, Version: 5, ExpVersion: 5}, Seq: 91, Bits: store.MaxImageBits},
	}
}

// imageSamples is one record of each type, and what it decodes to.
func imageSamples() map[Type]struct {
	write func(w *Writer)
	want  ImageBody
} {
	items := sampleImageItems()
	type s = struct {
		write func(w *Writer)
		want  ImageBody
	}
	piece := Piece{Part: 200, Key: []byte("l"), Version: 5, Bytes: 3, At: 1, Data: []byte("ab")}
	refused := Refused{Part: 3, Key: []byte("l"), Version: 5, Why: store.RefusedLocal}
	return map[Type]s{
		TImageHead: {func(w *Writer) { w.ImageHead(sampleImageHead()) }, ImageBody{Head: *sampleImageHead()}},
		TImagePart: {func(w *Writer) { w.ImagePart(sampleImagePart()) }, ImageBody{Part: *sampleImagePart()}},
		TImageItems: {func(w *Writer) {
			w.BeginImageItems(200)
			for i := range items {
				w.ImageItem(&items[i])
			}
			w.EndImageItems()
		}, ImageBody{Items: ImageItems{Part: 200, Items: items}}},
		TImageEnd: {func(w *Writer) { w.ImageEnd(ImageEnd{Items: 3, Digest: 1<<64 - 1}) }, ImageBody{End: ImageEnd{Items: 3, Digest: 1<<64 - 1}}},
		TPiece:    {func(w *Writer) { w.Piece(&piece) }, ImageBody{Piece: piece}},
		TRefused:  {func(w *Writer) { w.Refused(&refused) }, ImageBody{Refused: refused}},
	}
}

// appended is a body with a field of a later release at its end.
func appended(body []byte) []byte {
	n := int(body[0] & 15)
	head := []byte{body[0] + 1}
	rest := body[1:]
	if body[0] == msgpcode.Array16 {
		n, rest = int(binary.BigEndian.Uint16(body[1:])), body[3:]
	}
	if n == 15 || body[0] == msgpcode.Array16 {
		head = binary.BigEndian.AppendUint16([]byte{msgpcode.Array16}, uint16(n+1))
	}
	return append(append(head, rest...), msgpcode.FixedMapLow|1, 1, msgpcode.Nil)
}

func TestImage_RecordsComeBack(t *testing.T) {
	for typ, s := range imageSamples() {
		s.want.Type = typ
		body := bodyOf(s.write)
		for _, body := range [][]byte{body, appended(body)} {
			var d Decoder
			var got ImageBody
			if err := d.DecodeImage(body, &got); err != nil {
				t.Fatalf("%v: %v", typ, err)
			}
			if !reflect.DeepEqual(got, s.want) {
				t.Errorf("%v: %+v, want %+v", typ, got, s.want)
			}
			want := map[Type]int{TImagePart: 200, TImageItems: 200, TPiece: 200}[typ]
			if got := ImageRecordPart(body); got != want && (want != 0 || got != -1) {
				t.Errorf("%v: partition %d, want %d", typ, got, want)
			}
		}
		for cut := range body {
			if err := new(Decoder).DecodeImage(body[:cut], new(ImageBody)); err == nil {
				t.Fatalf("%v cut at %d of %d is accepted", typ, cut, len(body))
			}
		}
	}
}

// TestImage_ItsRecordsAreNothingOnALink: who gets one skips it.
func TestImage_ItsRecordsAreNothingOnALink(t *testing.T) {
	for typ, s := range imageSamples() {
		var b Body
		if err := new(Decoder).Decode(bodyOf(s.write), &b); err != nil || b.Unknown != (typ >= TImageHead) {
			t.Errorf("%v: %v, unknown %v", typ, err, b.Unknown)
		}
	}
	err := new(Decoder).DecodeImage(bodyOf(func(w *Writer) { w.Ack(Ack{1}) }), new(ImageBody))
	wantErr(t, err, ErrMalformed)
}

// TestImage_OfALaterFormat: its number is read, whatever is behind it.
func TestImage_OfALaterFormat(t *testing.T) {
	body := []byte{msgpcode.FixedArrayLow | 3, byte(TImageHead), 2, msgpcode.True}
	var b ImageBody
	if err := new(Decoder).DecodeImage(body, &b); err != nil || b.Head.Format != 2 {
		t.Errorf("format %d, %v", b.Head.Format, err)
	}
}

// TestImage_MemoryInProportion: an item takes memory only where its bytes are.
func TestImage_MemoryInProportion(t *testing.T) {
	body := []byte{msgpcode.FixedArrayLow | 3, byte(TImageItems), 1, msgpcode.Array32, 0, 0, 4, 0}
	if err := new(Decoder).DecodeImage(body, new(ImageBody)); err == nil {
		t.Error("1024 items in no bytes are accepted")
	}
	body[4] = 0xff
	if err := new(Decoder).DecodeImage(append(body, make([]byte, 1<<20)...), new(ImageBody)); err == nil {
		t.Error("too many items are accepted")
	}
}

// TestImage_ALineIsOfWholeIDs: half an id is refused, as it is in STATE.
func TestImage_ALineIsOfWholeIDs(t *testing.T) {
	body := bodyOf(func(w *Writer) { w.ImageHead(sampleImageHead()) })
	id := sampleID(0x28)
	at := bytes.Index(body, id[:])
	body[at-16-1] -= 8
	body = slices.Delete(body, at+8, at+16)
	wantErr(t, new(Decoder).DecodeImage(body, new(ImageBody)), ErrMalformed)
}
