package serve

import (
	"fmt"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// TestShort_AnotherValueBeginsAnew: a client that is done with one value, and a minute later begins with another, has ten
// seconds for that as everybody has.
func TestShort_AnotherValueBeginsAnew(t *testing.T) {
	withStore(t, nil, func(t *testing.T, w *stocked) {
		large := w.value(3_000_000, 'a')
		reader, writer, both := w.dial(), w.dial(), w.dial()
		writer.store("k", large)
		for _, c := range []*client{reader, both} {
			c.send("get k\r\n")
			c.fetched("k", large)
			c.want("END")
		}
		w.now.Add(60_000)
		w.short.Store(true)
		reader.send(strings.Repeat("get k\r\n", 20))
		testkit.Eventually(t, "the reader is waited for", func() bool { return w.at("conn_mwrite") == 1 })
		half := w.value(500_000, 'h')
		read := w.s.Stats().BytesRead
		writer.send(fmt.Sprintf("set h 0 0 1000000\r\n%s", half))
		both.send(fmt.Sprintf("set h2 0 0 1000000\r\n%s", half))
		testkit.Eventually(t, "they are waited for", func() bool { return w.s.Stats().BytesRead-read >= 1_000_000 && w.at("conn_nread") == 2 })
		w.now.Add(1000)
		w.s.look()
		for range 20 {
			reader.fetched("k", large)
			reader.want("END")
		}
		for _, c := range []*client{writer, both} {
			c.send(string(half) + "\r\n")
			c.want("STORED")
		}
	})
}

// TestPin_WhoGoesHoldsNothing: a client hangs up in the middle of a value.
func TestPin_WhoGoesHoldsNothing(t *testing.T) {
	withStore(t, nil, func(t *testing.T, w *stocked) {
		c := w.dial()
		c.store("k", w.value(3_000_000, 'a'))
		for range 3 {
			reader := w.dial()
			reader.send(strings.Repeat("get k\r\n", 20))
			testkit.Eventually(t, "it is waited for", func() bool { return w.at("conn_mwrite") == 1 })
			reader.Close()
			testkit.Eventually(t, "it is gone", func() bool { return w.s.Stats().CurrConns == 1 })
			c.store("k", w.value(3_000_000, 'b'))
		}
		w.st.Do(w.now.Load(), &store.Request{Op: store.OpDelete, Key: []byte("k")})
		testkit.Eventually(t, "the memory is back", func() bool {
			w.st.Tick(w.now.Load())
			return w.st.Stats().CommittedBytes < 2_000_000
		})
	})
}
