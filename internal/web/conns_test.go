package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// dial opens a connection that the test may hold.
func (g *rigged) dial() net.Conn {
	g.t.Helper()
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (g *rigged) open() int {
	g.Server.conns.mu.Lock()
	defer g.Server.conns.mu.Unlock()
	return len(g.Server.conns.open)
}

// allBusy waits until all connections are being answered, as many as there are places.
func (g *rigged) allBusy(places int) {
	g.t.Helper()
	testkit.Eventually(g.t, "all are being answered", func() bool {
		s := g.Server.conns
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for c := range s.open {
			if c.busy {
				n++
			}
		}
		return n == places
	})
}

// However many connections are held open, with nothing or half a request on them, few
// have a place, and whoever asks is answered.
func TestConns_WhoHoldsOnKeepsNobodyOut(t *testing.T) {
	const places, most = 8, 200
	g := serveTest(t, nil)
	g.Server.conns.mu.Lock()
	g.Server.conns.most = places
	g.Server.conns.mu.Unlock()
	g.publish(nil)
	for i := range most {
		c := g.dial()
		if i%2 == 0 {
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		}
		if i%20 == 0 {
			if code, _, _ := g.get("/readyz"); code != 200 {
				t.Fatalf("behind %d connections: %d", i, code)
			}
		}
	}
	if code, _, _ := g.get("/status.json"); code != 200 {
		t.Errorf("behind all: %d", code)
	}
	testkit.Eventually(t, "few are left", func() bool { return g.open() <= places })
}

// Logins that wait have all places, and a probe is answered all the same.
func TestConns_GuessesKeepNoProbeOut(t *testing.T) {
	const places = 4
	g := serveTest(t, func(c *Config) { c.Login = func(_, _ []byte) bool { return false } })
	g.Server.conns.mu.Lock()
	g.Server.conns.most = places
	g.Server.conns.mu.Unlock()
	g.rules.PerFailure, g.rules.MaxDelay, g.rules.MaxTurn = time.Minute, time.Hour, time.Hour // they still wait when all do
	from, _ := source(&http.Request{RemoteAddr: "127.0.0.1:5"})
	for range 2 * g.rules.Free * int64(g.rules.MaxDelay/g.rules.PerFailure) {
		g.guesses.Failed(&g.rules, from, time.Now().UnixMilli())
	}
	for range places {
		fmt.Fprintf(g.dial(), "GET / HTTP/1.1\r\nHost: a\r\n%s: %s\r\n\r\n", basic("ann", "wrong")[0], basic("ann", "wrong")[1])
	}
	g.allBusy(places)
	if code, body, _ := g.get("/livez"); code != http.StatusOK {
		t.Errorf("behind logins that wait: %d, %s", code, body)
	}
}

// Who asks for the page and reads nothing has all places, and a probe is answered all the
// same; a page that is kept up to date stays.
func TestConns_WhoReadsNothingKeepsNoProbeOut(t *testing.T) {
	const places = 4
	g := serveTest(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) })
	})
	g.Server.conns.mu.Lock()
	g.Server.conns.most = places
	g.Server.conns.mu.Unlock()
	g.publish(nil)
	viewer := g.dial()
	fmt.Fprint(viewer, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
	events := bufio.NewReader(viewer)
	next := func() bool {
		for {
			line, err := events.ReadString('\n')
			if err != nil || strings.HasPrefix(line, "data: ") {
				return err == nil
			}
		}
	}
	if !next() {
		t.Fatal("the page is not kept up to date")
	}
	for range places - 1 {
		fmt.Fprint(g.dial(), "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	g.allBusy(places)
	for range 2 * places {
		if code, body, _ := g.get("/livez"); code != http.StatusOK {
			t.Fatalf("behind answers that nobody reads: %d, %s", code, body)
		}
	}
	g.publish(nil)
	if !next() {
		t.Error("the page that is kept up to date has lost its place")
	}
}

// Of those that have a place, who asks for nothing goes first, then who takes longest to
// take the answer. If all are pages that are kept up to date, one more is closed.
func TestConns_WhoGoesFirst(t *testing.T) {
	s := newConns(3)
	join := func() (*conn, net.Conn) {
		a, other := net.Pipe()
		t.Cleanup(func() { other.Close() })
		return s.place(a), other
	}
	closed := func(c net.Conn) bool {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		return errors.Is(err, io.EOF)
	}
	long, longEnd := join()
	idle, idleEnd := join()
	short, shortEnd := join()
	s.state(long, http.StateActive)
	s.state(short, http.StateActive)
	began := time.Now()
	long.since, idle.since, short.since = began.Add(-2*time.Second), began, began.Add(-time.Second)
	if c, _ := join(); c == nil || !closed(idleEnd) || closed(longEnd) || closed(shortEnd) {
		t.Fatal("who asks for nothing does not go first")
	} else {
		c.views = true
	}
	if c, _ := join(); c == nil || !closed(longEnd) || closed(shortEnd) {
		t.Fatal("who takes longest does not go next")
	} else {
		c.views = true
	}
	short.views = true
	if c, end := join(); c != nil || !closed(end) || closed(shortEnd) {
		t.Error("a page that is kept up to date has lost its place")
	}
	if _ = short.Close(); len(s.open) != 2 {
		t.Errorf("%d are left", len(s.open))
	}
}

func TestServer_HasLimitsOfTime(t *testing.T) {
	g := serveTest(t, nil)
	h := g.Server.http
	for _, limit := range []time.Duration{h.ReadHeaderTimeout, h.ReadTimeout, h.WriteTimeout, h.IdleTimeout} {
		if limit <= 0 || limit > time.Minute {
			t.Errorf("a limit is %v", limit)
		}
	}
}

// What is too long is refused, and nothing else suffers.
func TestServer_HugeHeadsAreRefused(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	huge := strings.Repeat("x", 16<<10)
	for name, head := range map[string]string{
		"a cookie": "GET / HTTP/1.1\r\nHost: a\r\nCookie: c=" + huge, "a path": "GET /" + huge + " HTTP/1.1\r\nHost: a",
		"a query": "GET /?" + huge + " HTTP/1.1\r\nHost: a", "many headers": "GET / HTTP/1.1\r\nHost: a" + strings.Repeat("\r\nX-A: bbbbbbbb", 2000),
		"a login": "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic " + huge,
	} {
		c := g.dial()
		_, _ = fmt.Fprintf(c, "%s\r\n\r\n", head) // it may hang up before it has read all
		line, _ := bufio.NewReader(c).ReadString('\n')
		if line != "" && !strings.Contains(line, " 431 ") {
			t.Errorf("%s: %q", name, line)
		}
	}
	for name, head := range map[string]string{
		"no HTTP": "set a 0 0 1\r\nx\r\n", "two hosts": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "no host": "GET / HTTP/1.1\r\n\r\n",
		"a bad path": "GET \x01 HTTP/1.1\r\nHost: a\r\n\r\n", "a bad header": "GET / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n", "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"a bad length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
	} {
		c := g.dial()
		fmt.Fprint(c, head)
		if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, " 400 ") {
			t.Errorf("%s: %q", name, line)
		}
	}
	if code, _, _ := g.get("/"); code != 200 {
		t.Errorf("afterwards: %d", code)
	}
}
