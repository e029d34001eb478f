package wire

import (
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"twincached/store"
)

// batch is the BATCH that a Writer has open, or the batch of a MANY.
type batch struct {
	open  bool
	to    int // where the 8 bytes of the field "to" stand in the buffer
	count int // where the 2 bytes of the record count stand
	recs  int
	most  int // records that may be in it
}

// BeginBatch opens a BATCH. The position it reaches and the number of records
// are known at its end only, so both are written in msgpack's fixed-width forms
// (uint64, array16) and filled in by EndBatch. Until EndBatch or AbortBatch only
// Record may be called.
func (w *Writer) BeginBatch(n uint64, part int, lane store.Lane) {
	w.begin(TBatch, 5)
	w.uint(n)
	w.uint(uint64(part))
	w.uint(uint64(lane))
	w.openBatch(MaxBatchRecords)
}

// openBatch writes the fields "to" and "items", which EndBatch fills in.
func (w *Writer) openBatch(most int) {
	_ = w.enc.EncodeUint64(0)
	w.out.b = append(w.out.b, msgpcode.Array16, 0, 0)
	w.batch = batch{open: true, to: len(w.out.b) - 11, count: len(w.out.b) - 2, most: most}
}

// closeBatch fills them in.
func (w *Writer) closeBatch(to uint64) {
	if !w.batch.open {
		panic("wire: end of a batch that was not begun")
	}
	binary.BigEndian.PutUint64(w.out.b[w.batch.to:], to)
	binary.BigEndian.PutUint16(w.out.b[w.batch.count:], uint16(w.batch.recs))
	w.batch.open = false
}

// Record appends one record to the open batch; key and value are copied. At most
// MaxBatchRecords fit. An expiry that the protocol has no number for is brought
// into range: one that has passed stays passed, a far one stays far.
func (w *Writer) Record(r *store.Record) {
	switch {
	case !w.batch.open:
		panic("wire: record outside a batch")
	case w.batch.recs == w.batch.most:
		panic("wire: too many records in a batch")
	case len(r.Key) == 0 || len(r.Key) > store.MaxKeyBytes:
		panic("wire: record with a key of impossible length")
	}
	w.batch.recs++
	if r.Marks == 0 {
		_ = w.enc.EncodeArrayLen(recordFields)
	} else {
		_ = w.enc.EncodeArrayLen(recordFields + 1)
	}
	w.plain(r)
	if r.Marks != 0 {
		w.uint(uint64(r.Marks))
	}
}

// plain appends the fields that every record has.
func (w *Writer) plain(r *store.Record) {
	w.bytes(r.Key)
	w.uint(uint64(r.Op))
	w.uint(r.Version)
	w.uint(r.ExpVersion)
	w.int(clampMillis(r.Expires))
	w.uint(uint64(r.Flags))
	if r.Op == store.RecordValue {
		w.bytes(r.Value)
	} else {
		_ = w.enc.EncodeNil()
	}
}

// EndBatch closes the open batch, which brings its lane to position to. A batch
// without records is allowed: it moves the position only.
func (w *Writer) EndBatch(to uint64) {
	w.closeBatch(to)
	w.end()
}

// AbortBatch takes the open batch back: the Writer is as it was before
// BeginBatch. Without an open batch it does nothing.
func (w *Writer) AbortBatch() {
	if w.batch.open && !w.many.open {
		w.out.b = w.out.b[:w.start]
		w.batch.open = false
	}
}

// clampMillis keeps a time that a client chose inside 0..MaxMillis. Were an absurd
// expiry sent as it is, the peer would refuse the batch, and again after every
// reconnect.
func clampMillis(millis int64) int64 {
	if millis < 0 {
		return 1 // 1970: has passed, whatever the clock says; 0 would mean never
	}
	return min(millis, MaxMillis)
}
