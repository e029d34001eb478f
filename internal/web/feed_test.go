package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

// stream is a page that is kept up to date.
type stream struct {
	t    *testing.T
	resp *http.Response
	r    *bufio.Reader
}

func (g *rigged) watch() *stream {
	g.t.Helper()
	resp, err := client.Get(g.url + "/events")
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { resp.Body.Close() })
	return &stream{g.t, resp, bufio.NewReader(resp.Body)}
}

// next is the next message's parts.
func (s *stream) next() (title string, parts map[string]string) {
	s.t.Helper()
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		text, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var m struct {
			Title  string
			Assets string
			Parts  map[string]string
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.Assets != assetsVersion {
			s.t.Fatalf("%v: %.200s", err, text)
		}
		return m.Title, m.Parts
	}
}

func TestFeed_FirstAllThenWhatChanged(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	a := g.watch()
	if kind := a.resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("it is %s", kind)
	}
	_, parts := a.next()
	for _, name := range partNames {
		if _, there := parts[name]; !there {
			t.Errorf("the first message lacks %s", name)
		}
	}
	if len(parts) != len(partNames)+len(curves) {
		t.Errorf("%d parts", len(parts))
	}
	g.publish(func(s *status.Snapshot) { s.State.Word, s.Clients.Conns = "draining", 7654321 })
	title, parts := a.next()
	if !strings.HasPrefix(title, "draining") || !strings.Contains(parts["sentence"], "is draining") || !strings.Contains(parts["nodes"], "7,654,321") {
		t.Errorf("%s, %q", title, parts)
	}
	if _, there := parts["copies"]; there {
		t.Errorf("what did not change is sent again")
	}
}

// Nothing is rendered while nobody looks, and once for all who do.
func TestFeed_RendersOnceForAllAndNotForNobody(t *testing.T) {
	g := serveTest(t, nil)
	made, look := 0, g.renderer.view
	g.renderer.mu.Lock()
	g.renderer.view = func() *view { made++; return look() }
	g.renderer.mu.Unlock()
	count := func() int {
		g.renderer.mu.Lock()
		defer g.renderer.mu.Unlock()
		return made
	}
	for range 5 {
		g.publish(nil)
	}
	if n := count(); n != 0 {
		t.Errorf("%d frames for nobody", n)
	}
	var all []*stream
	for range 5 {
		s := g.watch()
		s.next()
		all = append(all, s)
	}
	g.get("/")
	if n := count(); n != 1 {
		t.Errorf("%d frames of one second for five viewers and one who reloads", n)
	}
	g.publish(nil)
	for _, s := range all {
		s.next()
	}
	if n := count(); n != 2 {
		t.Errorf("%d frames of two seconds", n)
	}
	for _, s := range all {
		s.resp.Body.Close()
	}
	testkit.Eventually(t, "the feed stands still", func() bool {
		g.publish(nil)
		g.feed.mu.Lock()
		defer g.feed.mu.Unlock()
		return !g.feed.running && len(g.feed.viewers) == 0
	})
}

