package memproto

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// watchServer is newTestServer that lets itself be watched.
func watchServer(t testing.TB) *Server {
	s := newTestServer(t)
	s.NoWatch = false
	return s
}

// watching makes a watcher of s.
func watching(t testing.TB, s *Server, classes string) *Watcher {
	t.Helper()
	in := []byte("watch " + classes + "\r\n")
	r := NewConn(s).Process(testNow, in, nil)
	if r.Stream == nil || r.N != len(in) || len(r.Out) != 0 || r.Close || r.More {
		t.Fatalf("watch %s: %+v", classes, r)
	}
	t.Cleanup(r.Stream.Close)
	if got := told(r.Stream); len(got) != 1 || got[0] != "OK\r" {
		t.Fatalf("watch %s: %q", classes, got)
	}
	return r.Stream
}

// told takes the lines that a watcher holds, without waiting for any.
func told(w *Watcher) []string {
	w.j.mu.Lock()
	text := string(w.buf)
	w.buf = w.buf[:0]
	w.j.mu.Unlock()
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

var lineHead = regexp.MustCompile(`^ts=\d+\.\d+ gid=\d+ `)

// bare is lines without what differs from run to run.
func bare(t testing.TB, lines []string) (out []string) {
	t.Helper()
	for _, l := range lines {
		if !lineHead.MatchString(l) {
			t.Fatalf("not a line of watch: %q", l)
		}
		out = append(out, lineHead.ReplaceAllString(l, ""))
	}
	return out
}

// watchStep is a command and the lines of watch that it makes.
type watchStep struct {
	send  string
	lines string // "item_get key=..." and so on, without type= and cfd=, one a line
	old   string // where memcached 1.6.18 differs
}

var watchSteps = []watchStep{
	{"set foo 0 0 3\r\nabc\r\n", "item_get key=foo status=not_found clsid=0 size=0\nitem_store key=foo status=stored cmd=set ttl=0 clsid=1 size=3", ""},
	{"set foo 0 100 3\r\nabc\r\n", "item_get key=foo status=found clsid=1 size=3\nitem_store key=foo status=stored cmd=set ttl=100 clsid=1 size=3", ""},
	{"add foo 0 0 3\r\nabc\r\n", "item_get key=foo status=found clsid=1 size=3\nitem_store key=foo status=not_stored cmd=add ttl=0 clsid=1 size=3", ""},
	{"add two 0 0 300 noreply\r\n" + strings.Repeat("v", 300) + "\r\n", "item_get key=two status=not_found clsid=0 size=0\nitem_store key=two status=stored cmd=add ttl=0 clsid=7 size=300", ""},
	{"replace foo 0 0 3\r\nabd\r\n", "item_get key=foo status=found clsid=1 size=3\nitem_store key=foo status=stored cmd=replace ttl=0 clsid=1 size=3", ""},
	{"replace nope 0 0 3\r\nabd\r\n", "item_get key=nope status=not_found clsid=0 size=0\nitem_store key=nope status=not_stored cmd=replace ttl=0 clsid=1 size=3", ""},
	{"append foo 0 0 3\r\nabd\r\n", "item_get key=foo status=found clsid=1 size=3\nitem_store key=foo status=stored cmd=append ttl=0 clsid=1 size=6", ""},
	{"append nope 0 0 3\r\nabd\r\n", "item_get key=nope status=not_found clsid=0 size=0\nitem_store key=nope status=not_stored cmd=append ttl=0 clsid=1 size=3", ""},
	{"prepend foo 0 0 1\r\na\r\n", "item_get key=foo status=found clsid=1 size=6\nitem_store key=foo status=stored cmd=prepend ttl=0 clsid=1 size=7", ""},
	{"cas foo 0 0 1 99\r\na\r\n", "item_get key=foo status=found clsid=1 size=7\nitem_store key=foo status=exists cmd=cas ttl=0 clsid=1 size=1", ""},
	{"cas nope 0 0 1 99\r\na\r\n", "item_get key=nope status=not_found clsid=0 size=0\nitem_store key=nope status=not_found cmd=cas ttl=0 clsid=1 size=1", ""},
	{"get foo nope two\r\n", "item_get key=foo status=found clsid=1 size=7\nitem_get key=nope status=not_found clsid=0 size=0\nitem_get key=two status=found clsid=7 size=300", ""},
	{"gets foo\r\n", "item_get key=foo status=found clsid=1 size=7", ""},
	{"gat 10 foo nope\r\n", "item_get key=foo status=found clsid=1 size=7\nitem_get key=nope status=not_found clsid=0 size=0", ""},
	{"touch foo 10\r\n", "item_get key=foo status=found clsid=1 size=7", ""},
	{"touch nope 10\r\n", "item_get key=nope status=not_found clsid=0 size=0", ""},
	{"incr nope 5\r\n", "item_get key=nope status=not_found clsid=0 size=0", ""},
	{"incr foo 5\r\n", "item_get key=foo status=found clsid=1 size=7", ""},
	{"set n 0 0 1\r\n9\r\nincr n 1\r\ndecr n 1\r\n", "item_get key=n status=not_found clsid=0 size=0\nitem_store key=n status=stored cmd=set ttl=0 clsid=1 size=1\nitem_get key=n status=found clsid=1 size=1\nitem_get key=n status=found clsid=1 size=2", ""},
	{"delete foo\r\n", "item_get key=foo status=found clsid=1 size=7\ndeleted key=foo cmd=delete clsid=1 size=7", "item_get key=foo status=found clsid=1 size=7"},
	{"delete foo\r\n", "item_get key=foo status=not_found clsid=0 size=0", ""},
	{"set a%b#c/é 0 0 0\r\n\r\n", "item_get key=a%25b%23c%2F%C3%A9 status=not_found clsid=0 size=0\nitem_store key=a%25b%23c%2F%C3%A9 status=stored cmd=set ttl=0 clsid=1 size=0", ""},
	{"set big 0 0 3000000\r\n" + strings.Repeat("x", 3000000) + "\r\n", "item_store key=big status=too_large cmd=set ttl=0 clsid=0 size=0\nitem_get key=big status=not_found clsid=0 size=0", "-"},
	{"add big 0 0 3000000\r\n" + strings.Repeat("x", 3000000) + "\r\n", "item_store key=big status=too_large cmd=add ttl=0 clsid=0 size=0", "-"},
	{"ms two 3000000 MA\r\n" + strings.Repeat("x", 3000000) + "\r\n", "item_store key=two status=too_large cmd=append ttl=0 clsid=0 size=0\nitem_get key=two status=found clsid=7 size=300", "-"},
	{"ms two 3000000 C5\r\n" + strings.Repeat("x", 3000000) + "\r\n", "item_store key=two status=too_large cmd=cas ttl=0 clsid=0 size=0\nitem_get key=two status=not_found clsid=0 size=0", "-"},
	{"set two 0 0 300 noreply\r\n" + strings.Repeat("v", 300) + "\r\n", "item_get key=two status=not_found clsid=0 size=0\nitem_store key=two status=stored cmd=set ttl=0 clsid=7 size=300", ""},
	{"mg two v\r\n", "item_get key=two status=found clsid=7 size=300", ""},
	{"mg nope v\r\n", "item_get key=nope status=not_found clsid=0 size=0", ""},
	{"me two\r\n", "item_get key=two status=found clsid=7 size=300", ""},
	{"ms m 3\r\nabc\r\n", "item_get key=m status=not_found clsid=0 size=0\nitem_store key=m status=stored cmd=set ttl=0 clsid=1 size=3", ""},
	{"ms m 3 MA\r\nabc\r\n", "item_get key=m status=found clsid=1 size=3\nitem_store key=m status=stored cmd=append ttl=0 clsid=1 size=6", ""},
	{"ms m 3 C5 T9\r\nabc\r\n", "item_get key=m status=found clsid=1 size=6\nitem_store key=m status=exists cmd=cas ttl=9 clsid=1 size=3", ""},
	{"md m\r\n", "item_get key=m status=found clsid=1 size=6\ndeleted key=m cmd=md clsid=1 size=6", "item_get key=m status=found clsid=1 size=6"},
	{"md m\r\n", "item_get key=m status=not_found clsid=0 size=0", ""},
	{"ma n\r\n", "item_get key=n status=found clsid=1 size=2", ""},
	{"ma mm N0 J55\r\n", "item_get key=mm status=not_found clsid=0 size=0\nitem_get key=mm status=not_found clsid=0 size=0\nitem_store key=mm status=stored cmd=add ttl=0 clsid=1 size=2", ""},
	{"ma nope\r\n", "item_get key=nope status=not_found clsid=0 size=0", ""},
	{"mg viv N30 v\r\n", "item_get key=viv status=not_found clsid=0 size=0", ""},
	{"md n I T30\r\n", "item_get key=n status=found clsid=1 size=2", ""},
	{"md two x\r\n", "item_get key=two status=found clsid=7 size=300\nitem_get key=two status=found clsid=7 size=300\nitem_store key=two status=stored cmd=set ttl=0 clsid=1 size=0\ndeleted key=two cmd=md clsid=7 size=300", "-"},
	{"mn\r\nversion\r\nstats\r\nnonsense\r\nset x\r\n", "", ""},
}

// plain brings a line to the form of watchStep.
func plain(line string) string {
	return regexp.MustCompile(` cfd=\d+`).ReplaceAllString(strings.TrimPrefix(line, "type="), "")
}

func TestWatch_TellsWhatCommandsDo(t *testing.T) {
	s := watchServer(t)
	w := watching(t, s, "fetchers mutations deletions evictions connevents")
	e := newEngine(t, s)
	e.c.Opened(testNow, Client{FD: 77})
	told(w)
	for _, st := range watchSteps {
		e.feed([]byte(st.send))
		var got []string
		for _, l := range bare(t, told(w)) {
			if !strings.Contains(l, " cfd=77 ") && !strings.HasPrefix(l, "type=deleted ") {
				t.Errorf("%.40q: no cfd in %q", st.send, l)
			}
			got = append(got, plain(l))
		}
		if text := strings.Join(got, "\n"); text != st.lines {
			t.Errorf("%.40q:\n%s\nwant\n%s", st.send, text, st.lines)
		}
	}
}

func TestWatch_StockMemcachedTellsTheSame(t *testing.T) {
	stock := startStock(t)
	w := stock.dial(t)
	fmt.Fprint(w, "watch fetchers mutations evictions\r\n")
	if l, err := w.readLine(); l != "OK" {
		t.Fatal(l, err)
	}
	c := stock.dial(t)
	for i, st := range watchSteps {
		if strings.HasPrefix(st.send, "md two x") {
			continue // memcached 1.6.18 does not know x
		}
		fmt.Fprintf(c, "%sget sentinel%d\r\nmn\r\n", st.send, i)
		for l := ""; l != "MN"; {
			var err error
			if l, err = c.readLine(); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(st.send, "mn\r\n") {
			if l, err := c.readLine(); !strings.HasPrefix(l, "VERSION") {
				t.Fatal(l, err)
			}
			for l := ""; l != "MN"; l, _ = c.readLine() {
			}
		}
		var got []string
		for {
			l, err := w.readLine()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(l, fmt.Sprintf(" key=sentinel%d ", i)) {
				break
			}
			got = append(got, plain(bare(t, []string{strings.TrimSuffix(l, "\n")})[0]))
		}
		want := st.lines
		if st.old != "" {
			want = st.old
		}
		if text := strings.Join(got, "\n"); text != want && want != "-" {
			t.Errorf("%.40q:\n%s\nwant\n%s", st.send, text, want)
		}
	}
}

func TestWatch_MissesSayWhy(t *testing.T) {
	s := watchServer(t)
	w := watching(t, s, "")
	e := newEngine(t, s)
	e.feed([]byte("set gone 0 1 1\r\nv\r\nset flushed 0 0 1\r\nv\r\n"))
	e.now += 5000
	told(w)
	e.feed([]byte("get gone gone\r\nflush_all\r\nget flushed flushed\r\nset ex 0 -1 1\r\nv\r\nget ex\r\n"))
	want := []string{
		"item_get key=gone status=expired clsid=0 size=0",
		"item_get key=gone status=not_found clsid=0 size=0",
		"item_get key=flushed status=flushed clsid=0 size=0",
		"item_get key=flushed status=not_found clsid=0 size=0",
		"item_get key=ex status=not_found clsid=0 size=0",
		"item_get key=ex status=not_found clsid=0 size=0",
	}
	for i, l := range bare(t, told(w)) {
		if i >= len(want) || plain(l) != want[i] {
			t.Errorf("line %d: %q", i, l)
		}
	}
	if st := s.Store.Stats(); st.GetExpired != 1 || st.GetFlushed != 1 {
		t.Errorf("looking counted: %+v", st)
	}
}

func TestWatch_BinaryCommandsAreToldAsWell(t *testing.T) {
	s := watchServer(t)
	w := watching(t, s, "fetchers mutations deletions")
	e := newEngine(t, s)
	for _, p := range [][]byte{
		request(opSet, "k", u32(0)+u32(60), "value"),
		request(opGetK, "k", "", ""),
		request(opTouch, "k", u32(0), ""),
		request(opAddQ, "k", u32(0)+u32(0), "v"),
		request(opDelete, "k", "", ""),
	} {
		e.feed(p)
	}
	var got []string
	for _, l := range bare(t, told(w)) {
		got = append(got, plain(l))
	}
	want := `item_get key=k status=not_found clsid=0 size=0
item_store key=k status=stored cmd=set ttl=60 clsid=1 size=5
item_get key=k status=found clsid=1 size=5
item_get key=k status=found clsid=1 size=5
item_get key=k status=found clsid=1 size=5
item_store key=k status=not_stored cmd=add ttl=0 clsid=1 size=1
item_get key=k status=found clsid=1 size=5
deleted key=k cmd=delete clsid=1 size=5`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("%s", text)
	}
}

func TestWatch_Words(t *testing.T) {
	s := watchServer(t)
	for _, row := range []struct{ send, want string }{
		{"watch nonsense\r\n", replyError},
		{"watch mutations nonsense\r\n", replyError},
		{"watch mutationsx\r\n", replyError},
		{"watch 1 2 3 4 5 6 7 8 9\r\n", replyError},
		{"version\r\nwatch\r\n", "VERSION " + testVersion + "\r\n" + replyWatchPipeline},
		{"set k 0 0 1 noreply\r\nv\r\nwatch\r\n", replyWatchPipeline},
	} {
		r := NewConn(s).Process(testNow, []byte(row.send), nil)
		if string(r.Out) != row.want || r.Stream != nil || r.Close {
			t.Errorf("%q: %q, %+v", row.send, r.Out, r.Stream)
		}
	}
	for _, classes := range []string{
		"", "fetchers mutations evictions connevents deletions rawcmds sysevents proxyreqs proxyevents proxyuser",
		"mutations mutations", "mut ev", " fetchers  mutations ", "rawcmds",
	} {
		watching(t, s, classes).Close()
	}
	e := newEngine(t, s)
	quiet := watching(t, s, "rawcmds sysevents proxyreqs")
	if mode := s.journal.mode.Load(); mode != 0 {
		t.Errorf("mode %x for classes with nothing to tell", mode)
	}
	e.feed([]byte("get k\r\n"))
	if lines := told(quiet); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	s.NoWatch = true
	if out := e.feed([]byte("watch fetchers\r\n")); string(out) != replyNoWatch {
		t.Errorf("-W: %q", out)
	}
}

func TestWatch_EachGetsItsOwnClasses(t *testing.T) {
	s := watchServer(t)
	stores, gets := watching(t, s, "mutations"), watching(t, s, "fetchers")
	e := newEngine(t, s)
	e.feed([]byte("set k 0 0 1\r\nv\r\nget k\r\n"))
	if l := bare(t, told(stores)); len(l) != 1 || !strings.HasPrefix(l[0], "type=item_store key=k ") {
		t.Errorf("mutations: %q", l)
	}
	if l := bare(t, told(gets)); len(l) != 2 || !strings.HasPrefix(l[1], "type=item_get key=k status=found ") {
		t.Errorf("fetchers: %q", l)
	}
	stores.Close()
	gets.Close()
	if mode := s.journal.mode.Load(); mode != 0 {
		t.Errorf("mode %x with nobody watching", mode)
	}
	e.feed([]byte("get k\r\n"))
	if st := s.Stats().Watch; st != (WatchStats{Events: 3, Sent: 3}) {
		t.Errorf("%+v", st)
	}
}
