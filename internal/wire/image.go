package wire

import (
	"encoding/binary"
	"math"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"twincached/store"
)

// An image is a file of records that are framed as frames are. Beside its own, it has PIECE
// for values that are too large for one record, and REFUSED. On a link nobody sends them, and
// who gets one skips it, as any type that it does not know.

// Types of an image's own records. They stand in files: append only. A release that adds one
// raises ImageFormat.
const (
	TImageHead  Type = 0x60
	TImagePart  Type = 0x61
	TImageItems Type = 0x62
	TImageEnd   Type = 0x63
)

// ImageFormat is the format that this release writes, and the newest one that it reads.
const ImageFormat = 1

// MaxImageBytes is the largest body of a record.
const MaxImageBytes = 1 << 20

// MaxImageItems is how many items one record has at most.
const MaxImageItems = 1024

// ImageHead is the first record.
type ImageHead struct {
	Format   uint64
	Software string // for people: who wrote it
	Cluster  string
	NodeID   store.ID
	Line     store.Line // the process that wrote it, and those that it went on from; zero: it is a dump
	Last     bool       // that process could be sure that no peer was left behind
	store.ImageHead
}

// ImageItems is the next items of a partition. After decoding, Items is reused by the next
// DecodeImage into the same ImageBody, and keys and values point into the record's body.
type ImageItems struct {
	Part  int
	Items []store.ImageItem
}

// ImageEnd is the last record.
type ImageEnd struct {
	Items  uint64 // how many were written
	Digest uint64 // XXH64 of the checksums of all records before, each as 4 bytes, big endian
}

// ImageBody is one decoded record: Type says which of the other fields holds it.
type ImageBody struct {
	Type    Type
	Head    ImageHead
	Part    store.ImagePart
	Items   ImageItems
	End     ImageEnd
	Piece   Piece
	Refused Refused
}

// ImageHead appends a HEAD. Software and Cluster are those of a checked Hello.
func (w *Writer) ImageHead(h *ImageHead) {
	w.begin(TImageHead, 16)
	w.uint(h.Format)
	w.string(h.Software)
	w.string(h.Cluster)
	w.bytes(h.NodeID[:])
	w.line(&h.Line)
	w.bytes(h.LastPeer[:])
	w.uint(uint64(h.Slot))
	w.uint(h.Clock)
	w.uint(h.Born)
	w.uint(h.Flush)
	w.uint(h.Cancelled)
	_ = w.enc.EncodeArrayLen(2)
	w.uint(h.Pending.Version)
	w.int(clampMillis(h.Pending.AtMillis))
	w.int(clampMillis(h.WallMillis))
	_ = w.enc.EncodeBool(h.Last)
	_ = w.enc.EncodeBool(h.Replicated)
	w.uint(h.ImageHead.Items)
	w.end()
}

// ImagePart appends a PART. Its filter is copied.
func (w *Writer) ImagePart(p *store.ImagePart) {
	w.begin(TImagePart, 12)
	w.uint(uint64(p.Part))
	w.uint(p.Seq)
	w.uint(p.SentMax)
	w.uint(p.Copied)
	for _, c := range [...]store.Cursor{p.Acked, p.Recv} {
		_ = w.enc.EncodeArrayLen(3)
		w.uint(c.A)
		w.uint(c.T)
		w.uint(c.B)
	}
	w.uint(p.ForgotMax)
	w.uint(p.Grave.Gen)
	w.uint(p.Grave.Floor)
	_ = w.enc.EncodeBool(p.Grave.Saturated)
	w.bytes(p.Grave.Filter)
	w.uint(p.Items)
	w.end()
}

// imageItems is the ITEMS that a Writer has open.
type imageItems struct {
	count int    // where the 2 bytes of the count stand
	items int    // in it
	seq   uint64 // of the last one
}

// BeginImageItems opens an ITEMS. Until EndImageItems only ImageItem may be called.
func (w *Writer) BeginImageItems(part int) {
	w.begin(TImageItems, 2)
	w.uint(uint64(part))
	w.out.b = append(w.out.b, msgpcode.Array16, 0, 0)
	w.image = imageItems{count: len(w.out.b) - 2}
}

// ImageItem appends an item to the open ITEMS; key and value are copied. At most MaxImageItems
// fit.
func (w *Writer) ImageItem(it *store.ImageItem) {
	if w.image.items == MaxImageItems || len(it.Key) == 0 || len(it.Key) > store.MaxKeyBytes {
		panic("wire: an item of an image that cannot be")
	}
	_ = w.enc.EncodeArrayLen(imageItemFields)
	w.plain(&it.Record)
	w.uint(uint64(it.Marks))
	w.uint(it.Seq - w.image.seq)
	w.uint(uint64(it.Bits))
	w.uint(uint64(it.IdleSeconds))
	w.image.items++
	w.image.seq = it.Seq
}

// ImageItems is how many items the open ITEMS has.
func (w *Writer) ImageItems() int { return w.image.items }

