package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"
	"testing"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// What a stranger, or a broken peer, may send.

func TestSplit_NeedsMoreUntilTheFrameIsWhole(t *testing.T) {
	frame := frameOf(func(w *Writer) { w.Hello(sampleHello()) })
	for cut := range frame {
		body, n, err := Split(frame[:cut], MaxHandshakeBytes)
		if body != nil || n != 0 || err != nil {
			t.Fatalf("cut at %d: %d bytes of body, n %d, %v", cut, len(body), n, err)
		}
		need := len(frame)
		if cut < 4 {
			need = 0
		}
		if got := FrameNeed(frame[:cut]); got != need {
			t.Fatalf("cut at %d: FrameNeed %d, want %d", cut, got, need)
		}
	}
}

func TestSplit_TakesOneFrameOfMany(t *testing.T) {
	w := NewWriter()
	w.Ack(Ack{1})
	first := w.Len()
	w.Ack(Ack{2})
	body, n, err := Split(w.Bytes(), MaxHandshakeBytes)
	if err != nil || n != first || len(body) != first-HeadBytes {
		t.Fatalf("n %d, want %d; %v", n, first, err)
	}
	if cap(body) != len(body) {
		t.Error("body reaches into the next frame")
	}
}

func TestSplit_LengthIsJudgedFirst(t *testing.T) {
	for _, length := range []uint32{0, MaxHandshakeBytes + 1, 1 << 31, 1<<32 - 1} {
		head := binary.BigEndian.AppendUint32(nil, length)
		_, n, err := Split(head, MaxHandshakeBytes)
		wantErr(t, err, ErrFrameLength)
		if n != 0 {
			t.Errorf("length %d: n %d", length, n)
		}
	}
	head := binary.BigEndian.AppendUint32(nil, MaxHandshakeBytes)
	if _, _, err := Split(head, MaxHandshakeBytes); err != nil {
		t.Errorf("a body of the limit is refused: %v", err)
	}
}

func TestSplit_EveryFlippedBitIsSeen(t *testing.T) {
	frame := frameOf(func(w *Writer) { w.Hello(sampleHello()) })
	for i := 4; i < len(frame); i++ { // the length is not under the checksum
		for bit := range 8 {
			bad := bytes.Clone(frame)
			bad[i] ^= 1 << bit
			_, _, err := Split(bad, MaxHandshakeBytes)
			wantErr(t, err, ErrChecksum)
		}
	}
}

func TestDecode_EveryTruncationIsAnError(t *testing.T) {
	var d Decoder
	var b Body
	for _, s := range samples() {
		body := bodyOf(s.write)
		for cut := range body {
			if err := d.Decode(body[:cut], &b); err == nil {
				t.Fatalf("%s cut at %d of %d is accepted", s.name, cut, len(body))
			}
		}
		if err := d.Decode(append(bytes.Clone(body), 0), &b); err == nil {
			t.Fatalf("%s with a byte behind its end is accepted", s.name)
		}
	}
}

