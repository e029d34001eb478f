package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"twincached/internal/testkit"
)

// However many ask, and however, an answer is made once a second, and after each snapshot.
func TestShared_OneAnswerForAllWhoAsk(t *testing.T) {
	var made atomic.Int64
	g := serveTest(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(w, "made %d%s%s\n", made.Add(1), r.URL.RawQuery, r.Header.Get("Accept"))
		})
	})
	g.publish(nil)
	all := func(want int64) {
		t.Helper()
		for i := range 5 {
			path := fmt.Sprint("/metrics?name=", i)
			if code, body, _ := g.get(path, "Accept", "application/openmetrics-text"); code != 200 || body != fmt.Sprintf("made %d\n", want) {
				t.Errorf("%d, %q, want that of %d", code, body, want)
			}
			if code, _, h := g.ask(http.MethodHead, path); code != 200 || h.Get("Content-Length") != "7" || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
				t.Errorf("HEAD: %d, %v", code, h)
			}
		}
	}
	all(1)
	g.now.Add(sharedMillis - 1)
	all(1)
	g.now.Add(1)
	all(2)
	g.board.Publish(ready(g.now.Add(1)))
	all(3)
	if err := g.board.PeerSaid(g.now.Load(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	all(4)
	g.now.Add(-10 * sharedMillis) // a clock that goes back keeps nothing
	all(5)
}

func TestShared_StatusJSONToo(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	if err := g.board.PeerSaid(g.now.Load(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	age := func() string {
		_, body, _ := g.get("/status.json")
		_, age, _ := strings.Cut(body, `"peer_age_ms":`)
		return age
	}
	for after, want := range []string{"0}\n", "0}\n", "1000}\n", "1000}\n"} {
		if got := age(); got != want {
			t.Errorf("%d half seconds later it is %q, want %q", after, got, want)
		}
		g.now.Add(sharedMillis / 2)
	}
}

// Whoever does not read an answer, or goes away behind one that hangs, holds up nobody.
func TestShared_NobodyWaitsForWhoDoesNotRead(t *testing.T) {
	hang, running := make(chan bool), make(chan bool)
	g := serveTest(t, func(c *Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			running <- true
			<-hang
			w.Write(make([]byte, 1<<20))
		})
	})
	g.publish(nil)
	first := g.dial()
	fmt.Fprint(first, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
	<-running
	for range 20 {
		c := g.dial()
		fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
		c.Close()
	}
	testkit.Eventually(t, "those that have gone do not wait", func() bool { return g.open() == 1 })
	close(hang)
	if code, body, _ := g.get("/metrics"); code != 200 || len(body) != 1<<20 {
		t.Errorf("behind an answer that nobody reads: %d, %d bytes", code, len(body))
	}
}

// A fault of this program ends one request, and is an event.
func TestServer_AFaultOfARequestIsAnEvent(t *testing.T) {
	log := &testkit.Log{}
	g := serveTest(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic("a fault") })
	})
	for range 2 { // the second one does not wait for the first
		if resp, err := client.Get(g.url + "/metrics"); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			t.Errorf("it answers %s", resp.Status)
		}
	}
	if !log.Has(`level=ERROR`) || !log.Has(`event=status_fault error="a fault"`) || log.Has("http: panic") {
		t.Errorf("the log has\n%s", log.String())
	}
	if code, _, _ := g.get("/livez"); code != 200 {
		t.Errorf("afterwards: %d", code)
	}
}