// EndImageItems closes the open ITEMS.
func (w *Writer) EndImageItems() {
	binary.BigEndian.PutUint16(w.out.b[w.image.count:], uint16(w.image.items))
	w.end()
}

// ImageEnd appends an END.
func (w *Writer) ImageEnd(e ImageEnd) {
	w.begin(TImageEnd, 3)
	w.uint(store.Partitions)
	w.uint(e.Items)
	w.uint(e.Digest)
	w.end()
}

// Elements of an item of an image: those of a record with marks, sequence, bits and idle time.
const (
	imageItemFields   = recordFields + 4
	imageItemMinBytes = recordMinBytes + 4
)

// DecodeImage decodes the body of one record of an image, as Decode does with that of a frame.
// A type that is none of an image is an error.
func (d *Decoder) DecodeImage(body []byte, b *ImageBody) error {
	elements := d.open(body)
	defer d.release()
	if b.Type = d.frame; d.err != nil {
		return d.err
	}
	return d.close(elements, d.imageFields(b))
}

func (d *Decoder) imageFields(b *ImageBody) int {
	switch b.Type {
	case TImageHead:
		return d.imageHead(&b.Head)
	case TImagePart:
		return d.imagePart(&b.Part)
	case TImageItems:
		b.Items.Part = d.part()
		b.Items.Items = d.imageItems(b.Items.Items[:0])
		return 2
	case TImageEnd:
		if n := d.any64("parts"); n != store.Partitions {
			d.fail("parts", "not 256")
		}
		b.End = ImageEnd{Items: d.any64("items"), Digest: d.any64("digest")}
		return 3
	case TPiece:
		return d.piece(&b.Piece)
	case TRefused:
		return d.refused(&b.Refused)
	}
	d.fail("type", "not of an image")
	return 0
}

// imageHead reads the format first: what a later one has behind it is not known here.
func (d *Decoder) imageHead(h *ImageHead) int {
	*h = ImageHead{Format: d.any64("format")}
	if h.Format != ImageFormat {
		d.skip(d.given - 1)
		return d.given
	}
	h.Software = d.text("software", MaxSoftwareBytes)
	h.Cluster = d.text("cluster", MaxClusterBytes)
	h.NodeID, h.Line, h.LastPeer = store.ID(d.fixed("node_id", 16)), d.line("line", 0), store.ID(d.fixed("last_peer_inc", 16))
	h.Slot = uint8(d.uint("slot", MaxSlot))
	h.Clock, h.Born = d.version("clock"), d.version("born")
	h.Flush, h.Cancelled = d.version("flush"), d.version("cancelled")
	extra := d.array("pending", 2) - 2
	h.Pending = d.pending()
	d.skip(extra)
	h.WallMillis = d.millis("wall_ms")
	h.Last, h.Replicated = d.bool("last"), d.bool("replicated")
	h.ImageHead.Items = d.any64("items")
	return 16
}

func (d *Decoder) imagePart(p *store.ImagePart) int {
	*p = store.ImagePart{Part: d.part(), Seq: d.any64("seq"), SentMax: d.any64("sent_max"), Copied: d.any64("copied")}
	p.Acked, p.Recv = d.cursor(), d.cursor()
	p.ForgotMax = d.version("forgot_max")
	p.Grave = store.Grave{Gen: d.any64("gen"), Floor: d.version("floor"), Saturated: d.bool("saturated"), Filter: d.bytes("filter", 0, MaxFilterBytes)}
	p.Items = d.any64("items")
	return 12
}

func (d *Decoder) imageItems(items []store.ImageItem) []store.ImageItem {
	n := d.array("items", 0)
	if n > MaxImageItems || n > d.src.left()/imageItemMinBytes {
		d.fail("items", "more than fit")
		return items
	}
	for seq := uint64(0); n > 0 && d.err == nil; n-- {
		items = append(items, store.ImageItem{})
		it := &items[len(items)-1]
		extra := d.array("item", imageItemFields) - imageItemFields
		d.plain(&it.Record)
		it.Marks = d.marks()
		seq += d.any64("seq")
		it.Seq = seq
		it.Bits = store.ImageBits(d.any64("bits")) & store.MaxImageBits
		it.IdleSeconds = uint32(d.uint("idle", math.MaxUint32))
		d.skip(extra)
	}
	return items
}

// ImageRecordPart is the partition of a PART, ITEMS or PIECE, without decoding it; -1: the body
// is of another record, or of none.
func ImageRecordPart(body []byte) int {
	at := 1
	if len(body) > 0 && body[0] == msgpcode.Array16 { // a later release has appended fields
		at = 3
	}
	if len(body) < at+5 {
		return -1
	}
	switch Type(body[at]) {
	case TPiece: // [type, n, part, ...]: n is 0 in an image
		at += 2
	case TImagePart, TImageItems:
		at++
	default:
		return -1
	}
	switch {
	case body[at] <= msgpcode.PosFixedNumHigh:
		return int(body[at])
	case body[at] == msgpcode.Uint8:
		return int(body[at+1])
	}
	return -1
}
