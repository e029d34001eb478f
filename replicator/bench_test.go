package replicator

import (
	"fmt"
	"testing"
	"time"

	"twincached/store"
)

// BenchmarkCopy is the marugoto copy of a million small items over loopback.
func BenchmarkCopy(b *testing.B) {
	const items = 1_000_000
	big := func() *store.Store {
		st, err := store.New(store.Config{MemoryBytes: 1 << 30, Replicated: true}, now())
		if err != nil {
			b.Fatal(err)
		}
		return st
	}
	from := big()
	value := make([]byte, 100)
	for i := range items {
		from.Do(now(), &store.Request{Op: store.OpSet, Key: fmt.Appendf(nil, "key:%015d", i), Value: value})
	}
	la := listen(b)
	a := startNode(b, 1, la, "", func(c *Config) { c.Store.Close(); c.Store = from })
	for b.Loop() {
		begin := time.Now()
		n := startNode(b, 2, nil, la.Addr().String(), func(c *Config) { c.Store.Close(); c.Store = big() })
		<-n.l.Ready()
		b.ReportMetric(time.Since(begin).Seconds(), "s/copy")
		if got := n.st.Stats().Items; got != items {
			b.Fatalf("%d items", got)
		}
		b.StopTimer()
		n.stop()
		b.StartTimer()
	}
	a.stop()
}

// BenchmarkStream is one item written, sent, applied and acknowledged, in a stream.
func BenchmarkStream(b *testing.B) {
	x, y := startPair(b, nil)
	waitLinked(b, x, y)
	value := make([]byte, 100)
	key := make([]byte, 0, 32)
	for i := 0; b.Loop(); i++ {
		key = fmt.Appendf(key[:0], "key:%d", i%50_000)
		x.st.Do(now(), &store.Request{Op: store.OpSet, Key: key, Value: value})
	}
	eventually(b, "acknowledged", func() bool { return x.st.Unacked() == 0 })
	x.stop()
	y.stop()
}
