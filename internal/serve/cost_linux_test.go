package serve

import (
	"net"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"twincached/internal/testkit"
	"twincached/memproto"
)

// rawClient is a client that costs a descriptor and no heap, so that what a test measures is the server's.
type rawClient struct {
	t   testing.TB
	fd  int
	buf []byte
}

func newRawClient(t testing.TB) rawClient {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		t.Fatal(err)
	}
	tv := unix.NsecToTimeval(int64(patience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	return rawClient{t, fd, make([]byte, 64)}
}

func (c rawClient) connect(addr net.Addr) {
	if err := unix.Connect(c.fd, &unix.SockaddrInet4{Port: addr.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		c.t.Fatal(err)
	}
}

// ask sends a request of which the reply is END.
func (c rawClient) ask(request []byte) {
	if _, err := unix.Write(c.fd, request); err != nil {
		c.t.Fatal(err)
	}
	c.answer()
}

func (c rawClient) answer() {
	n, err := unix.Read(c.fd, c.buf)
	for err == unix.EINTR {
		n, err = unix.Read(c.fd, c.buf)
	}
	if err != nil || string(c.buf[:n]) != "END\r\n" {
		c.t.Fatalf("got %q, %v", c.buf[:max(n, 0)], err)
	}
}

func TestCost_RequestAllocatesNothing(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	engines(t, func(c *Config) { c.NewConn = func(*memproto.Scratch) Handler { return ender{} } }, func(t *testing.T, w *world) {
		w.plainOnly()
		c := newRawClient(t)
		c.connect(w.s.Addrs()[0])
		get, half, rest := []byte("get\r\n"), []byte("ge"), []byte("t\r\n")
		if n := allocsPerRun(2000, func() { c.ask(get) }); n != 0 {
			t.Errorf("%v allocations a request", n)
		}
		if n := allocsPerRun(2000, func() { // the first half waits in a buffer of the conn, unless both arrive at once
			_, _ = unix.Write(c.fd, half)
			c.ask(rest)
		}); n != 0 {
			t.Errorf("%v allocations a request in two pieces", n)
		}
	})
}

// allocsPerRun is testing.AllocsPerRun on all processors: with one, client and server would wait for Go's scheduler in turn.
func allocsPerRun(runs int, f func()) uint64 {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.Mallocs - before.Mallocs) / uint64(runs)
}

// TestConn_IsSmall: there may be a hundred thousand idle ones. 128 is a size that Go's heap has; the next one is 144.
func TestConn_IsSmall(t *testing.T) {
	if n := unsafe.Sizeof(conn{}); n > 128 {
		t.Errorf("a conn has %d bytes: does every one need the new field?", n)
	}
}

// TestCost_IdleConn counts what is left of a conn's beginning, too: where there is little else to collect, it stays for long.
func TestCost_IdleConn(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector costs memory")
	}
	withStore(t, nil, func(t *testing.T, w *stocked) {
		w.plainOnly()
		const n = 3000
		clients := make([]rawClient, n)
		for i := range clients {
			clients[i] = newRawClient(t)
		}
		before := allocated()
		for _, c := range clients {
			c.connect(w.s.Addrs()[0])
			c.ask([]byte("get nobody\r\n"))
		}
		each := int64(allocated()-before) / n
		limit := int64(400)
		if w.s.cfg.Portable {
			limit = 2048 + idleReadBytes
		}
		t.Logf("%d bytes of heap each", each)
		if each > limit {
			t.Errorf("an idle conn costs %d bytes of heap, want at most %d", each, limit)
		}
	})
}

// allocated is all that was ever taken from the heap.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestLimit_OutOfDescriptorsSuspendsAccepting(t *testing.T) {
	engines(t, nil, func(t *testing.T, w *world) {
		w.plainOnly()
		served, late := newRawClient(t), newRawClient(t)
		served.connect(w.s.Addrs()[0])
		served.ask([]byte("get\r\n"))

		var old unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
		lowest, err := unix.Dup(served.fd)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(lowest)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest), Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		restore := func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
		defer restore()

		began := time.Now()
		late.connect(w.s.Addrs()[0]) // the kernel takes it; we cannot
		if _, err := unix.Write(late.fd, []byte("get\r\n")); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "accepting is suspended", func() bool { return w.s.Stats().ListenDisabled > 0 })
		for range 500 {
			served.ask([]byte("get\r\n"))
		}
		if n := w.s.Stats().ListenDisabled; n > 100+uint64(time.Since(began)/acceptPause) { // each stands for a pause of that long
			t.Errorf("tried %d times: it spins", n)
		}
		restore()
		late.answer()
		if st := w.s.Stats(); st.CurrConns != 2 || !st.Accepting {
			t.Errorf("%+v", st)
		}
	})
}
