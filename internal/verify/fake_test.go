package verify

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"

	"twincached/memproto"
	"twincached/store"
)

// fake is a node without sockets: the real store and the real protocol.
type fake struct {
	t     *testing.T
	srv   *memproto.Server
	rows  map[string]string // of stats, behind the store's
	local string
	wrap  func(net.Conn) net.Conn // what stands between the node and its clients
	conns int
	all   sync.WaitGroup // the conns that are served
}

// newFake must be called in a bubble.
func newFake(t *testing.T, id string) *fake {
	st, err := store.New(store.Config{MemoryBytes: 64 << 20, MaxItemBytes: 8 << 20}, time.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, rows: map[string]string{"repl_node_id": id, "repl_link": "stream"}, local: "*.lock"}
	t.Cleanup(func() {
		f.all.Wait()
		st.Close()
	})
	f.srv = &memproto.Server{
		Store: st, Version: "1.6.45",
		Replication: func(*store.Stats) (rows []memproto.Stat) {
			for name, value := range f.rows {
				rows = append(rows, memproto.Stat{Name: name, Value: value})
			}
			return rows
		},
		Settings: func() []memproto.Stat {
			if f.local == "" {
				return nil
			}
			return []memproto.Stat{{Name: "local_keys", Value: f.local}}
		},
	}
	return f
}

// put lets the node hold an item, as one that came from its peer.
func (f *fake) put(r store.Record) {
	f.t.Helper()
	r.ExpVersion = max(r.ExpVersion, r.Version)
	part := int(xxhash.Sum64(r.Key) >> 56)
	if err := f.srv.Store.ApplyBatch(time.Now().UnixMilli(), part, store.Live, 0, []store.Record{r}); err != nil {
		f.t.Fatal(err)
	}
}

// do is what a client sends; it returns the answer.
func (f *fake) do(request string) string {
	r := memproto.NewConn(f.srv).Process(time.Now().UnixMilli(), []byte(request), nil)
	return string(r.Whole())
}

// dial makes a connection to the node.
func (f *fake) dial() net.Conn {
	client, own := net.Pipe()
	if f.wrap != nil {
		own = f.wrap(own)
	}
	f.conns++
	f.all.Go(func() { f.serve(own) })
	return client
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	engine := memproto.NewConn(f.srv)
	var in []byte
	chunk := make([]byte, 64<<10)
	for {
		r := engine.Process(time.Now().UnixMilli(), in, nil)
		in = in[r.N:]
		if out := r.Whole(); len(out) > 0 { // a pipe takes no empty write
			if _, err := c.Write(out); err != nil {
				return
			}
		}
		if r.Close {
			return
		}
		if r.More {
			continue
		}
		n, err := c.Read(chunk)
		in = append(in, chunk[:n]...)
		if err != nil {
			return
		}
	}
}

// pair are two nodes that know nothing of each other.
type pair struct {
	a, b  *fake
	opt   Options
	found []Difference
}

// bubble runs a test with a clock that moves when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{a: newFake(t, "1"), b: newFake(t, "2"), opt: Options{Settle: 2 * time.Second}}
		p.opt.Found = func(d Difference) { p.found = append(p.found, d) }
		test(t, p)
	})
}

// run compares the two, by the names a:1 and b:1.
func (p *pair) run() (Result, error) {
	p.opt.dial = func(network, address string) (net.Conn, error) {
		switch address {
		case "a:1":
			return p.a.dial(), nil
		case "b:1":
			return p.b.dial(), nil
		}
		return nil, errors.New("connection refused")
	}
	return Run("a:1", "b:1", p.opt)
}

// must is run where nothing may be in the way.
func (p *pair) must(t *testing.T) Result {
	t.Helper()
	r, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	if sum := r.Equal + r.Differ + r.OnlyA + r.OnlyB + r.InFlight; sum != r.Compared {
		t.Errorf("%d compared, %d in all kinds: %v", r.Compared, sum, &r)
	}
	return r
}

// both lets both nodes hold the same item.
func (p *pair) both(r store.Record) {
	p.a.t.Helper()
	p.a.put(r)
	p.b.put(r)
}

// overTLS makes the node speak TLS.
func (f *fake) overTLS(cfg *tls.Config) {
	f.wrap = func(c net.Conn) net.Conn { return tls.Server(c, cfg) }
}
