package replicator

import (
	"twincached/internal/rule"
	"twincached/store"
)

// whole writes a large value into the open batch, for a peer that takes no pieces.
func (tx *sender) whole(l *store.Loan) {
	r := l.Record
	if !l.Read(0, l.Bytes, func(value []byte) { r.Value = value; tx.w.Record(&r) }) {
		tx.w.Record(marker(l))
	}
	l.Close()
}

// marker is sent in the place of a value that was taken back before it was sent, as if it
// had been evicted: it kills older copies. What the item is now stands further on in
// the change list.
func marker(l *store.Loan) *store.Record {
	v := l.Version
	if rule.MarkerBelow && (l.Ever == l.Version || !rule.MarkerOfTouched) {
		v--
	}
	return &store.Record{Key: l.Key, Op: store.RecordTombstone, Version: v}
}
