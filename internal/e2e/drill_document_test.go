package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twincached/internal/nodelog"
)

var drillUpdate = flag.Bool("drill.update", false, "write docs/drill.md anew")

const (
	drillFile  = "../../docs/drill.md"
	faultsFile = "../../docs/faults.md"
)

// heldElsewhere are failures that show nothing, and whose own tests hold that.
var heldElsewhere = map[string]string{
	"TestFailure_NameOfBothNodes": "the node",
}

const drillHead = `# What you see of a fault

It is 3 a.m., and something is wrong: this is what page, log, metrics and ` + "`twincached status`" + ` say while each failure of
[faults.md](faults.md#failures) is there. Tests make this page: each breaks a real pair, asks all four, and holds them to a row.
` + "`go test ./internal/e2e -run 'TestFailure_|TestDrill_'`" + ` does so.

* **Page:** the state of the node that is asked, whether it is linked, and its warnings. ` + "`/status.json` and `stats status`" + ` have the same.
* **Log:** [event words](operations.md#events). Those of WARN and ERROR are all that there are, but for dials that find nobody:
  which of ` + "`peer_unreachable`, `peer_silent`, `peer_hung_up` and `handshake_slow`" + ` comes first depends on the moment.
  What belongs to the test is left out, as is a short secret.
* **Metrics:** what is above 0. Besides, ` + "`twincached_state` and `twincached_qualifier`" + ` say what the page says,
  ` + "`twincached_repl_link_state{state=\"stream\"}`" + ` is 1 when it is linked there,
  ` + "`twincached_warning`" + ` is 1 for each warning, and ` + "`twincached_events_total`" + ` counts the event words. All begin with ` + "`twincached_`" + `.
* **Status:** the exit status of ` + "`twincached status A B`" + `, and its words; A is the node *a*. Where only one node is of interest, it alone is asked.

| what happens | who is asked | page | log | metrics | status | what to do |
|---|---|---|---|---|---|---|
`

// codes are words as they stand in a cell.
func codes(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

// cells are the row without what happens.
func (s *seen) cells() string {
	page, log := "", codes(s.log)
	if s.state == "" {
		page = "it is gone"
	} else {
		page = s.state + "; not linked"
		if s.up {
			page = s.state + "; linked"
		}
		if len(s.warnings) > 0 {
			page += ". " + codes(s.warnings)
		}
		if s.refusal != "" {
			page += " (" + s.refusal + ")"
		}
	}
	switch {
	case s.says != "":
		log = strings.TrimPrefix(log+", *"+s.says+"*", ", ")
	case log == "":
		log = "nothing"
	}
	status := "0"
	if len(s.problems) > 0 {
		status = "1: " + codes(s.problems)
	}
	if s.state == "" {
		status = fmt.Sprintf("the process ends with %d", s.exit)
	}
	return "| " + strings.Join([]string{s.when, page, log, codes(s.metrics), status, s.todo()}, " | ") + " |\n"
}

// todo is what the warnings say is to be done; without any, what the event words do.
func (s *seen) todo() string {
	var all []string
	add := func(text string) {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, w := range s.warnings {
		add(remedy(w, cmp.Or(s.refusal, s.lastError)))
	}
	if len(all) == 0 && !s.up {
		for _, e := range nodelog.Words() {
			if slices.Contains(s.log, e.Word) {
				add(strings.ReplaceAll(e.Do, "](#", "](operations.md#"))
			}
		}
	}
	return strings.Join(all, " ")
}

var failureTest = regexp.MustCompile("`(TestFailure_\\w+)`")

// document is docs/drill.md: a part for each row of the first table of docs/faults.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(faultsFile)
	if err != nil {
		t.Fatal(err)
	}
	failures, _, _ := strings.Cut(string(text), "\n## Scenarios\n")
	var b strings.Builder
	b.WriteString(drillHead)
	used := map[string]bool{}
	for line := range strings.Lines(failures) {
		tests := failureTest.FindAllStringSubmatch(line, -1)
		if !strings.HasPrefix(line, "| ") || tests == nil {
			continue
		}
		what, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		rows := 0
		for _, m := range tests {
			used[m[1]] = true
			for i := range drill {
				if s := &drill[i]; s.fault == m[1] && !s.like {
					b.WriteString("| " + what + " " + s.cells())
					what, rows = "", rows+1
				}
			}
			if who := heldElsewhere[m[1]]; who != "" {
				b.WriteString("| " + what + " | " + who + " | ready; linked | nothing | | 0 | |\n")
				rows++
			}
		}
		if rows == 0 {
			t.Errorf("the drill has nothing of: %s", what)
		}
	}
	for _, s := range drill {
		if !used[s.fault] {
			t.Errorf("the row %q is of %s, which docs/faults.md does not have", s.name, s.fault)
		}
	}
	return b.String()
}

// docs/drill.md says what the tests hold.
func TestDrill_Document(t *testing.T) {
	want := document(t)
	if *drillUpdate {
		if err := os.WriteFile(drillFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(drillFile); err != nil || string(got) != want {
		t.Errorf("%v: docs/drill.md is not what the table says: run go test ./internal/e2e -run TestDrill_Document -drill.update", err)
	}
}

// A row that no test looks at would be a claim.
func TestDrill_EachRowIsLookedAt(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bsaw\([\w.]+, "([^"]+)"( ?\+ ?[\w.]+)?,`).FindAllStringSubmatch(string(text), -1) {
			looked[m[1]+strings.Repeat("*", min(len(m[2]), 1))] = true
		}
	}
	names := map[string]bool{}
	for _, s := range drill {
		begin := s.name[:strings.LastIndex(s.name, " ")+1]
		if names[s.name] || !looked[s.name] && !looked[begin+"*"] {
			t.Errorf("%q is there twice, or no test looks at it", s.name)
		}
		names[s.name] = true
	}
}
