package view

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/status"
)

var update = flag.Bool("view.update", false, "write the screens of testdata anew")

// now is when all of it is looked at.
var now = time.Date(2026, 3, 1, 3, 0, 10, 0, time.UTC)

// linkedNode is a node as it should be.
func linkedNode(id, peer string) status.Snapshot {
	s := status.Snapshot{AtMillis: now.UnixMilli()}
	s.Node = status.Node{ID: id, Version: "0.1.0", PID: 42, UptimeSeconds: 270_000, Addresses: []string{"10.0.0.1:11211"}, Replicates: true}
	s.State = status.State{Word: "ready", Serves: true}
	s.Link = status.Link{State: "stream", UpMillis: 200_000_000, PeerID: peer, LagMillis: 3, Backlog: 12, RTTMillis: 1, ClockAheadMillis: -7}
	s.Clients = status.Clients{Conns: 12, MaxConns: 1024, BytesRead: 5 << 30, BytesWritten: 123_456_789}
	s.Commands = status.Commands{Get: 1_234_567, GetHits: 1_150_000, GetMisses: 84_567, Set: 80_000, DeleteHits: 33, TouchHits: 2, IncrHits: 40_000_000}
	s.Items = status.Items{Held: 1_203_400, Bytes: 812 << 20, Evictions: 5}
	s.Memory = status.Memory{LimitBytes: 1 << 30, CommittedBytes: 900 << 20}
	s.CopyIn = status.Copy{Items: 1_200_000, Total: 1_200_000, StartedMillis: s.AtMillis - 270_000_000, FinishedMillis: s.AtMillis - 269_990_000}
	s.Events = []nodelog.Event{{Seq: 1, AtMillis: now.UnixMilli() - 200_000_000, Level: "INFO", Word: "link_up", Text: "the link is up"}}
	return s
}

func pairOf(a, b status.Snapshot) [2]Answer {
	return [2]Answer{{Address: "n1:11211", Pair: &status.Pair{Node: a, Peer: &b, PeerAgeMillis: 400}}, {Address: "n2:11211", Pair: &status.Pair{Node: b, Peer: &a, PeerAgeMillis: 500}}}
}

// alone makes of a node one whose peer is gone.
func alone(s *status.Snapshot) {
	s.State.Qualifier = "alone"
	s.Link.State, s.Link.ContactMillis, s.Link.LagMillis = "down", 12_300, 12_100
	s.Link.LastError, s.Link.LastErrorAgeMillis = "DIAL: cannot reach the peer, connection refused", 800
	s.Warnings = status.Warnings(s, nil)
	s.Events = append([]nodelog.Event{{Seq: 2, AtMillis: now.UnixMilli() - 12_300, Level: "WARN", Word: "link_down", Text: "the link is down", Values: map[string]string{"error": "EOF", "cause": "CLOSED"}}}, s.Events...)
}

// golden compares a screen with a file of testdata.
func golden(t *testing.T, name string, lines []Line, cells int) {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		if w := l.width(); w > cells {
			t.Errorf("%s: %d cells, of %d: %q", name, w, cells, l.String())
		}
		b.WriteString(l.String() + "\n")
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || b.String() != string(want) {
		t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, b.String(), want)
	}
}

func TestStatus_Screens(t *testing.T) {
	a, b := linkedNode("aa", "bb"), linkedNode("bb", "aa")
	pair := pairOf(a, b)
	healthy := NewLook(pair[:]...)
	golden(t, "linked-80", healthy.Status(80, now), 80)
	golden(t, "linked-60", healthy.Status(60, now), 60)

	told := NewLook(pair[0])
	golden(t, "one-asked-80", told.Status(80, now), 80)

	left := a
	alone(&left)
	dead := NewLook(Answer{Address: "n1:11211", Pair: &status.Pair{Node: left, Peer: &b, PeerAgeMillis: 12_400}}, Answer{Address: "n2:11211", Err: "it does not serve: connection refused"})
	golden(t, "killed-80", dead.Status(80, now), 80)

	from, to := a, b
	from.Link.State = "catchup"
	from.CopyOut = status.Copy{Items: 450_000, Total: 1_203_400, StartedMillis: now.UnixMilli() - 9000}
	to.Link.State, to.State, to.CopyIn = "catchup", status.State{Word: "copying"}, status.Copy{Items: 448_000, Total: 1_203_400, StartedMillis: now.UnixMilli() - 9000}
	copying := NewLook(Answer{Address: "n1:11211", Pair: &status.Pair{Node: from, Peer: &to, PeerAgeMillis: 300}}, Answer{Address: "n2:11211", Err: "it does not serve: connection refused"})
	golden(t, "copying-120", copying.Status(120, now), 120)

	single := a
	single.Node.Replicates, single.State.Qualifier, single.Link, single.CopyIn = false, "alone", status.Link{State: "down", ContactMillis: -1}, status.Copy{}
	one := NewLook(Answer{Address: "/run/tc", Pair: &status.Pair{Node: single}})
	golden(t, "no-peer-80", one.Status(80, now), 80)
}

