package serve

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

func TestServe_PipelineSplitAtEveryByte(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		pipeline := "echo one\r\nset 10\r\n0123456789\r\nget\r\necho two\r\nset 0\r\n\r\nnow\r\n"
		replies := []string{"one", fmt.Sprintf("STORED 10 %x", sum([]byte("0123456789"))), "END", "two", "STORED 0 0", "1700000000000"}
		c := w.dial()
		for i := 1; i < len(pipeline); i++ {
			c.send(pipeline[:i])
			seen := strings.Count(pipeline[:i], "echo one\r\n")
			c.want(replies[:seen]...) // the first part has been processed: the split is real
			c.send(pipeline[i:])
			c.want(replies[seen:]...)
		}
		for i := range len(pipeline) { // byte by byte
			c.send(pipeline[i : i+1])
		}
		c.want(replies...)
	})
}

func TestServe_DeepPipelineIsAnsweredInOrder(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		const n = 50_000
		c := w.dial()
		go func() {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "echo %d\r\n", i)
			}
			_, _ = io.WriteString(c, b.String())
		}()
		for i := range n {
			c.want(fmt.Sprint(i))
		}
	})
}

func TestServe_LargeValuesArriveInPieces(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		for _, size := range []int{1 << 10, 40_000, readBytes - 8, readBytes, readBytes + 1, 300_000, 1 << 20, 5 << 20} {
			value := make([]byte, size)
			for i := range value {
				value[i] = byte(i * 7 >> 3)
			}
			c.send(fmt.Sprintf("echo before\r\nset %d\r\n", size))
			c.want("before")
			for piece := value; len(piece) > 0; {
				n := min(len(piece), 1+size/13)
				c.send(string(piece[:n]))
				piece = piece[n:]
			}
			c.send("\r\necho after\r\n")
			c.want(fmt.Sprintf("STORED %d %x", size, sum(value)), "after")
		}
	})
}

func TestServe_LargeReplies(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		const size = 20 << 20 // beyond every socket buffer: goes through blocked writes
		c.send(fmt.Sprintf("big %d\r\necho done\r\n", size))
		if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
			t.Fatal(n, err)
		}
		c.want("done")
	})
}

func TestServe_ClientThatNeverReadsCostsBoundedMemory(t *testing.T) {
	engines(t, func(c *Config) { c.Threads = 1 }, func(t *testing.T, w *world) {
		before := heap()
		var deaf []*client
		for range 20 {
			c := w.dial()
			deaf = append(deaf, c)
			c.send(fmt.Sprintf("big %d\r\n", 1<<30))
		}
		other := w.dial()
		last := uint64(0)
		testkit.Eventually(t, "the server stops writing", func() bool {
			// A whole conversation of another client between two looks: it is unaffected, and the loop has had its turn.
			for range 50 {
				other.send("get\r\n")
				other.want("END")
			}
			now := w.s.Stats().BytesWritten - 50*5
			still := now == last && now > 0
			last = now + 50*5
			return still
		})
		go func() { _, _ = io.Copy(deaf[0], endless{}) }() // it goes on sending, for which the kernel's buffers have room only
		for range 200 {
			other.send("get\r\n")
			other.want("END")
		}
		if grown := int64(heap()) - int64(before); grown > 20<<20 {
			t.Errorf("20 deaf clients cost %d bytes", grown)
		}
		for _, info := range w.s.Conns() {
			if info.Addr == "tcp:"+deaf[1].LocalAddr().String() && info.State != "conn_mwrite" {
				t.Errorf("state of a deaf client is %s", info.State)
			}
		}
		// One of them begins to read and gets all of it.
		c := deaf[2]
		if n, err := io.CopyN(io.Discard, c.r, 64<<20); err != nil {
			t.Fatal(n, err)
		}
		deaf[0].Close()
	})
}

// endless is requests without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	n := 0
	for n+5 <= len(b) {
		n += copy(b[n:], "get\r\n")
	}
	return n, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what pools and finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestServe_BusyClientDoesNotStarveOthers(t *testing.T) {
	engines(t, func(c *Config) { c.Threads = 1; c.RequestsPerEvent = 1 }, func(t *testing.T, w *world) {
		busy := w.dial()
		go func() { _, _ = io.Copy(io.Discard, busy.r) }()
		busy.send(strings.Repeat(fmt.Sprintf("big %d\r\n", 50<<20), 2))
		c := w.dial()
		for range 100 {
			c.send("get\r\n")
			c.want("END")
		}
		if !w.s.cfg.Portable && !w.secure && w.s.Stats().Yields == 0 {
			t.Error("the busy conn never yielded")
		}
	})
}

func TestServe_HalfACommandThenClose(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		for _, half := range []string{"cou", "set 10\r\n01234", "set 200000\r\n0", "count"} {
			c := w.dial()
			c.send(half)
			c.Close()
		}
		testkit.Eventually(t, "all conns are gone", func() bool { return w.s.Stats().CurrConns == 0 && w.s.Stats().TotalConns == 4 })
		if n := w.counter.Load(); n != 0 {
			t.Errorf("%d half commands were executed", n)
		}
	})
}

func TestServe_RepliesReachAClientThatHasSentFIN(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		const size = 8 << 20
		c.send(fmt.Sprintf("echo x\r\nbig %d\r\necho last\r\n", size))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.want("x")
		if n, err := io.CopyN(io.Discard, c.r, size); err != nil {
			t.Fatal(n, err)
		}
		c.want("last")
		c.wantEnd()
	})
}

