package web

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

// start is the time that snapshots of tests begin at, in Unix ms.
const start = int64(1_790_000_000_000)

// rigged is a server on a free port of loopback, with a board that the test fills.
type rigged struct {
	*Server
	t     *testing.T
	board *status.Board
	url   string
	addr  string
	now   atomic.Int64
}

// narrow is a listener whose connections take little before the reader has to read.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(8 << 10)
	}
	return c, err
}

func serveTest(t *testing.T, change func(*Config)) *rigged {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &rigged{t: t, board: status.NewBoard(), addr: l.Addr().String()}
	g.url = "http://" + g.addr
	g.now.Store(start)
	cfg := Config{
		Board: g.board, Now: g.now.Load, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Health: func() Health { return Health{State: "ready", Ready: true, Started: true, Alive: true} },
	}
	if change != nil {
		change(&cfg)
	}
	g.Server = New(cfg)
	g.Serve(narrow{l})
	t.Cleanup(g.Close)
	return g
}

// ready is the snapshot of a node that is well, at a time of the test.
func ready(at int64) status.Snapshot {
	s := status.Snapshot{AtMillis: at}
	s.Node = status.Node{ID: "a", Version: "1", StartedMillis: start, Addresses: []string{"10.0.0.1:11211"}, Peer: "10.0.0.2:11212", Replicates: true}
	s.State = status.State{Word: "ready", Serves: true}
	s.Link.State = "stream"
	s.Memory.LimitBytes = 64 << 20
	return s
}

// publish puts the next second on the board.
func (g *rigged) publish(change func(*status.Snapshot)) {
	s := ready(g.now.Add(1000))
	if change != nil {
		change(&s)
	}
	g.board.Publish(s)
}

// client is one without connections that outlive a test.
var client = &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks for a path; the server is told the header.
func (g *rigged) get(path string, header ...string) (code int, body string, h http.Header) {
	g.t.Helper()
	return g.ask(http.MethodGet, path, header...)
}

func (g *rigged) ask(method, path string, header ...string) (code int, body string, h http.Header) {
	g.t.Helper()
	r, err := http.NewRequest(method, g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestServer_AnswersItsPaths(t *testing.T) {
	g := serveTest(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") })
	})
	if code, body, _ := g.get("/status.json"); code != 503 || !strings.Contains(body, "again in a second") {
		t.Errorf("before the first snapshot: %d, %s", code, body)
	}
	g.publish(nil)
	for path, want := range map[string]string{
		"/": "<!doctype html>", "/status.json": `"this":{"at_ms":`, "/livez": "alive\n", "/readyz": "ready\n", "/startupz": "ready\n",
		"/metrics": "up 1\n", "/page.css": "body", "/page.js": "EventSource", "/icon.svg": "<svg",
	} {
		code, body, h := g.get(path)
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %.200s", path, code, body)
		}
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
		if code, body, _ := g.ask(http.MethodHead, path); code != 200 || body != "" {
			t.Errorf("HEAD %s: %d, %q", path, code, body)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			if code, _, h := g.ask(method, path); code != 405 || h.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
	for _, path := range []string{"/x", "//", "/../etc/passwd", "/%2e%2e/", "/status.json/", "/.git/config", "/events/", "/page.html", "/livez/x", "/%00"} {
		if code, body, _ := g.get(path); code != 404 || !strings.Contains(body, "The status page is at /") {
			t.Errorf("%s: %d, %.100s", path, code, body)
		}
	}
}

func TestServer_HasNoMetricsUnlessGiven(t *testing.T) {
	g := serveTest(t, nil)
	if code, _, _ := g.get("/metrics"); code != 404 {
		t.Errorf("%d", code)
	}
}

func TestStatusJSON_IsThePair(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	peer, err := json.Marshal(ready(g.now.Load()))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.board.PeerSaid(g.now.Load()-700, peer); err != nil {
		t.Fatal(err)
	}
	_, body, h := g.get("/status.json")
	var p status.Pair
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Peer == nil || p.Peer.State.Word != "ready" || p.PeerAgeMillis != 700 {
		t.Errorf("%v: %s", err, body)
	}
	if h.Get("Content-Type") != "application/json" {
		t.Errorf("it is %s", h.Get("Content-Type"))
	}
}

func TestProbes_FollowTheNode(t *testing.T) {
	var now atomic.Pointer[Health]
	g := serveTest(t, func(c *Config) { c.Health = func() Health { return *now.Load() } })
	for _, c := range []struct {
		health               Health
		live, ready, started int
	}{
		{Health{"starting", false, false, true}, 200, 503, 503},
		{Health{"joining", false, false, true}, 200, 503, 503},
		{Health{"copying", false, false, true}, 200, 503, 503},
		{Health{"refused", false, false, true}, 200, 503, 503},
		{Health{"ready", true, true, true}, 200, 200, 200},
		{Health{"draining", false, true, true}, 200, 503, 200},
		{Health{"ready", true, true, false}, 503, 200, 200},
	} {
		now.Store(&c.health)
		live, word, _ := g.get("/livez")
		readyCode, state, _ := g.get("/readyz")
		started, _, _ := g.get("/startupz")
		if live != c.live || readyCode != c.ready || started != c.started || state != c.health.State+"\n" {
			t.Errorf("%+v: live %d, ready %d, started %d, %q", c.health, live, readyCode, started, state)
		}
		if want := map[int]string{200: "alive\n", 503: "stuck\n"}[live]; word != want {
			t.Errorf("%+v: %q", c.health, word)
		}
	}
}