// 0.0.0.0 and 127.0.0.1 tell no node from the other.
func TestStatus_NamesTheMachineOfANodeOnAllAddresses(t *testing.T) {
	for address, want := range map[string][2]string{"127.0.0.1:11211": {"A 127.0.0.1:11211, a", "B b:11211"}, "localhost:11211": {"A localhost:11211, a", "B b:11211"}, "n1:11211": {"A n1:11211", "B b:11211"}} {
		a, b := linkedNode("aa", "bb"), linkedNode("bb", "aa")
		a.Node.Host, a.Node.Addresses, b.Node.Host, b.Node.Addresses = "a", []string{"0.0.0.0:11211"}, "b", []string{"0.0.0.0:11211"}
		l := NewLook(Answer{Address: address, Pair: &status.Pair{Node: a, Peer: &b}})
		if got := [2]string{l.A.title(), l.B.title()}; got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestProblems_SayWhenARefusedNodeServes(t *testing.T) {
	for opens, want := range map[int64]string{0: "it is refused.", now.UnixMilli() + 570_000: "It serves alone in 9 min 30 s, if that is not mended before."} {
		a := linkedNode("aa", "bb")
		a.State = status.State{Word: "refused", Refusal: "AUTH", Opens: opens}
		l := NewLook(Answer{Address: "n1:11211", Pair: &status.Pair{Node: a}})
		if got := l.Problems()[0].Text; !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q at its end", got, want)
		}
	}
}

// A node that served, and has lost its link to the one that tells of it, is not ready any more
// because it was so three seconds ago. One that was about to stop may well be.
func TestStatus_LostPeerIsNotReady(t *testing.T) {
	for word, want := range map[string]string{"ready": "not known; it was ready", "draining": "draining: serves nobody"} {
		a, b := linkedNode("aa", "bb"), linkedNode("bb", "aa")
		b.State = status.State{Word: word, Serves: word == "ready"}
		told := Answer{Address: "n1:11211", Pair: &status.Pair{Node: a, Peer: &b, PeerAgeMillis: 3000}}
		gone := Answer{Address: "n2:11211", Err: "connection refused"}
		state := func() string {
			l := NewLook(told, gone)
			return l.Status(120, now)[2].String()
		}
		if got := state(); strings.Contains(got, "not known") {
			t.Errorf("the link is up: %q", got)
		}
		alone(&told.Pair.Node)
		if got := state(); !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStatus_CopyOfNothingIsNotShown(t *testing.T) {
	s := linkedNode("aa", "bb")
	for items, want := range map[uint64]bool{0: false, 1: true} {
		if got := copyCell(&s, &status.Copy{Items: items, StartedMillis: 1, FinishedMillis: 2}); (len(got) > 0) != want {
			t.Errorf("%d items: %q", items, got.String())
		}
	}
}

func TestStatus_GetsAreCountedInWords(t *testing.T) {
	for gets, want := range map[uint64]string{0: "no gets", 1: "100.0% of 1 get", 2: "50.0% of 2 gets"} {
		s := linkedNode("aa", "bb")
		s.Commands = status.Commands{Get: gets, GetHits: min(gets, 1)}
		if got := hitsCell(&s).String(); got != want {
			t.Errorf("%d: %q, want %q", gets, got, want)
		}
	}
}

func words(l Look) (all []string) {
	for _, p := range l.Problems() {
		all = append(all, p.Node+" "+p.Word)
	}
	return all
}

func TestProblems_SayWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a, b *Answer)
		want   []string
	}{
		"nothing":        {func(a, b *Answer) {}, nil},
		"no answer of A": {func(a, b *Answer) { a.Pair, a.Err = nil, "gone" }, []string{"A no_answer"}},
		"no answer of B": {func(a, b *Answer) { b.Pair, b.Err = nil, "gone" }, []string{"B no_answer"}},
		"neither":        {func(a, b *Answer) { a.Pair, a.Err, b.Pair, b.Err = nil, "gone", nil, "gone" }, []string{"A no_answer", "B no_answer"}},
		"a warning":      {func(a, b *Answer) { b.Pair.Node.Warnings = []status.Warning{{Word: "lag"}} }, []string{"B lag"}},
		"copying":        {func(a, b *Answer) { b.Pair.Node.State = status.State{Word: "copying"} }, []string{"B not_serving"}},
		"not linked":     {func(a, b *Answer) { a.Pair.Node.Link.State = "auth" }, []string{"A not_linked"}},
		"alone":          {func(a, b *Answer) { alone(&a.Pair.Node) }, []string{"A one_copy_left", "A lag"}},
		"two of one id": {func(a, b *Answer) {
			b.Pair.Node.Node.ID, b.Pair.Node.Node.PID = "aa", 43
			a.Pair.Node.Link.PeerID = "aa"
		}, nil},
		"one node twice":  {func(a, b *Answer) { b.Pair = a.Pair }, []string{"B not_a_pair"}},
		"of another pair": {func(a, b *Answer) { b.Pair.Node.Link.PeerID = "cc" }, []string{"B not_a_pair"}},
		"without peer":    {func(a, b *Answer) { b.Pair.Node.Node.Replicates = false }, []string{"B not_a_pair"}},
		"B was told stale": {func(a, b *Answer) {
			b.Address, b.Pair, a.Pair.PeerAgeMillis, a.Pair.Peer.State.Serves = "", nil, 6000, false
		}, nil},
		"B told of its link a moment ago": {func(a, b *Answer) { b.Address, b.Pair, a.Pair.Peer.Link.State = "", nil, "catchup" }, nil},
		"B was told just now": {func(a, b *Answer) {
			b.Address, b.Pair = "", nil
			a.Pair.Peer.State = status.State{Word: "draining"}
		}, []string{"B not_serving"}},
		"B copies, and its port is shut": {func(a, b *Answer) {
			b.Pair, b.Err = nil, "refused"
			a.Pair.Peer.State = status.State{Word: "copying"}
		}, []string{"B not_serving"}},
	} {
		pair := pairOf(linkedNode("aa", "bb"), linkedNode("bb", "aa"))
		c.change(&pair[0], &pair[1])
		if got := words(NewLook(pair[:]...)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	single := linkedNode("aa", "")
	single.Node.Replicates, single.Link = false, status.Link{State: "down"}
	if got := words(NewLook(Answer{Address: "n1:11211", Pair: &status.Pair{Node: single}})); len(got) > 0 {
		t.Errorf("a node that has no peer: %q", got)
	}
}

// TestProblems_ANodeThatIsRefusedSaysWhatToDo: the remedy of the refusal, and not where to look it up.
func TestProblems_ANodeThatIsRefusedSaysWhatToDo(t *testing.T) {
	for remedy, want := range map[string]string{"Give both nodes the same secret.": "Give both nodes the same secret.", "": "Look into its log."} {
		s := status.Snapshot{State: status.State{Word: "refused", Refusal: "AUTH", Remedy: remedy}}
		look := NewLook(Answer{Address: "n1:11211", Pair: &status.Pair{Node: s}})
		if found := look.Problems(); len(found) != 1 || found[0].Word != "not_serving" || found[0].Do != want {
			t.Errorf("%+v, want %q", found, want)
		}
	}
}

// The names are a promise: docs/operations.md gives them.
func TestDocument_HasItsNames(t *testing.T) {
	pair := pairOf(linkedNode("aa", "bb"), linkedNode("bb", "aa"))
	pair[1].Pair, pair[1].Err = nil, "gone"
	look := NewLook(pair[:]...)
	text, err := json.Marshal(look.Document())
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	nodes := d["nodes"].([]any)
	b := nodes[1].(map[string]any)
	problem := d["problems"].([]any)[0].(map[string]any)
	if d["ok"] != false || len(nodes) != 2 || problem["node"] != "B" || problem["word"] != "no_answer" ||
		b["address"] != "n2:11211" || b["error"] != "gone" || b["told"] != true || b["age_ms"] != 400. || b["status"].(map[string]any)["state"] == nil {
		t.Errorf("got %s", text)
	}
	pair = pairOf(linkedNode("aa", "bb"), linkedNode("bb", "aa"))
	look = NewLook(pair[:]...)
	if text, err := json.Marshal(look.Document()); err != nil || !strings.HasPrefix(string(text), `{"ok":true,"problems":[],"nodes":[{"node":"A","address":"n1:11211"`) {
		t.Errorf("%v, %s", err, text)
	}
}

// extreme puts the largest, or the least, into each number.
func extreme(v reflect.Value, least bool) {
	switch v.Kind() {
	case reflect.Int64, reflect.Int:
		v.SetInt(math.MaxInt64)
		if least {
			v.SetInt(math.MinInt64)
		}
	case reflect.Uint64:
		v.SetUint(math.MaxUint64)
	case reflect.Float64:
		v.SetFloat(math.Inf(1))
	case reflect.String:
		v.SetString(strings.Repeat("まるごとこぴー ", 30))
	case reflect.Struct:
		for i := range v.NumField() {
			extreme(v.Field(i), least)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			extreme(v.Index(i), least)
		}
	}
}

func TestStatus_WhateverANodeSaysFitsTheScreen(t *testing.T) {
	for _, least := range []bool{false, true} {
		a, b := linkedNode("aa", "bb"), linkedNode("bb", "aa")
		for _, serves := range []bool{true, false} {
			extreme(reflect.ValueOf(&a).Elem(), least)
			extreme(reflect.ValueOf(&b).Elem(), least)
			a.State.Serves, b.CopyIn.FinishedMillis, b.Link.State = serves, 0, linked
			pair := pairOf(a, b)
			look := NewLook(pair[:]...)
			for _, cells := range []int{-5, 0, 1, 24, 40, 79, 80, 81, 200, 1000} {
				for _, l := range look.Status(cells, now) {
					if w := l.width(); w > max(cells, fewestCells) {
						t.Errorf("%d cells of %d: %q", w, cells, l.String())
					}
				}
			}
		}
	}
}

func TestFit_CutsWithinNoCharacter(t *testing.T) {
	for _, c := range []struct {
		text  string
		cells int
		want  string
	}{{"abc", 5, "abc  "}, {"abc", 3, "abc"}, {"abcd", 3, "ab~"}, {"まる", 4, "まる"}, {"まるご", 4, "ま~ "}, {"まる", 1, "~"}, {"e\u0301x", 2, "e\u0301x"}, {"abc", 0, ""}} {
		var b strings.Builder
		for _, s := range say(Plain, c.text).fit(c.cells) {
			b.WriteString(s.Text)
		}
		if b.String() != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.cells, b.String(), c.want)
		}
	}
}

