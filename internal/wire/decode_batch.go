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
	b.Records = d.records(b.Records[:0])
	return 5
}

// records reads an array of records behind those in recs.
func (d *Decoder) records(recs []store.Record) []store.Record {
	n := d.array("items", 0)
	if n > MaxBatchRecords-len(recs) || n > d.src.left()/recordMinBytes {
		d.fail("items", "more than fit")
		return recs
	}
	for range n {
		recs = append(recs, store.Record{})
		d.record(&recs[len(recs)-1])
		if d.err != nil {
			break
		}
	}
	return recs
}

// Elements of a batch of a MANY, and the fewest bytes that one takes.
const (
	partFields   = 3
	partMinBytes = 1 + partFields
)

func (d *Decoder) many(m *Many) int {
	m.N, m.Lane = d.any64("n"), d.lane()
	m.Batches, m.Records = m.Batches[:0], m.Records[:0]
	n := d.array("batches", 1)
	if n > store.Partitions || n > d.src.left()/partMinBytes {
		d.fail("batches", "more than fit")
	}
	var seen store.PartSet
	for ; n > 0 && d.err == nil; n-- {
		extra := d.array("batch", partFields) - partFields
		b := store.Batch{Part: d.part(), To: d.any64("to")}
		before := len(m.Records)
		m.Records = d.records(m.Records)
		b.Records = m.Records[before:]
		d.skip(extra)
		if seen.Has(b.Part) {
			d.fail("part", "twice in a frame")
		}
		seen.Add(b.Part)
		m.Batches = append(m.Batches, b)
	}
	at := 0
	for i := range m.Batches { // again, because m.Records moves where it grows
		end := at + len(m.Batches[i].Records)
		m.Batches[i].Records = m.Records[at:end:end]
		at = end
	}
	return 3
}

// record reads one state of a key into r, which is zero.
func (d *Decoder) record(r *store.Record) {
	extra := d.array("item", recordFields) - recordFields
	d.plain(r)
	if extra > 0 {
		r.Marks = d.marks()
		d.skip(extra - 1)
	}
}

func (d *Decoder) marks() store.Marks {
	return store.Marks(d.any64("marks")) & (store.MarkStale | store.MarkWon)
}

// plain reads the fields that every record has.
func (d *Decoder) plain(r *store.Record) {
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
}
