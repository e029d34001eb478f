package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twincached/internal/testkit"
	"twincached/memproto"
	"twincached/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; a healthy run never comes near it.
const patience = testkit.Patience

// toy is a small protocol: "get", "count", "echo TEXT", "set BYTES" with a value block, "big BYTES", "wait MS", "quit", "boom".
type toy struct {
	careless
	counter *atomic.Int64
	bigLeft int
	need    int
	until   int64
	early   *atomic.Int64 // calls before need bytes were there
}

const toyOutBytes = 64 << 10

func (h *toy) Process(nowMillis int64, in, out []byte) (r memproto.Result) {
	if len(in) < h.need {
		h.early.Add(1)
	}
	h.need = 0
	for {
		if len(out) > toyOutBytes {
			r.More = true
			break
		}
		if h.bigLeft > 0 {
			n := min(h.bigLeft, toyOutBytes/2)
			h.bigLeft -= n
			out = append(out, make([]byte, n)...)
			continue
		}
		rest := in[r.N:]
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		name, arg, _ := strings.Cut(strings.TrimSuffix(string(rest[:i]), "\r"), " ")
		n, err := strconv.Atoi(arg)
		switch name {
		case "get":
			out = append(out, "END\r\n"...)
		case "count":
			out = fmt.Appendf(out, "%d\r\n", h.counter.Add(1))
		case "echo":
			out = append(append(out, arg...), "\r\n"...)
		case "big":
			h.bigLeft = n
		case "set":
			need := i + 1 + n + 2
			if err != nil {
				return memproto.Result{N: len(in), Out: append(out, "ERROR\r\n"...), Close: true}
			}
			if len(rest) < need {
				h.need, r.Need, r.Out = need, need, out
				return r
			}
			out = fmt.Appendf(out, "STORED %d %x\r\n", n, sum(rest[i+1:need-2]))
			i = need - 1
		case "wait": // as an answer, after so many milliseconds
			if h.until == 0 {
				h.until = nowMillis + int64(n)
			}
			if nowMillis < h.until {
				r.Out, r.Until = out, h.until
				return r
			}
			h.until = 0
			out = append(out, "waited\r\n"...)
		case "quit":
			return memproto.Result{N: len(in), Out: append(out, "BYE\r\n"...), Close: true}
		case "now":
			out = fmt.Appendf(out, "%d\r\n", nowMillis)
		default:
			out = append(out, "ERROR\r\n"...)
		}
		r.N += i + 1
	}
	r.Out = out
	return r
}

// careless is the part of a handler that does not want to know who the client is.
type careless struct{}

func (careless) Opened(int64, memproto.Client)      {}
func (careless) Closed(int64, memproto.CloseReason) {}

func sum(b []byte) (s uint64) {
	for _, x := range b {
		s = s*31 + uint64(x)
	}
	return s
}

func hexSum(s string) string { return strconv.FormatUint(sum([]byte(s)), 16) }

// world is a server with toy handlers.
type world struct {
	t       *testing.T
	s       *Server
	secure  bool // clients speak TLS
	counter atomic.Int64
	early   atomic.Int64
}

// engines runs f against all engines, and over TLS.
func engines(t *testing.T, change func(*Config), f func(t *testing.T, w *world)) {
	for _, name := range []string{IOUring, IOEpoll, "portable", "tls"} {
		t.Run(name, func(t *testing.T) {
			if name == IOUring {
				needUring(t)
			}
			w := &world{t: t, secure: name == "tls"}
			cfg := w.config()
			cfg.Portable = name == "portable"
			if change != nil {
				change(&cfg)
			}
			if name == IOUring || name == IOEpoll {
				cfg.IO = name
			}
			if w.secure {
				if cfg.UnixSocket != "" {
					t.Skip("no TLS on a unix socket")
				}
				overTLS(&cfg)
			}
			s, err := Listen(cfg)
			if err != nil {
				t.Fatal(err)
			}
			w.s = s
			defer s.Close()
			f(t, w)
			if n := w.early.Load(); n != 0 {
				t.Errorf("Process was called %d times before its need was met", n)
			}
		})
	}
}

// needUring skips a test where there is no io_uring. CI must have one.
func needUring(t *testing.T) {
	t.Helper()
	if err := tryIO(&Config{IO: IOUring}); err != nil {
		testkit.Lacks(t, err.Error())
	}
}

func (w *world) config() Config {
	return Config{
		Addresses:   []string{"127.0.0.1:0"},
		Threads:     2,
		MaxConns:    4096,
		DropAtLimit: true,
		Now:         func() int64 { return 1_700_000_000_000 },
		NewConn:     func(*memproto.Scratch) Handler { return &toy{counter: &w.counter, early: &w.early} },
		Log:         slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// halfConn is what TCP and unix conns have in common.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// client is a test's end of a conn.
type client struct {
	t *testing.T
	halfConn
	r *bufio.Reader
}

func (w *world) dial() *client { return dialAs(w.t, w.s.Addrs()[0], w.secure) }

// plainOnly skips what is about sockets themselves.
func (w *world) plainOnly() {
	if w.secure {
		w.t.Skip("not over TLS")
	}
}

func dial(t *testing.T, addr net.Addr) *client {
	t.Helper()
	return dialAs(t, addr, false)
}

func dialAs(t *testing.T, addr net.Addr, secure bool) *client {
	t.Helper()
	nc, err := net.DialTimeout(addr.Network(), dialable(addr), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if secure {
		secured := tlsClient(t, nc)
		if err := secured.Handshake(); err != nil {
			t.Fatal(err)
		}
		nc = secured
	}
	return &client{t, nc.(halfConn), bufio.NewReader(nc)}
}

// dialable is addr with loopback for a wildcard.
func dialable(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	if a.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
	}
	return a.String()
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) want(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		got, err := c.r.ReadString('\n')
		if err != nil || strings.TrimSuffix(got, "\r\n") != line {
			c.t.Fatalf("got %.100q, %v; want %q", got, err, line)
		}
	}
}

// wantEnd expects FIN, not RST.
func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err != io.EOF {
		c.t.Fatalf("got byte %q, %v; want the end of the stream", b, err)
	}
}

// openFiles counts this process's descriptors, -1 where that cannot be told.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// ender answers END to each line and allocates nothing.
type ender struct{ careless }

func (ender) Process(_ int64, in, out []byte) (r memproto.Result) {
	for i, b := range in {
		if b == '\n' {
			r.N, out = i+1, append(out, "END\r\n"...)
		}
	}
	r.Out = out
	return r
}

// emptyStore is a store of the smallest size, until the test ends.
func emptyStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.New(store.Config{MemoryBytes: store.MinMemoryBytes}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return st
}
