package wire

import (
	"bytes"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// zstdOf is a zstd frame that holds up to 255 bytes as they are: one segment, one raw block.
func zstdOf(p []byte) []byte {
	head := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, byte(len(p)), byte(1 | len(p)<<3), byte(len(p) >> 5), 0}
	return append(head, p...)
}

// zstdZeros is a zstd frame of n bytes, 256 or more and less than 65,792, which names size: one
// block of a repeated 0.
func zstdZeros(n, size int) []byte {
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x60, byte(size - 256), byte((size - 256) >> 8), byte(3 | n<<3), byte(n >> 5), byte(n >> 13), 0}
}

// unpacked is what a Decoder that unpacks makes of a body.
func unpacked(body []byte) (b Body, err error) {
	d := Decoder{Unpacks: true}
	err = d.Decode(body, &b)
	return b, err
}

// A frame that was packed means what it would mean alone, and is smaller; what does not get
// smaller, or is too small or too large, stays as it is.
func TestPack_WhatPaysIsPacked(t *testing.T) {
	batch := costBatch(128)
	many := manyOf(1, store.Live, store.Batch{Part: 3, To: 4, Records: batch.Records[:60]}, store.Batch{Part: 4, To: 5, Records: batch.Records[60:]})
	piece := Piece{1, 2, 0, batch.Records[0].Key, 3, 1 << 20, 4, make([]byte, 4096)}
	noise := make([]byte, 5000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	noisy := Piece{1, 2, 0, batch.Records[0].Key, 3, 1 << 20, 4, noise}
	large := Batch{Part: 3, Records: []store.Record{{Key: []byte("k"), Value: make([]byte, MaxUnpackedBytes)}}}
	for name, tt := range map[string]struct {
		write func(w *Writer)
		packs bool
	}{
		"BATCH":              {func(w *Writer) { writeBatch(w, batch) }, true},
		"MANY":               {func(w *Writer) { writeMany(w, &many) }, true},
		"PIECE":              {func(w *Writer) { w.Piece(&piece) }, true},
		"noise":              {func(w *Writer) { w.Piece(&noisy) }, false},
		"less than 1 KiB":    {func(w *Writer) { writeBatch(w, costBatch(4)) }, false},
		"more than one MiB":  {func(w *Writer) { writeBatch(w, &large) }, false},
		"behind other frame": {func(w *Writer) { w.Ack(Ack{1}); w.Reset(); writeBatch(w, batch) }, true},
	} {
		w := NewWriter()
		w.Ack(Ack{5})
		ack := w.Len()
		tt.write(w)
		if name == "behind other frame" {
			ack = 0
		}
		plain := bytes.Clone(w.Bytes()[ack:])
		before, after := w.Pack(MinPackedBytes)
		got := w.Bytes()[ack:]
		if before != len(plain) || after != len(got) || (after < before) != tt.packs || bytes.Equal(got, plain) == tt.packs {
			t.Errorf("%s: %d bytes become %d, %d are written", name, before, after, len(got))
			continue
		}
		if !tt.packs {
			continue
		}
		body, _, err := Split(got, MaxFrameBytes(0))
		if err != nil {
			t.Fatal(err)
		}
		var want Body
		if err := new(Decoder).Decode(plain[HeadBytes:], &want); err != nil {
			t.Fatal(err)
		}
		b, err := unpacked(body)
		if err != nil || !sameFrame(&b, &want) {
			t.Errorf("%s: %v: %v", name, b.Type, err)
		}
		if err := new(Decoder).Decode(body, &b); err != nil || b.Type != TPacked {
			t.Errorf("%s: a Decoder that does not unpack says %v, %v", name, b.Type, err)
		}
	}
}

// A PACKED is what its sender says that it is, or it is refused; and no claim takes more memory
// than the largest frame that may be packed.
func TestPack_WhatIsWrongIsRefused(t *testing.T) {
	packed := func(n int, data []byte) []byte { return bodyOf(func(w *Writer) { w.Packed(&Packed{n, data}) }) }
	inner := bodyOf(func(w *Writer) { writeBatch(w, &Batch{N: 1, Part: 2}) })
	good := packed(len(inner), zstdOf(inner))
	if b, err := unpacked(good); err != nil || b.Type != TBatch || b.Batch.Part != 2 {
		t.Fatal(b.Type, err)
	}
	ack := bodyOf(func(w *Writer) { w.Ack(Ack{1}) })
	hello := bodyOf(func(w *Writer) { w.Hello(sampleHello()) })
	dict := zstdOf(inner)
	dict[4] |= 1 // a dictionary of one byte's id
	for name, body := range map[string][]byte{
		"a size too small":  packed(len(inner)-1, zstdOf(inner)),
		"a size too large":  packed(len(inner)+1, zstdOf(inner)),
		"more than it says": packed(300, zstdZeros(60_000, 300)),
		"less than it says": packed(60_000, zstdZeros(300, 60_000)),
		"no zstd":           packed(5, []byte("hello")),
		"cut off":           packed(len(inner), zstdOf(inner)[:20]),
		"a dictionary":      packed(len(inner), dict),
		"only a head":       packed(MaxUnpackedBytes, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x10, 0}),
		"two frames":        packed(len(inner), append(zstdOf(inner), zstdOf(nil)...)),
		"a frame to skip":   packed(len(inner), append(zstdOf(inner), 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)),
		"a byte too many":   packed(len(inner), append(zstdOf(inner), 0)),
		"no size":           packed(len(inner), []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 1, 0, 0}),
		"zeros":             packed(300, zstdZeros(300, 300)),
		"PACKED":            packed(len(good), zstdOf(good)),
		"ACK":               packed(len(ack), zstdOf(ack)),
		"HELLO":             packed(len(hello), zstdOf(hello)),
		"a broken batch":    packed(len(inner)-1, zstdOf(inner[:len(inner)-1])),
	} {
		var err error
		if grew := grown(func() { _, err = unpacked(body) }); grew > 2*MaxUnpackedBytes {
			t.Errorf("%s: %d bytes allocated", name, grew)
		}
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPack_AllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	w, batch := NewWriter(), costBatch(128)
	d := Decoder{Unpacks: true}
	var b Body
	if n := testing.AllocsPerRun(100, func() {
		w.Reset()
		writeBatch(w, batch)
		w.Pack(MinPackedBytes)
		if err := d.Decode(w.Bytes()[HeadBytes:], &b); err != nil || b.Type != TBatch {
			t.Fatal(b.Type, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzUnpack: whatever is in a PACKED, it takes the memory of the largest frame that may be
// packed, and is a frame of items or an error.
func FuzzUnpack(f *testing.F) {
	inner := bodyOf(func(w *Writer) { writeBatch(w, costBatch(1)) })
	f.Add(len(inner), zstdOf(inner))
	f.Add(300, zstdZeros(300, 300))
	f.Add(300, zstdZeros(60_000, 300))
	f.Add(MaxUnpackedBytes, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x10, 0})
	w := NewWriter()
	writeBatch(w, costBatch(20))
	w.Pack(0)
	var d Decoder
	var b Body
	if err := d.Decode(w.Bytes()[HeadBytes:], &b); err != nil || b.Type != TPacked {
		f.Fatal(b.Type, err)
	}
	f.Add(b.Packed.Bytes, bytes.Clone(b.Packed.Data))
	d.Unpacks = true
	f.Fuzz(func(t *testing.T, n int, data []byte) {
		if n < 1 || n > MaxUnpackedBytes || len(data) == 0 {
			return
		}
		body := bodyOf(func(w *Writer) { w.Packed(&Packed{n, data}) })
		var b Body
		var err error
		if grew := grown(func() { err = d.Decode(body, &b) }); grew > uint64(66*n+64*len(data)+2*MaxUnpackedBytes) {
			t.Fatalf("%d bytes allocated", grew)
		}
		if err == nil && b.Type != TBatch && b.Type != TMany && b.Type != TPiece {
			t.Fatalf("%v came out", b.Type)
		}
	})
}
