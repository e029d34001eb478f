package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/view"
)

// seen is a row of docs/drill.md: what whoever looks after a pair sees of one node at a
// moment of a fault. saw asks all four places, and holds them to it.
type seen struct {
	name  string // what a test calls the row
	fault string // the test of docs/faults.md
	when  string // the moment, and which node is asked

	state    string   // as the page has it: "ready, alone"; "" = the process has ended
	up       bool     // the link
	refusal  string   // why the two do not link, in one word
	warnings []string // exactly these
	log      []string // event words; of WARN and ERROR exactly these
	metrics  []string // series above 0, besides those of state, link and warnings
	problems []string // of twincached status, exactly these
	exit     int      // of the process that has ended

	says      string // what the log says without an event word
	lastError string // the cause of the last error, where what is to be done depends on it
	like      bool   // it looks like a row in front of it: the document leaves it out

	may []string // words that are there or not: it depends on the moment
}

// saw waits until node n shows what the row says. pair are the nodes that twincached status
// is asked about, n alone without. A link that a busy machine has ended is no part of a row.
func saw(t testing.TB, row string, n *rig.Node, pair ...*rig.Node) {
	t.Helper()
	i := slices.IndexFunc(drill, func(s seen) bool { return s.name == row })
	if i < 0 {
		t.Fatalf("the drill has no row %q", row)
	}
	if len(pair) == 0 {
		pair = []*rig.Node{n}
	}
	now := func() *seen {
		s := drill[i]
		if silences(pair...) > 0 {
			s.may = slices.Concat(s.may, []string{"link_lost"}, noisy)
		}
		return &s
	}
	if s := now(); s.state == "" {
		if n.Running() || n.Code != s.exit {
			t.Errorf("%s: node %s runs: %v, exit status %d, want %d", row, n.Name, n.Running(), n.Code, s.exit)
		}
		if err := s.logged(n, nil); err != nil {
			t.Errorf("%s: %v", row, err)
		}
		return
	}
	var err error
	defer func() {
		if err != nil {
			t.Logf("%s: the last look: %v", row, err)
		}
	}()
	testkit.Eventually(t, fmt.Sprintf("%s: node %s shows it", row, n.Name), func() bool {
		err = now().look(n, pair)
		return err == nil
	})
}

// look asks once: first what answers at once, as a peer that is stopped does not.
func (s *seen) look(n *rig.Node, pair []*rig.Node) error {
	now, err := s.shown(n)
	if err != nil {
		return err
	}
	if err := s.measured(n, now); err != nil {
		return err
	}
	if err := s.logged(n, now.EventCounts); err != nil {
		return err
	}
	return s.command(n, pair)
}

// fetched is what the status page's server answers.
func fetched(n *rig.Node, path string) (string, error) {
	client := http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + n.Host + rig.StatusPort + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, r.Status, text)
	}
	return string(text), err
}

// What the page has of this node: its state, its warnings, and events.
var (
	pageState   = regexp.MustCompile(`<p class="who">This node</p><p class="word">(.*?)</p>`)
	pageWarning = regexp.MustCompile(`<li><p><span class="tag">(\w+)</span> <strong>.*?</strong> <span class="on">This node</span></p>`)
	pageEvent   = regexp.MustCompile(`<span class="on">This node</span></th><td><span class="tag">(\w+)</span>`)
)

// shown is what the page has, and /status.json, which it returns.
func (s *seen) shown(n *rig.Node) (*status.Snapshot, error) {
	text, err := fetched(n, "/status.json")
	if err != nil {
		return nil, err
	}
	var p status.Pair
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, err
	}
	if err := s.snapshot(&p.Node); err != nil {
		return nil, fmt.Errorf("/status.json: %w", err)
	}
	page, err := fetched(n, "/")
	if err != nil {
		return nil, err
	}
	state := pageState.FindStringSubmatch(page)
	if state == nil || state[1] != s.state && !slices.Contains(s.may, state[1]) {
		return nil, fmt.Errorf("the page has the state %q", state)
	}
	all := func(of *regexp.Regexp) (words []string) {
		for _, m := range of.FindAllStringSubmatch(page, -1) {
			words = append(words, m[1])
		}
		return words
	}
	events := all(pageEvent)
	for _, word := range s.log {
		if !slices.Contains(events, word) {
			return nil, fmt.Errorf("the page has the events %q, and not %s", events, word)
		}
	}
	return &p.Node, s.same("warnings on the page", all(pageWarning), s.warnings)
}