func TestWrap_LongWordsAreCut(t *testing.T) {
	got := wrap(Plain, "one two three "+strings.Repeat("x", 12)+" まるごと", 7)
	want := []string{"one two", "three", "xxxxxxx", "xxxxx", "まるご", "と"}
	for i := range max(len(got), len(want)) {
		if len(got) != len(want) || got[i].String() != want[i] {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestWords_NumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(9_999_999): "9,999,999", count(10_000_000): "10 M", count(12_345_678_901): "12 G", count(math.MaxUint64): "1.84e+19",
		rate(0): "0", rate(0.04): "0.0", rate(9.9): "9.9", rate(1234.5): "1,235", rate(math.NaN()): "0", rate(math.Inf(1)): "1e+18",
		bytes(0): "0 B", bytes(999): "999 B", bytes(1000): "1.0 KiB", bytes(64 << 20): "64 MiB", bytes(1 << 30): "1.0 GiB", bytes(1 << 50): "1024.0 TiB",
		millis(999): "999 ms", millis(1000): "1.0 s", millis(59_000): "59 s", millis(61_000): "1 min 1 s", seconds(3700): "1 h 1 min", seconds(90_000): "1 d 1 h",
		percent(1, 0): "0%", percent(1, 3): "33.3%",
		clock(now.UnixMilli(), now): "03:00:10", clock(now.UnixMilli()-86_400_000, now): "Feb 28 03:00",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