// grown is the bytes that f allocates.
func grown(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bombs are small bodies that claim a lot.
func bombs() map[string][]byte {
	type h = []byte
	batch := h{0x96, byte(TBatch), 1, 0, 0, 1}
	hello := h{0x9d, byte(THello), 1, 1, 0}
	grave := h{0x97, byte(TGrave), 1, 0, 1, 1, 0xc2}
	huge := func(kind byte) h { return h{kind, 0xff, 0xff, 0xff, 0xff} }
	item := func(value h) h {
		return bytes.Join([]h{batch, {0x91, 0x97, msgpcode.Bin8, 1, 'k', 0, 1, 1, 0, 0}, value}, nil)
	}
	extra := func(value h) h { return bytes.Join([]h{{0x93, byte(TAck), 1}, value}, nil) }
	deep := extra(bytes.Repeat(h{0x91}, 1<<19))
	many := h{0x94, byte(TMany), 1, 0}
	return map[string][]byte{
		"many batches":     append(bytes.Clone(many), huge(msgpcode.Array32)...),
		"many 65535":       append(bytes.Clone(many), msgpcode.Array16, 0xff, 0xff),
		"many items":       bytes.Join([]h{many, {0x91, 0x93, 1, 1}, huge(msgpcode.Array32)}, nil),
		"many of 257":      bytes.Join([]h{many, {msgpcode.Array16, 1, 1}, bytes.Repeat(h{0x93, 1, 1, 0x90}, 257)}, nil),
		"packed":           append(h{0x93, byte(TPacked), 9}, huge(msgpcode.Bin32)...),
		"frame array":      huge(msgpcode.Array32),
		"batch items":      append(bytes.Clone(batch), huge(msgpcode.Array32)...),
		"batch 65535":      append(bytes.Clone(batch), msgpcode.Array16, 0xff, 0xff),
		"batch nil items":  append(bytes.Clone(batch), msgpcode.Nil),
		"key":              bytes.Join([]h{batch, {0x91, 0x97}, huge(msgpcode.Bin32)}, nil),
		"value":            item(huge(msgpcode.Bin32)),
		"value int32 max":  item(h{msgpcode.Bin32, 0x7f, 0xff, 0xff, 0xff}),
		"cluster":          append(bytes.Clone(hello), huge(msgpcode.Str32)...),
		"piece":            append(h{0x99, byte(TPiece), 1, 0, 0, msgpcode.Bin8, 1, 'k', 1, 9, 0}, huge(msgpcode.Bin32)...),
		"status":           append(h{0x92, byte(TStatus)}, huge(msgpcode.Bin32)...),
		"filter":           append(bytes.Clone(grave), huge(msgpcode.Bin32)...),
		"extra array":      extra(huge(msgpcode.Array32)),
		"extra map":        extra(huge(msgpcode.Map32)),
		"extra bin":        extra(huge(msgpcode.Bin32)),
		"extra str":        extra(huge(msgpcode.Str32)),
		"extra ext":        extra(append(huge(msgpcode.Ext32), 5)),
		"deep nesting":     deep,
		"records of 1 key": append(append(bytes.Clone(batch), msgpcode.Array32, 0, 1, 0, 0), make([]byte, 1<<20)...),
	}
}

func TestDecode_LengthBombsAreRefusedWithoutMemory(t *testing.T) {
	for name, body := range bombs() {
		t.Run(name, func(t *testing.T) {
			var b Body
			var err error
			bytes := grown(func() {
				var d Decoder
				err = d.Decode(body, &b)
			})
			wantErr(t, err, ErrMalformed)
			if bytes >= 16<<10 {
				t.Errorf("%d bytes allocated", bytes)
			}
		})
	}
}

func TestSplit_FourGiBClaimTakesNoMemory(t *testing.T) {
	buf := append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 100)...)
	if n := grown(func() { _, _, _ = Split(buf, MaxFrameBytes(1<<20)) }); n >= 16<<10 {
		t.Errorf("%d bytes allocated", n)
	}
}

func TestDecode_UnknownTypes(t *testing.T) {
	var d Decoder
	var b Body
	for typ := range 256 {
		body := []byte{0x92, msgpcode.Uint8, byte(typ), 0xc1} // 0xc1 is no msgpack: the rest must not be read
		err := d.Decode(body, &b)
		switch {
		case typ == int(TRefused), typ == int(TStatus):
			wantErr(t, err, ErrMalformed)
		case typ >= int(FirstSkippable):
			if err != nil || !b.Unknown || b.Type != Type(typ) {
				t.Errorf("type %d: unknown %v, type %v, %v", typ, b.Unknown, b.Type, err)
			}
		case typ == 0 || typ > int(TPacked):
			wantErr(t, err, ErrUnknownType, fmt.Sprint("type ", typ))
		}
	}
	if err := d.Decode(sampleBody(t, "ack"), &b); err != nil || b.Unknown || b.Ack.N != 46 {
		t.Errorf("after an unknown frame: unknown %v, %+v, %v", b.Unknown, b.Ack, err)
	}
	for _, body := range [][]byte{{0x91, 0xcd, 1, 0}, {0x91, 0xff}, {0x91, 0xa1, '9'}, {0x90}, {0x81, 9, 1}, {0xc0}, {9}, {}} {
		wantErr(t, d.Decode(body, &b), ErrMalformed)
	}
}

// reframe is a whole frame around body, for readers of whole frames.
func reframe(body []byte) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(body, castagnoli))
	return append(frame, body...)
}

func TestReframe_IsWhatTheWriterWrites(t *testing.T) {
	frame := frameOf(func(w *Writer) { w.State(sampleState()) })
	if !bytes.Equal(reframe(frame[HeadBytes:]), frame) {
		t.Error("frames differ")
	}
}
