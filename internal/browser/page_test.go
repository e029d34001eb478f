package browser

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"twincached/internal/nodelog"
	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/internal/web"
)

const start = int64(1_790_000_000_000) // Unix ms

// server shows what the test puts on its board.
type server struct {
	*web.Server
	t     *testing.T
	board *status.Board
	now   atomic.Int64
	url   string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, board: status.NewBoard()}
	s.now.Store(start)
	s.begin("127.0.0.1:0")
	t.Cleanup(func() { s.Close() })
	return s
}

// begin serves on an address.
func (s *server) begin(address string) {
	s.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	s.Server = web.New(web.Config{Board: s.board, Now: s.now.Load, Log: slog.New(slog.DiscardHandler), Health: func() web.Health { return web.Health{} }})
	s.Serve(l)
}

// snapshot is a node that is busy and well, at a time.
func snapshot(at int64, letter string) status.Snapshot {
	s := status.Snapshot{AtMillis: at}
	n := uint64(at-start)/1000 + 1
	s.Node = status.Node{ID: letter, Version: "0.1.0", Memcached: "1.6.45", PID: 4711, StartedMillis: start, UptimeSeconds: int64(n), Addresses: []string{"cache-" + letter + ".example.org:11211"}, Replicates: true}
	s.State = status.State{Word: "ready", Serves: true}
	s.Link = status.Link{State: "stream", UpMillis: at - start, PeerAddress: "10.0.0.2:11212", PeerSoftware: "twincached 0.1.0", LagMillis: int64(1 + n%97/95*9), Backlog: n % 97 / 95 * 40, Unacked: n % 90, ItemsOut: 900 * n, ItemsIn: 700 * n,
		ContactMillis: 40, RTTMillis: 1, Sessions: 2, Resumes: 1}
	s.Clients = status.Clients{Conns: int64(100 + n%9), MaxConns: 1024, BytesRead: 100_000 * n, BytesWritten: 900_000 * n}
	gets := 3000*float64(n) + 90_000*(1+math.Sin(float64(n)/60)) // between 1,500 and 4,500 a second
	if letter == "b" {
		gets *= 0.7
		s.Clients.Conns -= 30
	}
	s.Commands = status.Commands{Get: uint64(gets), GetHits: uint64(gets * 0.95), Set: 900 * n, DeleteHits: 30 * n, TouchHits: 50 * n}
	s.Items = status.Items{Held: 1_234_567, Bytes: 400 << 20, Evictions: 3 * n}
	s.Memory = status.Memory{LimitBytes: 1 << 30, CommittedBytes: 700 << 20, ResidentBytes: 800 << 20}
	s.Process = status.Process{UserSeconds: 0.2 * float64(n), Threads: 4}
	s.Latency = []status.Latency{{Command: "get", Count: 1, P50: 4.5, P99: 60, Max: 1200}, {Command: "set", Count: 1, P50: 5.5, P99: 70, Max: 900}}
	return s
}

// second publishes a second of both nodes. A nil change leaves a node as it is; with
// alone nothing comes from the peer.
func (s *server) second(this, peer func(*status.Snapshot), alone bool) {
	s.t.Helper()
	at := s.now.Add(1000)
	a, b := snapshot(at, "a"), snapshot(at, "b")
	if this != nil {
		this(&a)
	}
	if peer != nil {
		peer(&b)
	}
	if !alone {
		text, err := json.Marshal(&b)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := s.board.PeerSaid(at, text); err != nil {
			s.t.Fatal(err)
		}
	}
	s.board.Publish(a)
}

// history publishes as many seconds of a pair that is well.
func (s *server) history(seconds int) {
	for range seconds {
		s.second(nil, nil, false)
	}
}

// trouble is a node with everything that the page can show at once.
func trouble(s *status.Snapshot) {
	s.Link.ClockAheadMillis = 900
	s.Link.LastError = strings.Repeat("a-name-without-an-end", 10)
	s.CopyOut = status.Copy{Items: 431_002, Total: 1_000_000, Bytes: 80 << 20, StartedMillis: s.AtMillis - 4000}
	for i := range 30 {
		s.Events = append(s.Events, nodelog.Event{Seq: uint64(90 - i), AtMillis: s.AtMillis - int64(i)*7000, Level: []string{"INFO", "WARN", "ERROR"}[i%3], Word: "link_lost",
			Text: "the link is lost, and the node dials again", Values: map[string]string{"address": "10.0.0.2:11212", "error": "connection reset by peer"}})
	}
}

// states are what a node can be in, and what the page says first then.
var states = []struct {
	name       string
	this, peer func(*status.Snapshot)
	alone      bool
	says       string
}{
	{name: "starting", this: func(s *status.Snapshot) { s.State = status.State{Word: "starting"}; s.Link.State = "down" }, says: "This node is starting."},
	{name: "joining", this: func(s *status.Snapshot) { s.State = status.State{Word: "joining"}; s.Link.State = "down" }, alone: true, says: "This node is joining"},
	{name: "copying", this: func(s *status.Snapshot) {
		s.State, s.Link.State = status.State{Word: "copying"}, "catchup"
		s.CopyIn = status.Copy{Items: 431_002, Total: 1_000_000, Bytes: 80 << 20, StartedMillis: s.AtMillis - 4000}
	}, says: "This node is copying"},
	{name: "refused", this: func(s *status.Snapshot) {
		s.State, s.Link.State = status.State{Word: "refused", Refusal: "AUTH", Remedy: "Give both nodes the same secret."}, "down"
	}, alone: true, says: "This node is refused"},
	{name: "draining", this: func(s *status.Snapshot) { s.State.Word = "draining" }, says: "This node is draining"},
	{name: "alone", this: func(s *status.Snapshot) { s.State.Qualifier, s.Link.State = "alone", "down" }, alone: true, says: "serves alone"},
	{name: "peer-copies", this: trouble, peer: func(s *status.Snapshot) { trouble(s); s.State.Word = "copying" }, says: "takes a full copy"},
	{name: "ready", says: "Both nodes are ready"},
}

