package wire

import (
	"math"

	"twincached/store"
)

// Elements of a record without marks, and the fewest bytes that one with a key of one byte
// takes: a head, three bytes of key, one byte for each of the rest.
const (
	recordFields   = 7
	recordMinBytes = 1 + 3 + (recordFields - 1)
)

// reservedOp is between ops that are known, and means nothing yet.
const reservedOp store.RecordOp = 3

func (d *Decoder) batch(b *Batch) int {
	b.N = d.any64("n")
	b.Part = d.part()
	b.Lane = d.lane()
	b.To = d.any64("to")
	b.Records = b.Records[:0]

	n := d.array("items", 0)
	if n > MaxBatchRecords || n > d.src.left()/recordMinBytes {
		d.fail("items", "more than fit")
		return 5
	}
	for range n {
		b.Records = append(b.Records, store.Record{})
		d.record(&b.Records[len(b.Records)-1])
		if d.err != nil {
			break
		}
	}
	return 5
}

// record reads one state of a key into r, which is zero.
func (d *Decoder) record(r *store.Record) {
	extra := d.array("item", recordFields) - recordFields
	r.Key = d.bytes("key", 1, store.MaxKeyBytes)
	if r.Op = store.RecordOp(d.uint("op", uint64(store.RecordPieced))); r.Op == reservedOp {
		d.fail("op", "out of range")
	}
	r.Version = d.version("ver")
	r.ExpVersion = d.version("expver")
	r.Expires = d.millis("exp")
	r.Flags = uint32(d.uint("flags", math.MaxUint32))
	if r.Op == store.RecordValue {
		r.Value = d.bytes("value", 0, math.MaxInt)
	} else {
		d.none("value")
	}
	if extra > 0 {
		r.Marks = store.Marks(d.any64("marks")) & (store.MarkStale | store.MarkWon)
		d.skip(extra - 1)
	}
}
