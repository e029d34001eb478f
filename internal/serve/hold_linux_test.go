package serve

import (
	"log/slog"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"twincached/memproto"
	"twincached/store"
)

// TestTake_KeptBuffersAreOfTheShareToo: those that are kept for later, of all sizes together, and those in use.
func TestTake_KeptBuffersAreOfTheShareToo(t *testing.T) {
	l, c := &loop{share: 1 << 20}, new(conn)
	check := func(size int) {
		t.Helper()
		kept := 0
		for _, class := range l.bufs.free {
			for _, buf := range class {
				kept += cap(buf)
			}
		}
		if kept != l.bufs.kept || kept+l.held > l.share {
			t.Fatalf("buffers of %d: %d bytes are kept (counted %d) and %d held, of %d", size, kept, l.bufs.kept, l.held, l.share)
		}
	}
	for size := 1 << minBufferShift; size <= l.share/2; size *= 2 {
		var all [][]byte
		for range l.share / size {
			all = append(all, l.take(c, size))
			check(size)
		}
		for _, buf := range all {
			l.drop(buf)
			check(size)
		}
		if l.held != 0 || l.bufs.kept == 0 {
			t.Fatalf("buffers of %d: %d bytes are held and %d kept after all came back", size, l.held, l.bufs.kept)
		}
	}
}

// bare is a loop of its own, whose conns are ends of sockets; it serves nobody.
func bare(t *testing.T, share int) (l *loop, dial func(waits int64) (*conn, int)) {
	l = &loop{share: share, s: &Server{eng: together(nil), cfg: Config{Now: func() int64 { return 1 }, Log: slog.New(slog.DiscardHandler)}}}
	return l, func(waits int64) (*conn, int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := &conn{fd: int32(fds[0]), h: &toy{}, waits: waits}
		l.slots = append(l.slots, c)
		t.Cleanup(func() {
			l.close(c)
			unix.Close(fds[1])
		})
		return c, fds[1]
	}
}

// TestTake_WhoWaitsLongestMakesRoom: as many as it takes, whatever they hold, and neither who asks nor who holds nothing.
func TestTake_WhoWaitsLongestMakesRoom(t *testing.T) {
	const size = 64 << 10
	l, dial := bare(t, 4*size)
	asks, _ := dial(0)
	idle, _ := dial(1)
	half, _ := dial(2)
	reader, _ := dial(3)
	last, _ := dial(4)
	asks.out = l.take(asks, size)
	half.in = l.take(half, size)
	reader.out = l.take(reader, size)
	last.out = l.take(last, size)
	open := func(want ...*conn) {
		t.Helper()
		held := 0
		for i, c := range l.slots {
			held += cap(c.in) + cap(c.out)
			if is := c.fd >= 0; is != slices.Contains(want, c) {
				t.Errorf("conn %d is open: %v", i, is)
			}
		}
		if held != l.held || held > l.share {
			t.Errorf("%d bytes are held, counted as %d, of %d", held, l.held, l.share)
		}
	}
	open(asks, idle, half, reader, last)
	asks.in = l.take(asks, size)
	open(asks, idle, reader, last)
	l.drop(asks.in)
	l.drop(asks.out)
	asks.in, asks.out = nil, l.take(asks, 4*size-1000) // it takes both
	open(asks, idle)
	if n := l.s.count.shed.Load(); n != 3 {
		t.Errorf("%d are counted", n)
	}
}

// TestWaits_SinceTheLastByte: who has waited longest is told by when the client last took something, or sent it.
func TestWaits_SinceTheLastByte(t *testing.T) {
	l, dial := bare(t, 64<<20)
	c, _ := dial(0)
	l.nowMillis = 77
	if l.keep(c, []byte("half a request")); c.waits != 77 {
		t.Errorf("half a request came at %d", c.waits)
	}
	l.nowMillis = 78
	if !l.send(c, make([]byte, 16<<20)) || len(c.out) == 0 || c.waits != 78 {
		t.Errorf("%d bytes wait since %d", len(c.out), c.waits)
	}
}

// TestBegan_Once: as TestHold_BeginsOnce, in a loop.
func TestBegan_Once(t *testing.T) {
	c := new(conn)
	c.began(1)
	if since := c.began(9).since; since != 1 {
		t.Errorf("it has begun at %d", since)
	}
	c.next(9, &memproto.Result{})
	if since := c.began(10).since; since != 10 {
		t.Errorf("another value has begun at %d", since)
	}
}

// TestReply_ToWhoHasGoneHoldsNothing: nobody would give the value back later.
func TestReply_ToWhoHasGoneHoldsNothing(t *testing.T) {
	st, err := store.New(store.Config{MemoryBytes: 16 << 20}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.Do(1, &store.Request{Op: store.OpSet, Key: []byte("k"), Value: make([]byte, 200_000)})
	l, dial := bare(t, 1<<20)
	c, far := dial(0)
	_ = unix.Shutdown(far, unix.SHUT_RDWR)
	engine := memproto.NewConn(&memproto.Server{Store: st})
	r := engine.Process(1, []byte("get k\r\n"), nil)
	l.left = turnBytes
	if r.Pin == nil || l.reply(c, r.Out, r.Pin) || r.Pin.Value() != nil {
		t.Error("it holds the value")
	}
}
