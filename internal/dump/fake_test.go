package dump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"twincached/memproto"
	"twincached/store"
)

// fake is a node without sockets: the real store and the real protocol.
type fake struct {
	t             *testing.T
	srv           *memproto.Server
	versionsAhead int // ms, of its clock
	// before is called for each request that a client has sent whole; what it does, another
	// client has done just before.
	before func(request []byte)
	wrap   func(net.Conn) net.Conn // what stands between the node and its clients
	local  string
	lacks  bool          // it has evicted items
	ahead  time.Duration // its clock is so much ahead
	all    sync.WaitGroup
}

const maxItem = 2 << 20

func newFake(t *testing.T) *fake {
	st, err := store.New(store.Config{MemoryBytes: 64 << 20, MaxItemBytes: maxItem}, time.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, local: "none"}
	t.Cleanup(func() {
		f.all.Wait()
		st.Close()
	})
	f.srv = &memproto.Server{
		Store: st, Version: "1.6.45", FlushEnabled: true,
		Replication: func(*store.Stats) []memproto.Stat {
			evictions := "0"
			if f.lacks {
				evictions = "3"
			}
			return []memproto.Stat{
				{Name: "evictions", Value: evictions}, {Name: "repl_link", Value: "stream"},
				{Name: "repl_versions_ahead_ms", Value: fmt.Sprint(f.versionsAhead)},
				{Name: "time", Value: fmt.Sprint(time.Now().Add(f.ahead).Unix())},
			}
		},
		Settings: func() []memproto.Stat {
			if f.local == "" {
				return nil
			}
			return []memproto.Stat{{Name: "local_keys", Value: f.local}, {Name: "item_size_max", Value: "2097152"}}
		},
	}
	return f
}

// do is what another client sends; it returns the answer.
func (f *fake) do(request string) string {
	r := memproto.NewConn(f.srv).Process(time.Now().UnixMilli(), []byte(request), nil)
	return string(r.Whole())
}

// put lets the node hold an item with a version of its own.
func (f *fake) put(r store.Record) {
	f.t.Helper()
	r.ExpVersion = max(r.ExpVersion, r.Version)
	if err := f.srv.Store.ApplyBatch(time.Now().UnixMilli(), store.PartitionOf(r.Key), store.Live, 0, []store.Record{r}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) options() Options {
	var o Options
	o.Dial = func(string, string) (net.Conn, error) { return f.dial(), nil }
	return o
}

func (f *fake) dial() net.Conn {
	client, own := net.Pipe()
	if f.wrap != nil {
		own = f.wrap(own)
	}
	f.all.Go(func() { f.serve(own) })
	return client
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	engine := memproto.NewConn(f.srv)
	var in []byte
	chunk := make([]byte, 64<<10)
	for {
		if f.before != nil && len(in) > 0 {
			f.before(in)
		}
		r := engine.Process(time.Now().Add(f.ahead).UnixMilli(), in, nil)
		in = in[r.N:]
		if out := r.Whole(); len(out) > 0 { // a pipe takes no empty write
			if _, err := c.Write(out); err != nil {
				return
			}
		}
		switch {
		case r.Close:
			return
		case r.More:
			continue
		case r.Fill != nil: // a large value goes where it stays
			if _, err := io.ReadFull(c, r.Fill); err != nil {
				return
			}
			continue
		}
		n, err := c.Read(chunk)
		in = append(in, chunk[:n]...)
		if err != nil {
			return
		}
	}
}

// taken dumps the node, and returns the dump.
func (f *fake) taken(asJSON bool) []byte {
	f.t.Helper()
	var b bytes.Buffer
	o := f.options()
	o.JSON = asJSON
	if _, err := Take("a:1", &b, o); err != nil {
		f.t.Fatal(err)
	}
	return b.Bytes()
}

// restored restores a dump into the node.
func (f *fake) restored(dump []byte) Restored {
	f.t.Helper()
	r, err := Restore(bytes.NewReader(dump), int64(len(dump)), "a:1", "", f.options())
	if err != nil {
		f.t.Fatalf("%v, after %v", err, &r)
	}
	return r
}

// version is one of some ms from now.
func version(ms int) uint64 { return store.VersionAt(time.Now().UnixMilli() + int64(ms)) }

// writeAll makes a dump of items.
func writeAll(t testing.TB, asJSON bool, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	var w writer = newJSONWriter(&b)
	if !asJSON {
		b.Reset()
		var err error
		if w, err = newRecordWriter(&b, "a test", time.UnixMilli(1_800_000_000_000), int64(len(items))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range items {
		if err := w.item(&items[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads a dump.
func readAll(from io.Reader) (items []item, err error) {
	r, err := newReader(from)
	if err != nil {
		return nil, err
	}
	for {
		var it item
		if err := r.next(&it); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return items, err
		}
		items = append(items, it)
	}
}
