package memproto

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

func TestWatch_OneThatDoesNotReadSkips(t *testing.T) {
	s := watchServer(t)
	s.WatcherBytes = 1 // the least there is
	w := watching(t, s, "fetchers")
	e := newEngine(t, s)
	key := strings.Repeat("#", 250)
	const gets = 50
	for range gets {
		e.feed([]byte("get " + key + "\r\n"))
	}
	lines := told(w)
	st := s.Stats().Watch
	if n := uint64(len(lines)); st.Sent != n || st.Skipped != gets-n || st.Events != gets || n == 0 || n == gets {
		t.Fatalf("%d lines, %+v", n, st)
	}
	if n := len(strings.Join(lines, "\n")); n > MinWatcherBytes {
		t.Errorf("%d bytes held", n)
	}
	for _, l := range bare(t, lines) {
		if _, after, _ := strings.Cut(l, "key="); strings.Count(after, "%23") != 250 {
			t.Fatalf("%q", l)
		}
	}
	e.feed([]byte("get k\r\nget k\r\n"))
	lines = told(w)
	if len(lines) != 3 || lines[0] != fmt.Sprintf("skipped=%d", st.Skipped) || !lineHead.MatchString(lines[1]) {
		t.Errorf("%q", lines)
	}
}

func TestWatch_EvictionsAreTold(t *testing.T) {
	st, err := store.New(store.Config{MemoryBytes: store.MinMemoryBytes}, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	s := &Server{Store: st, WatcherBytes: 64 << 20}
	st.SetEvicted(s.Evicted)
	w := watching(t, s, "evictions")
	e := newEngine(t, s)
	value := strings.Repeat("v", 500)
	for i := range 20000 {
		e.now += 2
		fmt.Fprintf(discard{e}, "set key:%d 0 %d 500\r\n%s\r\nget key:%d\r\n", i, 1000*(i%2), value, i-i%3)
	}
	line := regexp.MustCompile(`^type=eviction key=key%3A(\d+) fetch=(yes|no) ttl=(-?\d+) la=(\d+) clsid=(\d+) size=500$`)
	lines := bare(t, told(w))
	fetched := 0
	for _, l := range lines {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("%q", l)
		}
		i, _ := strconv.Atoi(m[1])
		ttl, _ := strconv.Atoi(m[3])
		if i%2 == 0 && ttl != -1 || i%2 == 1 && (ttl < 900 || ttl > 1000) {
			t.Fatalf("%q", l)
		}
		if class := store.ClassOf(store.ItemBytes(len("key:")+len(m[1]), 500)); m[5] != strconv.Itoa(class) {
			t.Fatalf("%q: class %d", l, class)
		}
		if m[2] == "yes" {
			fetched++
		}
	}
	stats := st.Stats()
	if n := uint64(len(lines)); n == 0 || n != stats.Evictions || fetched != int(n-stats.EvictedUnfetched) {
		t.Errorf("%d lines, %d of fetched items; %d evictions, %d unfetched", n, fetched, stats.Evictions, stats.EvictedUnfetched)
	}
}

// discard feeds an engine and forgets the replies.
type discard struct{ e *engine }

func (d discard) Write(b []byte) (int, error) {
	d.e.feed(b)
	return len(b), nil
}

func TestWatch_ConnsAreTold(t *testing.T) {
	s := watchServer(t)
	w := watching(t, s, "connevents")
	for _, row := range []struct {
		client Client
		reason CloseReason
		want   string
	}{
		{Client{FD: 9, Addr: netip.MustParseAddrPort("192.0.2.7:4711")}, CloseNormal, "rip=192.0.2.7 rport=4711 transport=tcp reason=normal cfd=9"},
		{Client{FD: 10, Addr: netip.MustParseAddrPort("[2001:db8::1]:1")}, CloseError, "rip=2001:db8::1 rport=1 transport=tcp reason=error cfd=10"},
		{Client{FD: 11, Addr: netip.MustParseAddrPort("[::ffff:192.0.2.7]:2")}, CloseIdle, "rip=192.0.2.7 rport=2 transport=tcp reason=idle_timeout cfd=11"},
		{Client{FD: -1}, CloseShutdown, "rip=unix rport=0 transport=local reason=shutdown cfd=-1"},
	} {
		c := NewConn(s)
		c.Opened(testNow, row.client)
		c.Closed(testNow, row.reason)
		opened := regexp.MustCompile(` reason=\w+`).ReplaceAllString(row.want, "")
		if got := bare(t, told(w)); len(got) != 2 || got[0] != "type=conn_new "+opened || got[1] != "type=conn_close "+row.want {
			t.Errorf("%q; want %q", got, row.want)
		}
	}
}

func TestWatch_TimeAndNumber(t *testing.T) {
	if got, want := string(appendHead(nil, 1_700_000_000_007, 12)), "ts=1700000000.007000 gid=12 "; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestWatch_StreamIsWholeAndInOrder(t *testing.T) {
	s := watchServer(t)
	s.WatcherBytes = 1 << 20
	r := NewConn(s).Process(testNow, []byte("watch fetchers\r\n"), nil)
	const conns, gets = 4, 500
	var working sync.WaitGroup
	for range conns {
		c := NewConn(s)
		working.Go(func() {
			for range gets {
				c.Process(testNow, []byte("get k\r\n"), nil)
			}
		})
	}
	go func() {
		working.Wait()
		r.Stream.Close()
		r.Stream.Close()
	}()
	var text strings.Builder
	var lines []byte
	for more := true; more; {
		lines, more = r.Stream.Next(lines)
		text.Write(lines)
	}
	if rest, more := r.Stream.Next(lines); len(rest) != 0 || more {
		t.Errorf("behind the end: %q", rest)
	}
	all := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	if len(all) != 1+conns*gets || all[0] != "OK\r" {
		t.Fatalf("%d lines, the first %q", len(all), all[0])
	}
	last := 0
	for _, l := range all[1:] {
		var sec, micros, gid int
		if _, err := fmt.Sscanf(l, "ts=%d.%d gid=%d type=item_get", &sec, &micros, &gid); err != nil || gid != last+1 && last != 0 {
			t.Fatalf("%q behind number %d: %v", l, last, err)
		}
		last = gid
	}
}

func TestWatch_NobodyElsePays(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	c := hotConn(t)
	c.srv.NoWatch = false
	watching(t, c.srv, "evictions connevents rawcmds")
	out := make([]byte, 0, 2*OutSoftLimitBytes)
	for name, request := range hotPaths() {
		in := []byte(request)
		if n := testing.AllocsPerRun(200, func() { c.Process(testNow, in, out) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// Not even who is watched allocates, once the watcher's buffer has grown.
	w := watching(t, c.srv, "fetchers mutations deletions")
	for name, request := range hotPaths() {
		in := []byte(request)
		for range 5 {
			c.Process(testNow, in, out)
		}
		if n := testing.AllocsPerRun(200, func() {
			c.Process(testNow, in, out)
			w.j.mu.Lock()
			w.buf = w.buf[:0]
			w.j.mu.Unlock()
		}); n != 0 {
			t.Errorf("%s, watched: %v allocations", name, n)
		}
	}
}
