package web

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"twincached/internal/nodelog"
	"twincached/internal/status"
)

// peerSays gives the board what a peer says.
func (g *rigged) peerSays(change func(*status.Snapshot)) {
	g.t.Helper()
	s := ready(g.now.Load())
	s.Node.Addresses = []string{"10.0.0.2:11211"}
	if change != nil {
		change(&s)
	}
	text, err := json.Marshal(&s)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.board.PeerSaid(g.now.Load(), text); err != nil {
		g.t.Fatal(err)
	}
}

// texts is a page without its tags, on one line.
func texts(page string) string {
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(strings.NewReplacer("&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(page)), " ")
}

func TestPage_SaysEachStateInWords(t *testing.T) {
	for name, c := range map[string]struct {
		this, peer func(*status.Snapshot) // peer nil: none was ever heard of
		want       []string
	}{
		"starting": {this: func(s *status.Snapshot) { s.State = status.State{Word: "starting"}; s.Link.State = "down" }, want: []string{"This node is starting.", "has not been linked since this node started"}},
		"joining":  {this: func(s *status.Snapshot) { s.State = status.State{Word: "joining"}; s.Link.State = "down" }, want: []string{"This node is joining: it looks for its peer. It does not serve"}},
		"copying": {this: func(s *status.Snapshot) {
			s.State, s.Link.State = status.State{Word: "copying"}, "catchup"
			s.CopyIn = status.Copy{Items: 250_000, Total: 1_000_000, Bytes: 1 << 28, StartedMillis: s.AtMillis - 10_000}
		}, want: []string{"This node is copying", "This node takes a full copy from its peer", "250,000 of about 1,000,000 items, 25.0 %; 256 MiB, 25,000/s; about 30 s left"}},
		"refused": {this: func(s *status.Snapshot) {
			s.State = status.State{Word: "refused", Refusal: "AUTH", Remedy: "Give both the same secret."}
		}, want: []string{"This node is refused", "(AUTH)", "It does once that is mended.", "Give both the same secret."}},
		"refused for a while": {this: func(s *status.Snapshot) {
			s.State = status.State{Word: "refused", Refusal: "AUTH", Opens: start - start%86_400_000 + 4*3_600_000}
		}, want: []string{"It does once that is mended, and in any case from 04:00:00 UTC on (--refused-wait): alone then."}},
		"refused by nobody": {this: func(s *status.Snapshot) { s.State = status.State{Word: "refused", Refusal: "SILENT"} },
			want: []string{"This node is refused: its peer takes the connection and does not answer (SILENT). It does not serve clients."}},
		"on all addresses": {this: func(s *status.Snapshot) {
			s.Node.Host, s.Node.Addresses = "a", []string{"0.0.0.0:11211"}
		}, peer: func(s *status.Snapshot) { s.Node.Host, s.Node.Addresses = "b", []string{"0.0.0.0:11211"} },
			want: []string{"ready: a:11211 · twincached", "This node ready a:11211", "Peer ready b:11211"}},
		"local items": {this: func(s *status.Snapshot) { s.Items.Held, s.Items.Local = 3, 1 }, want: []string{"Items 3 1 local (--local-keys)"}},
		"charts":      {want: []string{"Lag of the other node, ms", "Hit rate, %", "Memory used of the limit, MiB", "Processor of one core, %"}},
		"draining":    {this: func(s *status.Snapshot) { s.State.Word = "draining" }, want: []string{"This node is draining: it hands over"}},
		"alone": {this: func(s *status.Snapshot) { s.State.Qualifier, s.Link.State = "alone", "down" },
			want: []string{"ready, and serves alone: its peer is not linked. There is one copy of the data. Start the peer, or look into its log. Do not stop this node.", "ready, alone", "one_copy_left"}},
		"itself for a peer": {this: func(s *status.Snapshot) {
			s.State.Qualifier, s.Link = "alone", status.Link{State: "down", LastError: "SELF: it leads back"}
		},
			want: []string{"There is one copy of the data. Let -x name the other node: it leads back to this one."}},
		"no peer": {this: func(s *status.Snapshot) { s.Node.Replicates = false; s.Link.State = "down" }, want: []string{"It has no peer."}},
		"both":    {peer: func(*status.Snapshot) {}, want: []string{"Both nodes are ready, serve, and are linked."}},
		"the peer copies": {this: func(s *status.Snapshot) {
			s.CopyOut = status.Copy{Items: 10, Total: 20, StartedMillis: s.AtMillis - 1000}
		}, peer: func(s *status.Snapshot) { s.State.Word = "copying" }, want: []string{"Its peer is linked, and takes a full copy.", "The peer takes a full copy from this node", "50.0 %"}},
		"an older peer":     {want: []string{"Its peer is linked.", "it is an older release"}},
		"the peer drains":   {peer: func(s *status.Snapshot) { s.State.Word = "draining" }, want: []string{"Its peer is linked, and is draining."}},
		"a warning of both": {peer: func(s *status.Snapshot) { s.Warnings = []status.Warning{{Word: "lag", Text: "It lags.", Do: "Look."}} }, want: []string{"Look at this lag It lags. Peer Look."}},
	} {
		g := serveTest(t, nil)
		g.publish(nil)
		if c.peer != nil {
			g.peerSays(c.peer)
		}
		g.publish(c.this)
		_, page, _ := g.get("/")
		for _, want := range c.want {
			if !strings.Contains(texts(page), want) {
				t.Errorf("%s: the page lacks %q: %s", name, want, texts(page))
			}
		}
	}
}

func TestPeer_IsWhatSomebodyHasConfigured(t *testing.T) {
	for _, c := range []struct{ name, address, want string }{
		{"b", "10.0.0.2:49782", "b (10.0.0.2), twincached 1"},
		{"10.0.0.2", "10.0.0.2:49782", "10.0.0.2, twincached 1"},
		{"127.0.0.1:11222", "127.0.0.1:49782", "127.0.0.1:11222, twincached 1"},
		{"[::1]:11222", "[::1]:49782", "[::1]:11222, twincached 1"},
		{"", "10.0.0.2:49782", "10.0.0.2, twincached 1"},
		{"b", "", "b, twincached 1"},
	} {
		s := status.Snapshot{Node: status.Node{Peer: c.name}, Link: status.Link{PeerAddress: c.address, PeerSoftware: "twincached 1"}}
		if got := peerOf(&s); got != c.want {
			t.Errorf("-x %q, from %q: %q, want %q", c.name, c.address, got, c.want)
		}
	}
}

func TestPage_SaysHowOldThePeersNumbersAre(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	g.peerSays(func(s *status.Snapshot) { s.Items.Held = 123_456 })
	for range 40 {
		g.publish(func(s *status.Snapshot) {
			s.Link.State, s.CopyIn = "down", status.Copy{StartedMillis: 1, FinishedMillis: 1}
		})
	}
	_, page, _ := g.get("/")
	if !strings.Contains(page, `class="arrows down"`) || strings.Contains(page, "Peer's clock") {
		t.Error("there is no link, and the page shows one")
	}
	if strings.Contains(page, "last full copy") {
		t.Error("a copy of no items is shown")
	}
	if text := texts(page); !strings.Contains(text, "The peer's numbers are 40 s old") || !strings.Contains(text, "Peer was ready") || !strings.Contains(text, "123,456") {
		t.Error(text)
	}
}

// What the peer sends is text, whatever is in it, and not too much of it.
func TestPage_WhatThePeerSaysIsOnlyText(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	evil := `"><script>alert(1)</script><img src=http://evil.example onerror=x>` + strings.Repeat("long ", 200)
	g.peerSays(func(s *status.Snapshot) {
		s.Node.Version, s.Node.Memcached, s.Node.ID, s.State.Word, s.State.Qualifier, s.Settings.Cluster = evil, evil, evil, evil, evil, evil
		s.Node.Addresses = []string{evil, evil}
		s.Warnings = []status.Warning{{Word: evil, Text: evil, Do: evil}}
		s.Events = []nodelog.Event{{Seq: 1, AtMillis: 1, Level: evil, Word: evil, Text: evil, Values: map[string]string{evil: evil}}}
		s.Latency = []status.Latency{{Command: evil, P50: 1}}
	})
	g.publish(func(s *status.Snapshot) { s.Link.LastError, s.Link.PeerSoftware = evil, evil })
	_, page, _ := g.get("/")
	if strings.Contains(page, "<script>") || strings.Contains(page, "<img src=http") || strings.Contains(page, `"><`+"script") {
		t.Error("a text of the peer is a tag")
	}
	if len(page) > 100<<10 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, bad := range []string{"http://", "https://", "//cdn", " style=", " onclick", "javascript:"} {
		if own := strings.ReplaceAll(page, "http://evil.example", ""); strings.Contains(own, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestPage_EventsOfBothNodesNewestFirst(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	g.peerSays(func(s *status.Snapshot) {
		for i := range 5 {
			s.Events = append(s.Events, nodelog.Event{Seq: uint64(9 - i), AtMillis: start - int64(i)*1000, Level: "WARN", Word: "lag", Text: fmt.Sprintf("event number %d", i)})
		}
	})
	g.publish(nil)
	_, page, _ := g.get("/")
	text := texts(page)
	for i := range 4 {
		a, b := strings.Index(text, fmt.Sprintf("event number %d", i)), strings.Index(text, fmt.Sprintf("event number %d", i+1))
		if a < 0 || b < a {
			t.Errorf("%d stands at %d, %d at %d", i, a, i+1, b)
		}
	}
}

// A node that was killed a moment ago is not shown as ready, however young its numbers are.
func TestPage_ThePeerOfALinkThatIsDownWas(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	g.peerSays(nil)
	g.publish(func(s *status.Snapshot) { s.Link.State = "down" })
	_, page, _ := g.get("/")
	if text := texts(page); !strings.Contains(text, "Peer was ready") || !strings.Contains(text, "serves alone") {
		t.Error(text)
	}
}

// Whatever numbers the peer sends, each line of a chart is one that can be drawn, within its
// frame.
func TestPage_ChartsOfAbsurdNumbers(t *testing.T) {
	g := serveTest(t, nil)
	g.publish(nil)
	for i := range 2 * columnMS / 1000 {
		g.peerSays(func(s *status.Snapshot) {
			s.Link.LagMillis, s.Clients.Conns = math.MinInt64, -1<<40
			s.Process.UserSeconds, s.Process.SystemSeconds = float64(i)*1e307, math.MaxFloat64
			s.Items.Evictions, s.Link.Backlog = math.MaxUint64*uint64(i%2), math.MaxUint64
		})
		g.publish(nil)
	}
	_, page, _ := g.get("/")
	lines := regexp.MustCompile(`<path class="line [a-z]+" d="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(lines) < len(curves) {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if !regexp.MustCompile(`^([ML][0-9.]+ [0-9.]{1,5}(h0\.1)?|M0 3H24)+$`).MatchString(l[1]) {
			t.Errorf("a line is %q", l[1])
		}
	}
}
