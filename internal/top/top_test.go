package top

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"twincached/internal/ask"
	"twincached/internal/nodelog"
	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/internal/view"
)

var update = flag.Bool("top.update", false, "write the screens of testdata anew")

var began = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// after is a node that has run for some seconds: each does n thousand gets.
func after(seconds int64, id, peer string, n uint64) *status.Snapshot {
	k := uint64(seconds) * n
	s := &status.Snapshot{AtMillis: began.UnixMilli() + 1000*seconds}
	s.Node = status.Node{ID: id, Version: "0.1.0", PID: 7, StartedMillis: began.UnixMilli(), Replicates: true}
	s.State = status.State{Word: "ready", Serves: true}
	s.Link = status.Link{State: "stream", UpMillis: 1000 * seconds, PeerID: peer, LagMillis: 2, RTTMillis: 1, ItemsOut: 40 * k, ItemsIn: 3 * k}
	s.Clients = status.Clients{Conns: 12, MaxConns: 1024, BytesRead: 60_000 * k, BytesWritten: 200_000 * k}
	s.Commands = status.Commands{Get: 1000 * k, GetHits: 932 * k, Set: 40 * k, DeleteHits: k, TouchMisses: k, IncrHits: 2 * k}
	s.Items = status.Items{Held: 1_203_400, Bytes: 812 << 20, Evictions: 7 * k}
	s.Memory = status.Memory{LimitBytes: 1 << 30, CommittedBytes: 900 << 20}
	s.Process = status.Process{UserSeconds: 0.1 * float64(k), SystemSeconds: 0.02 * float64(k)}
	s.Latency = []status.Latency{{Command: "get", P99: 123.4}, {Command: "set", P99: 9}}
	s.Events = []nodelog.Event{{AtMillis: began.UnixMilli(), Level: "INFO", Word: "ready", Text: "ready"}, {AtMillis: began.UnixMilli() - 5000, Level: "INFO", Word: "copied", Text: "marugoto owari"}}
	return s
}

var hot = []view.HotKey{{Key: "user:1", Percent: 12.5}, {Key: "page:/", Percent: 3.25}, {Key: "third", Percent: 1}, {Key: "fourth", Percent: 0.5}}

// said is what node i says after some seconds; its peer has told it that a moment ago.
func said(i int, seconds int64) Answered {
	nodes := []*status.Snapshot{after(seconds, "aa", "bb", 3), after(seconds, "bb", "aa", 1)}
	a := view.Answer{Address: fmt.Sprintf("n%d:11211", i+1), Pair: &status.Pair{Node: *nodes[i], Peer: nodes[1-i], PeerAgeMillis: 400}}
	if i == 0 {
		a.Hot = hot
	}
	return Answered{i, a, began.Add(time.Duration(seconds) * time.Second)}
}

// silent is that node i gave no answer.
func silent(i int, seconds int64) Answered {
	return Answered{i, view.Answer{Address: fmt.Sprintf("n%d:11211", i+1), Err: "it does not serve: connection refused"}, began.Add(time.Duration(seconds) * time.Second)}
}

