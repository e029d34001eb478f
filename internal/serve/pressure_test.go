package serve

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit"
	"twincached/memproto"
	"twincached/store"
)

// stocked serves a store of 16 MiB, with the clock and the shortage in the test's hands.
type stocked struct {
	*world
	st    *store.Store
	now   atomic.Int64
	short atomic.Bool
}

// withStore runs f on both engines, and over TLS, with change applied.
func withStore(t *testing.T, change func(*Config), f func(t *testing.T, w *stocked)) {
	var s *stocked
	engines(t, func(c *Config) {
		s = &stocked{}
		s.now.Store(c.Now())
		st, err := store.New(store.Config{MemoryBytes: 16 << 20, MaxItemBytes: 4 << 20}, s.now.Load())
		if err != nil {
			t.Fatal(err)
		}
		s.st = st
		srv := &memproto.Server{Store: st, Version: "1"}
		c.NewConn = func(s *memproto.Scratch) Handler { return memproto.NewConnWith(srv, s) }
		c.Now = s.now.Load
		own := s // the server before may still ask
		c.Short = func(int64) bool { return own.short.Load() }
		if change != nil {
			change(c)
		}
	}, func(t *testing.T, w *world) {
		s.world = w
		defer func() {
			w.s.Close()
			if err := s.st.CheckInvariants(); err != nil {
				t.Error(err)
			}
			s.st.Close()
		}()
		f(t, s)
	})
}

func (w *stocked) value(size int, seed byte) []byte {
	return bytes.Repeat([]byte{seed, 'x', 'y', '\n'}, size/4)
}

func (c *client) store(key string, value []byte) {
	c.t.Helper()
	c.send(fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, len(value), value))
	c.want("STORED")
}

// fetched reads a value that has been asked for.
func (c *client) fetched(key string, value []byte) {
	c.t.Helper()
	c.want(fmt.Sprintf("VALUE %s 0 %d", key, len(value)))
	got := make([]byte, len(value)+2)
	if _, err := io.ReadFull(c.r, got); err != nil || !bytes.Equal(got[:len(value)], value) {
		c.t.Fatalf("another value: %v", err)
	}
}

// TestValue_LargeOnesPassUnharmed: values of any size, in pipelines, changed by others while they are being read.
func TestValue_LargeOnesPassUnharmed(t *testing.T) {
	withStore(t, nil, func(t *testing.T, w *stocked) {
		c, other := w.dial(), w.dial()
		for i, size := range []int{20_000, 70_000, 300_000, 1_000_000, 3_900_000} {
			value := w.value(size, byte('a'+i))
			c.store("k", value)
			c.send("get k\r\nget k nothing k\r\nversion\r\n")
			other.store("k", w.value(size, 'z'))
			other.store("k", value)
			for range 3 {
				line, err := c.r.ReadString('\n')
				for line == "END\r\n" {
					line, err = c.r.ReadString('\n')
				}
				if want := fmt.Sprintf("VALUE k 0 %d\r\n", len(value)); err != nil || line != want {
					t.Fatalf("%q, %v", line, err)
				}
				got := make([]byte, len(value)+2)
				if _, err := io.ReadFull(c.r, got); err != nil {
					t.Fatal(err)
				}
				if n := bytes.Count(got, got[:4]); n != len(value)/4 {
					t.Fatalf("of %d bytes, %d are of one value", len(value), n*4)
				}
			}
			c.want("END", "VERSION 1")
		}
	})
}

// TestPin_EachReaderHasItsOwn: on one loop, while neither takes it.
func TestPin_EachReaderHasItsOwn(t *testing.T) {
	withStore(t, func(c *Config) { c.Threads = 1 }, func(t *testing.T, w *stocked) {
		a, b, other := w.dial(), w.dial(), w.dial()
		values := [2][]byte{w.value(3_900_000, 'a'), w.value(3_800_000, 'b')}
		a.store("a", values[0])
		b.store("b", values[1])
		for i, c := range []*client{a, b} {
			c.send(strings.Repeat(fmt.Sprintf("get %c\r\n", 'a'+i), 4))
			testkit.Eventually(t, "a reader that does not read", func() bool { return w.at("conn_mwrite") == i+1 })
			other.send("version\r\n")
			other.want("VERSION 1")
		}
		for range 4 {
			b.fetched("b", values[1])
			b.want("END")
			a.fetched("a", values[0])
			a.want("END")
		}
	})
}

