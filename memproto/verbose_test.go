package memproto

import (
	"strings"
	"sync"
	"testing"
)

// logged is a Server.Log for tests.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take returns the lines so far, joined, and forgets them.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.Join(l.lines, "\n")
	l.lines = nil
	return s
}

// talkative is a server that logs at a verbosity, and a conn of it.
func talkative(t *testing.T, level int) (*Server, *engine, *logged) {
	l := new(logged)
	s := newTestServer(t)
	s.Log = l.add
	s.SetVerbosity(level)
	e := newEngine(t, s)
	e.c.client.fd = 24
	return s, e, l
}

func TestVerbose_CommandsAndRepliesAsMemcached(t *testing.T) {
	_, e, log := talkative(t, 2)
	for _, row := range []struct{ send, want string }{
		{"set k 0 0 5\r\nvalue\r\n", "<24 set k 0 0 5\n>24 STORED"},
		{"add k 0 0 5 noreply\r\nvalue\r\n", "<24 add k 0 0 5 noreply\n>24 NOREPLY NOT_STORED"},
		{"get k nope\r\n", "<24 get k nope\n>24 sending key k\n>24 END"},
		{"gat 0 k\r\n", "<24 gat 0 k\n>24 sending key k\n>24 END"},
		{"delete k\r\n", "<24 delete k\n>24 DELETED"},
		{"set n 0 0 2\r\n41\r\nincr n 1\r\n", "<24 set n 0 0 2\n>24 STORED\n<24 incr n 1"},
		{"set k 0 0 2\r\nsecret value\r\n", "<24 set k 0 0 2\n>24 CLIENT_ERROR bad data chunk\n<24 (no command, 8 bytes)\n>24 ERROR"},
		{"set k 0 0 x\r\nsecret\r\n", "<24 set k 0 0 x\n>24 CLIENT_ERROR bad command line format\n<24 (no command, 6 bytes)\n>24 ERROR"},
		{"mn\r\n", "<24 mn\n>24 MN"},
		{"ms k 6\r\nsecret\r\n", "<24 ms k 6"},
		{"verbosity 1\r\n", "<24 verbosity 1\n>24 OK"},
		{"get k\r\n", ""},
		{"verbosity 3\r\n", ""},
		{"get k\r\n", "<24 get k\n>24 sending key k\n>24 END"}, // no more than 2 at run time
		{"quit\r\n", "<24 quit"},
	} {
		e.feed([]byte(row.send))
		got := log.take()
		if got != row.want {
			t.Errorf("%q: %q; want %q", row.send, got, row.want)
		}
		if strings.Contains(got, "secret") || strings.Contains(got, "42") {
			t.Errorf("a value is in the log: %q", got)
		}
	}
}

func TestVerbose_ACommandInPiecesIsPrintedOnce(t *testing.T) {
	_, e, log := talkative(t, 2)
	e.ignoreNeed = true
	for _, b := range []byte("set k 0 0 5\r\nvalue\r\nget k\r\n") {
		e.feed([]byte{b})
	}
	if got, want := log.take(), "<24 set k 0 0 5\n>24 STORED\n<24 get k\n>24 sending key k\n>24 END"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestVerbose_LevelThreeShowsLookups(t *testing.T) {
	_, e, log := talkative(t, 3)
	e.feed([]byte("set k 0 0 1\r\nv\r\nget k nope\r\n"))
	want := "<24 set k 0 0 1\n> NOT FOUND k\n>24 STORED\n<24 get k nope\n> FOUND KEY k\n>24 sending key k\n> NOT FOUND nope\n>24 END"
	if got := log.take(); got != want {
		t.Errorf("%q; want %q", got, want)
	}
	e.feed([]byte("set k 0 1 1\r\nv\r\n"))
	e.now += 5000
	log.take()
	e.feed([]byte("get k\r\n"))
	if got, want := log.take(), "<24 get k\n> FOUND KEY k -removed by expire\n>24 END"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestVerbose_ConnsAndBinaryHeaders(t *testing.T) {
	s, e, log := talkative(t, 2)
	e.c.Opened(testNow, Client{FD: 24})
	in := request(opSet, "k", u32(0)+u32(0), "secret")
	e.feed(in[:30])
	e.feed(in[30:])
	e.c.Closed(testNow, CloseNormal)
	want := `<24 new auto-negotiating client connection
<24 Read binary protocol data:
<24    0x80 0x01 0x00 0x01
<24    0x08 0x00 0x00 0x00
<24    0x00 0x00 0x00 0x0f
`
	got := log.take()
	if !strings.HasPrefix(got, want) || strings.Count(got, "Read") != 1 ||
		strings.Count(got, ">24 Writing bin response:\n>24    0x81 0x01 0x00 0x00\n") != 1 ||
		!strings.HasSuffix(got, "\n<24 connection closed.") {
		t.Errorf("%s", got)
	}
	if s.Log = nil; s.journal.mode.Load() == 0 {
		t.Error("not verbose any more")
	}
	if s.SetVerbosity(2); s.journal.mode.Load() != 0 {
		t.Error("verbose without a log")
	}
}

func TestVerbose_LoginsStayOutOfTheLog(t *testing.T) {
	log := new(logged)
	s := loginServer(t, "bob:secret")
	s.Log = log.add
	s.SetVerbosity(3)
	for _, send := range []string{
		"set a 0 0 10\r\nbob secret\r\nversion\r\n",
		"set a 0 0 9\r\nbob secret\r\nbob secret\r\n",
		"bob secret\r\nset a 0 0 10\r\nbob secret\r\nbob secret\r\n",
	} {
		e := newEngine(t, s)
		e.feed([]byte(send))
		if got := log.take(); strings.Contains(got, "secret") || strings.Contains(got, "bob") || got == "" {
			t.Errorf("%q: %q", send, got)
		}
	}
}