// snapshot is what the node says of itself.
func (s *seen) snapshot(now *status.Snapshot) error {
	state := now.State.Word
	if q := now.State.Qualifier; q != "" && q != state {
		state += ", " + q
	}
	known := (state == s.state || slices.Contains(s.may, state)) && (now.State.Refusal == s.refusal || s.refusal == "" && slices.Contains(s.may, now.State.Refusal))
	if up := now.Link.State == "stream"; up != s.up || !known {
		return fmt.Errorf("it is %q, link %s, refusal %q", state, now.Link.State, now.State.Refusal)
	}
	for _, w := range now.Warnings {
		if want := remedy(w.Word, cmp.Or(now.State.Refusal, s.lastError)); w.Do != want {
			return fmt.Errorf("the warning %s says what to do: %q, want %q", w.Word, w.Do, want)
		}
	}
	return s.same("warnings", words(now.Warnings), s.warnings)
}

func words(all []status.Warning) (words []string) {
	for _, w := range all {
		words = append(words, w.Word)
	}
	return words
}

// same compares words, those that may be there left aside.
func (s *seen) same(what string, got, want []string) error {
	left := slices.DeleteFunc(slices.Clone(got), func(w string) bool {
		_, bare, _ := strings.Cut(w, " ")
		return !slices.Contains(want, w) && (slices.Contains(s.may, w) || slices.Contains(s.may, bare))
	})
	slices.Sort(left)
	left = slices.Compact(left)
	if !slices.Equal(left, slices.Sorted(slices.Values(want))) {
		return fmt.Errorf("%s: %q, want %q", what, got, want)
	}
	return nil
}

// measured is what /metrics has.
func (s *seen) measured(n *rig.Node, now *status.Snapshot) error {
	text, err := fetched(n, "/metrics")
	if err != nil {
		return err
	}
	series := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			series[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	word, qualifier := now.State.Word, now.State.Qualifier
	var on []string
	for name, v := range series {
		if w, ok := strings.CutPrefix(name, `twincached_warning{warning="`); ok && v == 1 {
			on = append(on, strings.TrimSuffix(w, `"}`))
		}
	}
	switch {
	case series[`twincached_state{state="`+word+`"}`] != 1,
		qualifier != "" && series[`twincached_qualifier{qualifier="`+qualifier+`"}`] != 1,
		(series[`twincached_repl_link_state{state="stream"}`] == 1) != s.up, s.up && series["twincached_repl_link_up"] != 1:
		return fmt.Errorf("the metrics have another state, qualifier or link: %v", series)
	}
	for word, lines := range now.EventCounts {
		if got := series[`twincached_events_total{event="`+word+`"}`]; got < float64(lines) {
			return fmt.Errorf("the metrics have %v events %s, the node had %d before", got, word, lines)
		}
	}
	for _, name := range s.metrics {
		if series["twincached_"+name] <= 0 {
			return fmt.Errorf("the metrics have no %s above 0", name)
		}
	}
	return s.same("warnings in the metrics", on, s.warnings)
}

var eventLine = regexp.MustCompile(`level=(\w+) .*?\bevent=(\w+)`)

// logged is what the log has, since the start of the process. counts is how many lines each
// word has by the node's own account; nil = it is not asked.
func (s *seen) logged(n *rig.Node, counts map[string]uint64) error {
	bad, all := map[string]bool{}, map[string]uint64{}
	for _, m := range eventLine.FindAllStringSubmatch(n.Log.String(), -1) {
		if all[m[2]]++; m[1] != "INFO" || slices.Contains(s.log, m[2]) {
			bad[m[2]] = true
		}
	}
	if s.says != "" && !n.Log.Has(s.says) {
		return fmt.Errorf("the log of %s does not say %q", n.Name, s.says)
	}
	for word, lines := range all {
		if counts != nil && bad[word] && counts[word] < lines {
			return fmt.Errorf("%d lines of the log have the event %s, the node says %d", lines, word, counts[word])
		}
	}
	return s.same("events in the log of "+n.Name, slices.Collect(maps.Keys(bad)), s.log)
}

// command is what the program says, of what the nodes tell their clients: twincached status.
func (s *seen) command(n *rig.Node, pair []*rig.Node) error {
	args := []string{"status", "--json"}
	for _, p := range pair {
		args = append(args, p.Host+rig.ClientPort)
	}
	cmd := exec.Command(rig.Binary(n.T), args...)
	text, _ := cmd.Output() // the exit status is what counts
	var d view.Document
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("twincached status: %w: %s", err, text)
	}
	if code := cmd.ProcessState.ExitCode(); code != min(len(d.Problems), 1) {
		return fmt.Errorf("twincached status ends with %d: %s", code, text)
	}
	if now := d.Nodes[slices.Index(pair, n)].Status; now == nil {
		return fmt.Errorf("twincached status knows nothing of node %s", n.Name)
	} else if err := s.snapshot(now); err != nil {
		return fmt.Errorf("twincached status: %w", err)
	}
	var said []string
	for _, p := range d.Problems {
		said = append(said, p.Node+" "+p.Word)
	}
	return s.same("twincached status", said, s.problems)
}
