package wire

import (
	"github.com/klauspost/compress/zstd"
)

// packer compresses. It is made when it is needed first.
type packer struct {
	enc *zstd.Encoder
	out []byte
}

// Pack puts the last frame into a PACKED, if its body is of least to MaxUnpackedBytes, and if
// that makes it smaller by an eighth. It returns the sizes of the frame before and after.
func (w *Writer) Pack(least int) (before, after int) {
	body := w.out.b[w.start+HeadBytes:]
	before = len(body) + HeadBytes
	if len(body) < least || len(body) > MaxUnpackedBytes {
		return before, before
	}
	p := &w.packer
	if p.enc == nil {
		// The window is as large as a usual frame. An error would be one of these options.
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(64<<10), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
		if err != nil {
			panic(err)
		}
		p.enc = enc
	}
	p.out = p.enc.EncodeAll(body, p.out[:0])
	if len(p.out) > len(body)-len(body)/8 {
		return before, before
	}
	w.out.b = w.out.b[:w.start]
	w.Packed(&Packed{Bytes: len(body), Data: p.out})
	return before, len(w.out.b) - w.start
}

// Packed appends a PACKED. Its data are copied.
func (w *Writer) Packed(f *Packed) {
	w.begin(TPacked, 2)
	w.uint(uint64(f.Bytes))
	w.bytes(f.Data)
	w.end()
}

// unpacker takes the frame out of a PACKED. It is made when it is needed first.
type unpacker struct {
	dec *zstd.Decoder
	out []byte
}

func (d *Decoder) packed(p *Packed) int {
	*p = Packed{Bytes: int(d.uint("bytes", MaxUnpackedBytes)), Data: d.bytes("data", 1, MaxUnpackedBytes)}
	if d.err == nil && p.Bytes == 0 {
		d.fail("bytes", "out of range")
	}
	return 2
}

// unpack decodes the frame in a PACKED into b. Its memory is that of the size that the PACKED
// and the compressed data name, which have to agree, and no more.
func (d *Decoder) unpack(p *Packed, b *Body) error {
	u := &d.unpacker
	if u.dec == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(MaxUnpackedBytes), zstd.WithDecoderMaxWindow(MaxUnpackedBytes))
		if err != nil {
			panic(err)
		}
		u.dec = dec
	}
	var head zstd.Header
	if err := head.Decode(p.Data); err != nil || head.Skippable || !head.HasFCS || head.FrameContentSize != uint64(p.Bytes) || head.DictionaryID != 0 {
		d.fail("data", "not of the size that is named")
		return d.err
	}
	if zstdEnd(p.Data, &head) != len(p.Data) {
		d.fail("data", "not one frame")
		return d.err
	}
	if cap(u.out) < p.Bytes {
		u.out = make([]byte, 0, p.Bytes)
	}
	body, err := u.dec.DecodeAll(p.Data, u.out[:0:p.Bytes])
	if err != nil || len(body) != p.Bytes {
		d.fail("data", "cannot be unpacked")
		return d.err
	}
	if err := d.decode(body, b); err != nil {
		return err
	}
	if b.Type != TBatch && b.Type != TMany && b.Type != TPiece {
		d.fail("frame", "not one that is packed")
	}
	return d.err
}

// zstdEnd is where the Zstandard frame ends that data begin with, by the heads of its blocks
// (RFC 8878, 3.1.1.2). -1 = data are cut off. The decoder would go on behind it.
func zstdEnd(data []byte, head *zstd.Header) int {
	at := head.HeaderSize
	for last := false; !last; {
		if at+3 > len(data) {
			return -1
		}
		block := int(data[at]) | int(data[at+1])<<8 | int(data[at+2])<<16
		size := block >> 3
		if block>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		last = block&1 == 1
		at += 3 + size
	}
	if head.HasCheckSum {
		at += 4
	}
	return at
}