// screen is the model after all of this has happened, as text.
func screen(t *testing.T, cells, rows int, happened ...any) string {
	t.Helper()
	m := NewModel([]string{"n1:11211", "n2:11211"}, began)
	m, _ = m.Update(Resized{cells, rows})
	for _, what := range happened {
		var end bool
		if m, end = m.Update(what); end {
			t.Fatalf("%v ended it", what)
		}
	}
	lines := m.View()
	if len(lines) > rows {
		t.Errorf("%d lines, of %d", len(lines), rows)
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

func TestModel_Screens(t *testing.T) {
	both := []any{said(0, 9), said(1, 9), said(0, 10), said(1, 10)}
	gone := said(0, 20)
	a := &gone.Answer.Pair.Node
	a.State.Qualifier, a.Link.State, a.Link.ContactMillis, a.Link.LastError = "alone", "down", 9000, "EOF"
	a.Warnings, gone.Answer.Pair.PeerAgeMillis = status.Warnings(a, nil), 9500
	copying := said(0, 20)
	copying.Answer.Pair.Node.Link.State = "catchup"
	copying.Answer.Pair.Node.CopyOut = status.Copy{Items: 300_000, Total: 1_203_400, StartedMillis: began.UnixMilli() + 15_000}
	copying.Answer.Pair.Peer.State = status.State{Word: "copying"}
	copying.Answer.Pair.Peer.Link.State = "catchup"
	copying.Answer.Pair.Peer.CopyIn = copying.Answer.Pair.Node.CopyOut
	for name, c := range map[string]struct {
		cells, rows int
		happened    []any
	}{
		"first-80x24":   {80, 24, nil},
		"linked-80x24":  {80, 24, both},
		"linked-132x40": {132, 40, both},
		"linked-50x12":  {50, 12, both},
		"killed-80x24":  {80, 24, append(slices.Clone(both), said(0, 19), silent(1, 19), gone)},
		"killed-50x12":  {50, 12, append(slices.Clone(both), said(0, 19), silent(1, 19), gone)},
		"copying-80x24": {80, 24, append(slices.Clone(both), said(0, 19), silent(1, 19), copying)},
		"help-80x24":    {80, 24, append(slices.Clone(both), Key('h'))},
		"paused-80x24":  {80, 24, append(slices.Clone(both), Key('p'), said(0, 11))},
	} {
		file := filepath.Join("testdata", name+".txt")
		got := screen(t, c.cells, c.rows, c.happened...)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

func TestModel_Keys(t *testing.T) {
	running := screen(t, 80, 24, said(0, 1), said(0, 2))
	for name, keys := range map[string][]any{"p twice": {Key('p'), Key('p')}, "h twice": {Key('h'), Key('?')}, "others": {Key('x'), Key('é')}} {
		if got := screen(t, 80, 24, append([]any{said(0, 1), said(0, 2)}, keys...)...); got != running {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := screen(t, 80, 24, said(0, 1), said(0, 2), Key('p'), silent(0, 3), Key(' '), said(0, 4), said(0, 5)); !strings.Contains(got, "3,000/s") || strings.Contains(got, "PAUSED") {
		t.Errorf("it does not go on: %s", got)
	}
	for _, k := range []Key{'q', 'Q'} {
		if _, end := NewModel([]string{"a"}, began).Update(k); !end {
			t.Errorf("%c does not end it", k)
		}
	}
}

// TestModel_RatesAreOfOneProcess: what was counted before a restart says nothing of now.
func TestModel_RatesAreOfOneProcess(t *testing.T) {
	again := said(0, 3)
	if got := screen(t, 80, 24, said(0, 1), said(0, 2), again, again, again); !strings.Contains(got, "3,000/s") {
		t.Errorf("asked before the node said something new: %s", got)
	}
	restarted := said(0, 5)
	restarted.Answer.Pair.Node.Node.StartedMillis += 4000
	restarted.Answer.Pair.Node.Commands.Get = 0
	if got := screen(t, 80, 24, said(0, 1), said(0, 2), restarted); !strings.Contains(got, "gets        -") {
		t.Errorf("restarted: %s", got)
	}
	reset := said(0, 3)
	reset.Answer.Pair.Node.Commands = status.Commands{}
	if got := screen(t, 80, 24, said(0, 1), said(0, 2), reset); !strings.Contains(got, "gets        0/s ") {
		t.Errorf("stats reset: %s", got)
	}
}

func TestModel_AnyScreenIsKeptTo(t *testing.T) {
	for _, cells := range []int{0, 1, 23, 40, 79, 300} {
		for _, rows := range []int{0, 1, 2, 5, 19, 22, 100} {
			screen(t, cells, rows)
			screen(t, cells, rows, said(0, 1), silent(1, 1), said(0, 2))
			screen(t, cells, rows, silent(0, 1), silent(1, 1), Key('h'))
		}
	}
}

// simulation is a terminal in memory that remembers what it showed last.
type simulation struct {
	tcell.SimulationScreen
	mu   sync.Mutex
	text string
}

// Show is called by whoever draws.
func (s *simulation) Show() {
	s.SimulationScreen.Show()
	text := textOf(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}

func (s *simulation) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// textOf is what stands on a screen.
func textOf(s tcell.Screen) string {
	var b strings.Builder
	for width, height := s.Size(); height > 0; height-- {
		y := strings.Count(b.String(), "\n")
		for x := 0; x < width; {
			text, _, cells := s.Get(x, y)
			b.WriteString(text)
			x += max(cells, 1)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// A node that is not there is shown, and asked again; q and Ctrl-C end it.
func TestRun_GoesOnWithoutANodeUntilQ(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, key := range []tcell.Key{tcell.KeyRune, tcell.KeyCtrlC} {
		s := &simulation{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
		done := make(chan error)
		go func() { done <- Run(s, []*ask.Node{ask.NewNode(l.Addr().String(), ask.Options{})}) }()
		testkit.Eventually(t, "the screen", func() bool { return strings.Contains(s.shown(), "A no_answer: "+l.Addr().String()) })
		s.SetSize(60, 10)
		testkit.Eventually(t, "the smaller screen", func() bool {
			text := s.shown()
			return strings.Count(text, "\n") == 10 && strings.Contains(text, "A no_answer")
		})
		s.InjectKey(key, 'q', tcell.ModNone)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