var pageFile = flag.String("browser.page", "", "write a picture of the page to this file")

// restart is a quarter of an hour in which the peer was away for half a minute.
func (s *server) restart() {
	s.history(500)
	for range 30 {
		s.second(func(s *status.Snapshot) { s.State.Qualifier, s.Link.State = "alone", "down" }, nil, true)
	}
	s.history(370)
}

func TestPage_ShowsEachStateLive(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 900)
	s.restart()
	b.open(s.url + "/")
	b.waitText("#mode", "Live")
	for _, c := range states {
		for range 2 { // the second one begins the next column of the charts
			s.second(c.this, c.peer, c.alone)
		}
		b.waitText("#sentence", c.says)
		bars := eval[[]float64](b, `[...document.querySelectorAll('progress')].map(p => p.position)`)
		if c.name == "copying" || c.name == "peer-copies" {
			if len(bars) != 1 || math.Abs(bars[0]-0.431) > 0.001 || !strings.Contains(b.text("#copies"), "43.1 %") || !strings.Contains(b.text("#copies"), " left") {
				t.Errorf("%s: bars %v, %s", c.name, bars, b.text("#copies"))
			}
		} else if len(bars) != 0 {
			t.Errorf("%s: bars %v", c.name, bars)
		}
		b.shoot(c.name)
	}
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "ready: cache-a.example.org:11211") {
		t.Errorf("the title is %s", title)
	}
	if n := eval[int](b, `document.querySelectorAll('figure path.line').length`); n < 18+18 {
		t.Errorf("%d lines in the charts and their legends", n)
	}
	b.clean(s.url)
	if *pageFile != "" {
		png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(*pageFile, png, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestPage_IsCompleteWithoutScripts(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 900)
	s.history(30)
	s.second(trouble, trouble, false)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open(s.url + "/")
	text := b.text("body")
	for _, want := range []string{"As of ", "Reload", "takes a full copy", "43.1 %", "The clocks of the two nodes differ", "This node to peer", "1,234,567", "Commands a second", "link_lost", "cache-b.example.org"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := eval[int](b, `document.querySelectorAll('figure > svg path.line').length`); n < 12 {
		t.Errorf("%d lines", n)
	}
	b.clean(s.url)
}

func TestPage_FitsAPhoneAndTheDark(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 360, 800)
	s.history(30)
	s.second(trouble, trouble, false)
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		b.open(s.url + "/")
		b.waitText("#mode", "Live")
		if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > 360 {
			t.Errorf("it is %d wide: %v", wide, eval[[]string](b, `[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80)).slice(0, 5)`))
		}
		if light := eval[float64](b, luminance+`luminance(colour(getComputedStyle(document.body).backgroundColor))`); (light < 0.05) != dark {
			t.Errorf("dark %v: the background's luminance is %v", dark, light)
		}
		for _, fault := range eval[[]string](b, audit) {
			t.Errorf("dark %v: %s", dark, fault)
		}
		b.shoot(fmt.Sprintf("phone-dark-%v", dark))
	}
	b.clean(s.url)
}

func TestPage_KeepsFocusAndPlaceWhileItChanges(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 700)
	s.history(10)
	s.second(trouble, trouble, false)
	b.open(s.url + "/")
	b.waitText("#mode", "Live")
	eval[int](b, `{ const log = document.querySelector('.scroll'); log.focus(); log.scrollTop = 55; log.scrollTop }`)
	for range 5 {
		s.second(trouble, trouble, false)
	}
	fifth := s.now.Load() / 1000 * 1000
	testkit.Eventually(t, "the page shows the last of five seconds that came at once", func() bool {
		return eval[int64](b, `Date.parse(document.querySelector('#asof time').dateTime)`) >= fifth
	})
	if !eval[bool](b, `document.activeElement.classList.contains('scroll') && document.activeElement.scrollTop === 55`) {
		t.Error("the focus, or the place in the log, is lost")
	}
	b.clean(s.url)
}

func TestPage_SaysWhenItIsNotLive(t *testing.T) {
	t.Parallel()
	s, b := serve(t), newTab(t, 1280, 700)
	s.history(10)
	b.open(s.url + "/")
	b.waitText("#mode", "Live")
	if b.text("#stale") != "" {
		t.Errorf("it says %s", b.text("#stale"))
	}
	s.Close()
	b.waitText("#stale", "Not live since ")
	if got := b.text("#mode") + " " + b.text("#reload"); got != "As of Reload" {
		t.Errorf("it says %s", got)
	}
	b.shoot("not-live")
	s.begin(strings.TrimPrefix(s.url, "http://"))
	testkit.Eventually(t, "it is live again", func() bool {
		s.second(nil, nil, false)
		return b.text("#mode") == "Live:" && b.text("#stale") == ""
	})
}
