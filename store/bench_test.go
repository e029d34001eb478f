package store

import (
	"fmt"
	"testing"
)

// benchPart is a partition, and the keys of it that the benchmarks use.
const benchPart = 7

func benchKeys(n int) (keys [][]byte) {
	for i := 0; len(keys) < n; i++ {
		if key := fmt.Appendf(nil, "key:%d", i); PartitionOf(key) == benchPart {
			keys = append(keys, key)
		}
	}
	return keys
}

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := New(Config{MemoryBytes: 64 << 20, Replicated: true}, testNow)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	s.Attach(ID{1}, &State{}, false)
	return s
}

// BenchmarkCollect takes what changed from the live lane: one item, as it is where
// clients pause, and as many as fit in a batch.
func BenchmarkCollect(b *testing.B) {
	for _, n := range []int{1, 128} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, keys := benchStore(b), benchKeys(n)
			r, bytes := Request{Op: OpSet, Value: make([]byte, 100)}, 0
			emit := func(r *Record) { bytes += len(r.Value) }
			b.ReportAllocs()
			for b.Loop() {
				for _, r.Key = range keys {
					s.Do(testNow, &r)
				}
				if sent := s.Collect(benchPart, Live, n, 1<<20, emit); sent.Items != n {
					b.Fatalf("%d items", sent.Items)
				}
			}
		})
	}
}

// BenchmarkApplyBatch merges what the peer has changed.
func BenchmarkApplyBatch(b *testing.B) {
	for _, n := range []int{1, 128} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, recs := benchStore(b), make([]Record, n)
			for i, key := range benchKeys(n) {
				recs[i] = Record{Op: RecordValue, Key: key, Value: make([]byte, 100)}
			}
			version, to := uint64(testNow)<<19, uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				for i := range recs {
					version += 1 << 6
					recs[i].Version, recs[i].ExpVersion = version, version
				}
				to += uint64(n)
				if err := s.ApplyBatch(testNow, benchPart, Live, to, recs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCopy walks over all that a store holds, for a peer that has nothing.
func BenchmarkCopy(b *testing.B) {
	s := benchStore(b)
	r := Request{Op: OpSet, Value: make([]byte, 100)}
	for i := range 20_000 {
		r.Key = fmt.Appendf(nil, "key:%d", i)
		s.Do(testNow, &r)
	}
	for inc := byte(2); b.Loop(); inc++ {
		items := 0
		s.Attach(ID{inc, 1}, &State{}, false)
		for part := range Partitions {
			for more := true; more; {
				sent := s.Collect(part, Bulk, 128, 48<<10, func(*Record) {})
				items += sent.Items
				more = sent.More
			}
		}
		s.Detach()
		if items != 20_000 {
			b.Fatalf("%d items", items)
		}
	}
}