// at counts the conns in a state.
func (w *stocked) at(state string) (n int) {
	for _, c := range w.s.Conns() {
		if c.State == state {
			n++
		}
	}
	return n
}

// halfSent are n clients that have sent half of a value of a million bytes, which has arrived.
func (w *stocked) halfSent(n int) (all []*client) {
	w.t.Helper()
	before := w.s.Stats().BytesRead
	half := w.value(500_000, 'h')
	for i := range n {
		c := w.dial()
		c.send(fmt.Sprintf("set h%d 0 0 1000000\r\n%s", i, half))
		all = append(all, c)
	}
	testkit.Eventually(w.t, "the halves have arrived", func() bool { return w.s.Stats().BytesRead-before >= uint64(n*500_000) })
	return all
}

// TestShort_WhoHoldsMemoryAndDoesNotMoveIsClosed: not before there is a shortage, not before ten seconds, and not one that moves.
func TestShort_WhoHoldsMemoryAndDoesNotMoveIsClosed(t *testing.T) {
	withStore(t, nil, func(t *testing.T, w *stocked) {
		idle := w.dial()
		large := w.value(3_000_000, 'a')
		idle.store("k", large)
		done := w.dial() // it has taken all of its value, and says nothing more
		done.send("get k\r\n")
		done.fetched("k", large)
		done.want("END")
		writers := w.halfSent(2)
		reader := w.dial()
		reader.send(strings.Repeat("get k\r\n", 20))
		testkit.Eventually(t, "all are waited for", func() bool { return w.at("conn_mwrite") == 1 && w.at("conn_nread") == 2 })
		closed := func() int64 { return 5 - w.s.Stats().CurrConns }
		w.now.Add(60_000)
		w.s.look()
		idle.send("version\r\n")
		idle.want("VERSION 1")
		if n := closed(); n != 0 {
			t.Fatalf("%d conns are closed though nobody wants their memory", n)
		}
		w.short.Store(true)
		testkit.Eventually(t, "those that hold memory are closed", func() bool {
			w.now.Add(20_000) // the kernel may have taken some of the reply only just now
			w.s.look()
			return closed() >= 3
		})
		idle.send("version\r\n")
		idle.want("VERSION 1")
		w.s.look()
		done.send("version\r\n")
		done.want("VERSION 1")
		if got := w.s.Stats().ShedConns; got != 3 {
			t.Errorf("%d are counted", got)
		}
		for _, c := range writers {
			if _, err := c.r.ReadByte(); err == nil {
				t.Error("a writer got an answer")
			}
		}
		late := w.halfSent(1) // it has only just begun
		testkit.Eventually(t, "it is waited for", func() bool { return w.at("conn_nread") == 1 })
		for _, c := range late {
			w.now.Add(9_000)
			w.s.look()
			c.send(string(w.value(500_000, 'h')) + "\r\n")
			c.want("STORED")
		}
	})
}

// TestBuffers_WhoWaitsLongestMakesRoom: replies that nobody reads have a bound, and others are served.
func TestBuffers_WhoWaitsLongestMakesRoom(t *testing.T) {
	const bound = 1 << 20
	withStore(t, func(c *Config) { c.BufferBytes, c.Threads, c.MaxConns = bound, 1, 200 }, func(t *testing.T, w *stocked) {
		c := w.dial()
		small := w.value(3000, 's')
		c.store("k", small)
		ask := strings.Repeat("get k\r\n", 3000)
		var all []net.Conn
		for range 60 {
			r := w.dial()
			_, _ = io.WriteString(r, ask)
			all = append(all, r)
			w.now.Add(1)
			c.send("get k\r\n")
			c.fetched("k", small)
			c.want("END")
		}
		const fit = bound >> 16 // 64 KiB each
		testkit.Eventually(t, "of those that do not read, as many are closed as do not fit", func() bool {
			waiting, shed := w.at("conn_mwrite"), int(w.s.Stats().ShedConns)
			return waiting > 0 && waiting+shed >= len(all) && waiting <= 2*fit
		})
		c.send("get k\r\n")
		c.fetched("k", small)
	})
}