func TestServe_CloseAfterReply(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("echo 1\r\nquit\r\necho 2\r\n")
		c.want("1", "BYE")
		c.wantEnd()
		c = w.dial()
		c.send(fmt.Sprintf("big %d\r\nquit\r\n", 8<<20)) // the reply that closes is behind a blocked write
		if n, err := io.CopyN(io.Discard, c.r, 8<<20); err != nil {
			t.Fatal(n, err)
		}
		c.want("BYE")
		c.wantEnd()
		testkit.Eventually(t, "both are gone", func() bool { return w.s.Stats().CurrConns == 0 })
	})
}

func TestServe_RequestWithoutEndIsCut(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		line := strings.Repeat("x", 64<<10)
		for range 2 * maxLineBytes / len(line) {
			if _, err := io.WriteString(c, line); err != nil {
				break
			}
		}
		testkit.Eventually(t, "it is gone", func() bool { return w.s.Stats().CurrConns == 0 })
	})
}

// stuck claims to have more and does nothing.
type stuck struct{ careless }

func (stuck) Process(_ int64, in, out []byte) memproto.Result {
	return memproto.Result{Out: out, More: true}
}

func TestServe_HandlerWithoutProgressIsCut(t *testing.T) {
	engines(t, func(c *Config) { c.NewConn = func(*memproto.Scratch) Handler { return stuck{} } }, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("get\r\n")
		c.wantEnd()
	})
}

func TestServe_ConnsAreListed(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		a, b := w.dial(), w.dial()
		a.send("get\r\n")
		a.want("END")
		b.send("echo 1\r\nset 100\r\nx")
		b.want("1")
		want := map[string]string{"tcp:" + a.LocalAddr().String(): "conn_read", "tcp:" + b.LocalAddr().String(): "conn_nread"}
		var got map[string]string
		testkit.Eventually(t, "both are listed with their states", func() bool {
			got = map[string]string{}
			for _, info := range w.s.Conns() {
				got[info.Addr] = info.State
				if info.ListenAddr != "tcp:"+w.s.Addrs()[0].String() || info.FD <= 0 || info.IdleSeconds != 0 {
					t.Fatalf("%+v", info)
				}
			}
			return len(got) == 2 && got["tcp:"+a.LocalAddr().String()] == want["tcp:"+a.LocalAddr().String()] &&
				got["tcp:"+b.LocalAddr().String()] == want["tcp:"+b.LocalAddr().String()]
		})
	})
}

func TestServe_TwoThousandConns(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		files := openFiles()
		const n, atOnce = 2000, 500
		for range n / atOnce {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					var own []*client
					for i := range atOnce / 10 {
						c := w.dial()
						own = append(own, c)
						c.send(fmt.Sprintf("echo %d\r\n", i))
					}
					for i, c := range own {
						c.want(fmt.Sprint(i))
						c.Close()
					}
				})
			}
			wg.Wait()
		}
		testkit.Eventually(t, "all are gone", func() bool { return w.s.Stats().CurrConns == 0 })
		if st := w.s.Stats(); st.TotalConns != n || st.RejectedConns != 0 {
			t.Errorf("%+v", st)
		}
		if files >= 0 {
			testkit.Eventually(t, "all descriptors are closed", func() bool { return openFiles() <= files })
		}
	})
}

func TestServe_CountsBytes(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("get\r\nget\r\n")
		c.want("END", "END")
		testkit.Eventually(t, "10 bytes each way", func() bool { return w.s.Stats().BytesRead == 10 && w.s.Stats().BytesWritten == 10 })
	})
}

func TestServe_SeveralAddressesAndIPv6(t *testing.T) {
	addresses := []string{"127.0.0.1:0", "127.0.0.2:0"}
	if haveIPv6() {
		addresses = append(addresses, "[::1]:0", ":0")
	}
	engines(t, func(c *Config) { c.Addresses = addresses }, func(t *testing.T, w *world) {
		if len(w.s.Addrs()) != len(addresses) {
			t.Fatal(w.s.Addrs())
		}
		for _, addr := range w.s.Addrs() {
			c := dialAs(t, addr, w.secure)
			c.send("get\r\n")
			c.want("END")
			if addr.(*net.TCPAddr).IP.IsUnspecified() && haveIPv6() { // IPv4 was served above; now IPv6 on the same socket
				c := dialAs(t, &net.TCPAddr{IP: net.IPv6loopback, Port: addr.(*net.TCPAddr).Port}, w.secure)
				c.send("get\r\n")
				c.want("END")
			}
		}
	})
}

func TestServe_CloseIsImmediateAndRepeatable(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		c := w.dial()
		c.send("echo x\r\nset 10\r\n")
		c.want("x")
		w.s.Close()
		w.s.Close()
		w.s.Drain(time.Second)
		if _, err := c.r.ReadByte(); err == nil {
			t.Error("the conn is still open")
		}
		if nc, err := net.Dial("tcp", w.s.Addrs()[0].String()); err == nil {
			nc.Close()
			t.Error("the port is still open")
		}
		if st := w.s.Stats(); st.CurrConns != 0 || st.Accepting {
			t.Errorf("%+v", st)
		}
	})
}
