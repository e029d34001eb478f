package wire

import (
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"twincached/store"
)

// many is the MANY that a Writer has open.
type many struct {
	open    bool
	count   int // where the 2 bytes of the number of batches stand in the buffer
	batches int // that are in it
	recs    int // records in these
	last    int // where the open batch begins
}

// BeginMany opens a MANY. Until EndMany, only the four calls that write a batch of it may
// be made: BeginPart, Record, and EndPart or AbortPart.
func (w *Writer) BeginMany(n uint64, lane store.Lane) {
	w.begin(TMany, 3)
	w.uint(n)
	w.uint(uint64(lane))
	w.out.b = append(w.out.b, msgpcode.Array16, 0, 0)
	w.many = many{open: true, count: len(w.out.b) - 2}
}

// BeginPart opens the batch of a partition in the open MANY. A partition may have only one.
func (w *Writer) BeginPart(part int) {
	if !w.many.open || w.batch.open {
		panic("wire: batch of a partition begun outside a MANY, or inside another one")
	}
	w.many.last = len(w.out.b)
	_ = w.enc.EncodeArrayLen(partFields)
	w.uint(uint64(part))
	w.openBatch(MaxBatchRecords - w.many.recs)
}

// EndPart closes the batch, which brings its partition to position to.
func (w *Writer) EndPart(to uint64) {
	w.closeBatch(to)
	w.many.batches++
	w.many.recs += w.batch.recs
}

// AbortPart takes the open batch back: the MANY is as it was before BeginPart.
func (w *Writer) AbortPart() {
	if w.many.open && w.batch.open {
		w.out.b = w.out.b[:w.many.last]
		w.batch.open = false
	}
}

// EndMany closes the open MANY and says how many batches are in it. Without any, the Writer is
// as it was before BeginMany.
func (w *Writer) EndMany() (batches int) {
	if !w.many.open || w.batch.open {
		panic("wire: end of a MANY that was not begun, or inside a batch of it")
	}
	if w.many.open = false; w.many.batches == 0 {
		w.out.b = w.out.b[:w.start]
		return 0
	}
	binary.BigEndian.PutUint16(w.out.b[w.many.count:], uint16(w.many.batches))
	w.end()
	return w.many.batches
}
