package serve

import (
	"fmt"
	"sync/atomic"
	"testing"

	"twincached/memproto"
)

// whence answers each byte with the listener that its client came to.
type whence struct {
	careless
	listener atomic.Int64
}

func (w *whence) Opened(_ int64, c memproto.Client) { w.listener.Store(int64(c.Listener)) }

func (w *whence) Process(_ int64, in, out []byte) memproto.Result {
	return memproto.Result{N: len(in), Out: fmt.Appendf(out, "%d\r\n", w.listener.Load())}
}

// A name may have several addresses, and TLS has an engine of its own: the handler is
// told the place in the configuration all the same.
func TestClient_KnowsWhichListenerItCameTo(t *testing.T) {
	for _, portable := range []bool{false, true} {
		w := &world{t: t}
		cfg := w.config()
		server, _ := testTLS()
		cfg.Portable = portable
		cfg.Addresses = []string{"localhost:0", "127.0.0.1:0"}
		cfg.TLS = []TLSAddress{{"127.0.0.1:0", server}, {"127.0.0.1:0", server}}
		cfg.NewConn = func(*memproto.Scratch) Handler { return new(whence) }
		s, err := Listen(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for i, addr := range s.Addrs() {
			entry := max(0, i-(len(s.Addrs())-4)) // localhost may be two
			c := dialAs(t, addr, entry >= 2)
			c.send("x")
			c.want(fmt.Sprint(entry))
		}
	}
}
