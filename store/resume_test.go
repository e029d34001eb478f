package store

import (
	"strconv"
	"testing"
)

// TestAttach_BulkThatNeverArrived: a peer that was replaced returns, and the link
// breaks before it hears that its copy begins anew. It still names the cursor of its
// first time. What its successor has acknowledged meanwhile it has not.
func TestAttach_BulkThatNeverArrived(t *testing.T) {
	key := []byte("key")
	part := PartitionOf(key)
	pass := func(s *Store, lane Lane) (ops []RecordOp, c Cursor) {
		for more := true; more; {
			sent := s.Collect(part, lane, 10, 1<<20, func(r *Record) { ops = append(ops, r.Op) })
			s.Acked(part, sent.Cursor)
			more, c = sent.More, sent.Cursor
		}
		return ops, c
	}
	s := newTestStore(t, Config{Replicated: true})
	s.set(testNow, "key", "first")
	s.Attach(ID{1}, &State{}, false)
	_, had := pass(s, Bulk)
	first := State{Born: VersionAt(testNow - 10), Items: 1}
	first.Cursors[part] = had

	s.Attach(ID{2}, &State{}, false) // the successor
	pass(s, Bulk)
	s.set(testNow+1, "key", "second")
	pass(s, Live)
	s.Do(testNow+2, &Request{Op: OpTouch, Key: key})

	s.Attach(ID{1}, &first, true) // BULK is lost
	s.Detach()
	s.Attach(ID{1}, &first, true)
	ops, _ := pass(s, Live)
	more, _ := pass(s, Bulk)
	if ops = append(ops, more...); len(ops) != 1 || ops[0] != RecordValue {
		t.Errorf("%v is sent: the peer has never had the value", ops)
	}
}

// BenchmarkAttach_AfterEverythingHasChanged: a session resumes where the peer stands,
// however much has changed since. A link is not up before it has.
func BenchmarkAttach_AfterEverythingHasChanged(b *testing.B) {
	const items = 500_000
	s := newTestStore(b, Config{MemoryBytes: 256 << 20, Replicated: true})
	inc := ID{1}
	set := func() {
		for i := range items {
			s.Do(testNow, &Request{Op: OpSet, Key: strconv.AppendInt(nil, int64(i), 10), Value: []byte("v")})
		}
	}
	set()
	s.Attach(inc, &State{}, false)
	var st State
	for part := range Partitions {
		for _, lane := range []Lane{Bulk, Live} {
			for s.Collect(part, lane, 1<<20, 1<<30, func(*Record) {}).More {
			}
		}
		st.Cursors[part] = s.SentCursor(part)
		s.Acked(part, st.Cursors[part])
	}
	s.Detach()
	set()
	for b.Loop() {
		if starts := s.Attach(inc, &st, true); len(starts) != 0 {
			b.Fatalf("%d copies begin", len(starts))
		}
		s.Detach()
	}
	b.ReportMetric(items, "changes")
}