// A fault in what draws the page ends neither the process nor the feed, and is logged.
func TestFeed_AFaultOfThePageEndsNothing(t *testing.T) {
	var log testkit.Log
	g := serveTest(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	g.publish(nil)
	s := g.watch()
	s.next()
	look := g.renderer.view
	set := func(view func() *view) {
		g.renderer.mu.Lock()
		defer g.renderer.mu.Unlock()
		g.renderer.view = view
	}
	set(func() *view { panic("a fault") })
	g.publish(nil)
	if _, parts := s.next(); len(parts) != 0 {
		t.Errorf("it shows %q", parts)
	}
	if code, body, _ := g.get("/"); code != http.StatusInternalServerError || !strings.Contains(body, "/status.json") || !log.Has("event=status_fault error=\"a fault\"") {
		t.Errorf("%d, %s, and the log has %s", code, body, log.String())
	}
	set(look)
	g.publish(nil)
	if _, parts := s.next(); len(parts) != len(partNames)+len(curves) {
		t.Errorf("afterwards %d parts", len(parts))
	}
}

func TestFeed_OneTooManyIsToldSo(t *testing.T) {
	g := serveTest(t, nil)
	g.feed.mu.Lock()
	g.feed.most = 2
	g.feed.mu.Unlock()
	g.publish(nil)
	a := g.watch()
	a.next()
	g.watch().next()
	if code, body, _ := g.get("/events"); code != 503 || !strings.Contains(body, "Too many pages") {
		t.Errorf("%d, %s", code, body)
	}
	if code, _, _ := g.get("/"); code != 200 {
		t.Errorf("the page by itself: %d", code)
	}
	a.resp.Body.Close()
	testkit.Eventually(t, "a place", func() bool {
		g.feed.mu.Lock()
		defer g.feed.mu.Unlock()
		return len(g.feed.viewers) == 1
	})
	g.watch().next()
}

// What is published while a frame is made comes in the next message, not a second later.
func TestFeed_MissesNothingWhileItDraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := status.NewBoard()
		made := int64(0)
		d := newFeed(func() *frame {
			made++
			f := &frame{at: made, parts: map[string]string{"a": fmt.Sprint(made)}}
			if made < 4 { // meanwhile it changes
				board.Publish(ready(made))
			}
			return f
		}, board.Changed, 1)
		defer d.close()
		v := d.join()
		synctest.Wait()
		if text := string(<-v.next); !strings.Contains(text, `"a":"4"`) {
			t.Errorf("the last that came is %s", text)
		}
	})
}

// A viewer that reads nothing holds up nobody: what it misses is not kept, and it is told
// everything when it reads again.
func TestFeed_NobodyWaitsForWhoDoesNotRead(t *testing.T) {
	f := &frame{at: 1, parts: map[string]string{"a": "1", "b": "1"}}
	changed := make(chan struct{})
	d := newFeed(func() *frame { return f }, func() <-chan struct{} { return changed }, 2)
	slow, quick := d.join(), d.join()
	<-quick.next
	for i := range 10 {
		f = &frame{at: int64(i), parts: map[string]string{"a": fmt.Sprint(i + 2), "b": "1"}}
		d.turn()
		if text := string(<-quick.next); strings.Contains(text, `"b"`) || !strings.Contains(text, `"a"`) {
			t.Fatalf("the quick one got %s", text)
		}
	}
	if text := string(<-slow.next); !strings.Contains(text, `"b":"1"`) || !strings.Contains(text, `"a":"11"`) {
		t.Errorf("the slow one got %s", text)
	}
	d.close()
	if d.join() != nil {
		t.Error("a feed that has ended takes viewers")
	}
}

// One whose socket takes nothing is dropped, while the others go on.
func TestFeed_AStuckViewerIsDropped(t *testing.T) {
	g := serveTest(t, nil)
	sendTime := func(d time.Duration) {
		g.feed.mu.Lock()
		defer g.feed.mu.Unlock()
		g.feed.sendTime = d
	}
	g.publish(nil)
	sendTime(time.Millisecond)
	made, look := 0, g.renderer.view
	g.renderer.mu.Lock()
	g.renderer.view = func() *view { made++; return look() }
	g.renderer.mu.Unlock()
	stuck := g.dial()
	_ = stuck.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprint(stuck, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
	testkit.Eventually(t, "it looks", func() bool { // it may be dropped before anybody sees it among the viewers
		g.renderer.mu.Lock()
		defer g.renderer.mu.Unlock()
		return made > 0
	})
	sendTime(testkit.Patience) // of those that join from here on
	other := g.watch()
	other.next()
	testkit.Eventually(t, "it is dropped", func() bool {
		g.publish(func(s *status.Snapshot) { s.Clients.Conns = g.now.Load() })
		if _, parts := other.next(); parts["nodes"] == "" {
			t.Fatal("the other one got nothing")
		}
		g.feed.mu.Lock()
		defer g.feed.mu.Unlock()
		return len(g.feed.viewers) == 1
	})
}
