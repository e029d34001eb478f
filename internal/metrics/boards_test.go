package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// othersBoards are the queries of boards and alerts that were made for memcached_exporter:
// each has an answer, as it would have there.
func othersBoards(t *testing.T, p *prometheusServer) {
	text, err := os.ReadFile("testdata/boards.tsv")
	if err != nil {
		t.Fatal(err)
	}
	boards := map[string]int{}
	for line := range strings.Lines(string(text)) {
		board, query, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !ok {
			t.Fatalf("%q", line)
		}
		boards[board]++
		if strings.HasSuffix(board, " alert") { // it answers when something is wrong
			p.selectorsAnswer(t, query)
			continue
		}
		p.answers(t, grafanaWords.Replace(query))
	}
	for board, least := range map[string]int{"37": 12, "11527": 13, "mixin": 15, "mixin alert": 4} {
		if boards[board] < least {
			t.Errorf("%s: %d queries, want %d or more", board, boards[board], least)
		}
	}
}

// selector finds the names of metrics of a query, with their labels.
var selector = regexp.MustCompile(`\b(?:memcached|twincached|process|go|up)(?:_\w+)?\b(?:\{[^}]*\})?`)

// selectorsAnswer wants series for each selector of a query that may have no answer itself.
func (p *prometheusServer) selectorsAnswer(t *testing.T, query string) {
	t.Helper()
	found := selector.FindAllString(query, -1)
	if len(found) == 0 {
		t.Errorf("no metric in %s", query)
	}
	for _, s := range found {
		p.answers(t, grafanaWords.Replace(s))
	}
}

// board is what is read here of a dashboard of Grafana.
type board struct {
	UID    string
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
}

func readBoard(t *testing.T) *board {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/twincached.json")
	if err != nil {
		t.Fatal(err)
	}
	b := new(board)
	if err := json.Unmarshal(text, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// seldom are queries of our board that have no answer while nothing happens.
var seldom = regexp.MustCompile(` > 0$`)

// ourBoard runs each query of deploy/grafana.
func ourBoard(t *testing.T, p *prometheusServer) {
	n := 0
	for _, panel := range readBoard(t).Panels {
		for _, target := range panel.Targets {
			n++
			p.selectorsAnswer(t, target.Expr)
			if !seldom.MatchString(target.Expr) {
				p.answers(t, grafanaWords.Replace(target.Expr))
			}
		}
	}
	if n < 30 {
		t.Errorf("the board has %d queries only", n)
	}
}

// The board can be read by Grafana: no panel has another's number or place, and every
// variable that a query uses is there.
func TestBoard_IsInOrder(t *testing.T) {
	b := readBoard(t)
	ids, places, variables := map[int]bool{}, map[[2]int]string{}, []string{"__rate_interval"}
	for _, v := range b.Templating.List {
		variables = append(variables, v.Name)
	}
	for _, p := range b.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d (%s): its number is another's, or it has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		g := p.GridPos
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := places[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies on %q, or beside the page", p.Title, other)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			for _, m := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(variables, m[1]) {
					t.Errorf("%q: there is no variable %s", p.Title, m[1])
				}
			}
			if !strings.Contains(target.Expr, `{job=~"$job", instance=~"$instance"`) {
				t.Errorf("%q does not go by the nodes that were chosen: %s", p.Title, target.Expr)
			}
		}
	}
	if b.UID != "twincached" || !slices.Contains(variables, "datasource") {
		t.Errorf("uid %q, variables %q", b.UID, variables)
	}
}

var (
	alertLine = regexp.MustCompile(`(?m)^      - alert: (\w+)\n        expr: (.+)$`)
	firingIn  = regexp.MustCompile(`alertname[=:] ?"?(\w+)"?(?:, alertstate="firing", severity="(?:warning|critical)"|\n +eval_time: \S+\n +exp_alerts:\n +- exp_labels)`)
)

// ourRules wants that Prometheus takes the alerts, that each goes by series that a pair
// has, and that none fires on a pair that is well.
func ourRules(t *testing.T, p *prometheusServer, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	alerts := alertLine.FindAllStringSubmatch(string(text), -1)
	if len(alerts) < 15 || len(alerts) != strings.Count(string(text), "- alert:") {
		t.Fatalf("%d alerts were read", len(alerts))
	}
	for _, m := range alerts {
		p.selectorsAnswer(t, m[2])
	}
	// A scrape that came too late is a node that is gone, for a moment.
	if r, err := p.ask(`ALERTS{alertname!="TwincachedNodeGone"}`); err != nil || len(r) > 0 {
		t.Errorf("alerts about a pair that is well: %v, %v", r, err)
	}
}

// promtool runs the tests of the alerts, and each alert fires in one of them.
func TestRules_PromtoolTests(t *testing.T) {
	t.Parallel()
	const dir = "../../deploy/prometheus/"
	tool := promtool(t)
	for _, args := range [][]string{
		{"check", "rules", "twincached.rules.yml"},
		{"check", "config", "prometheus.yml"},
		{"test", "rules", "twincached.rules.test.yml"},
	} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
	rules, err := os.ReadFile(dir + "twincached.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(dir + "twincached.rules.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	fires := map[string]bool{}
	for _, m := range firingIn.FindAllStringSubmatch(string(tests), -1) {
		fires[m[1]] = true
	}
	for _, m := range alertLine.FindAllStringSubmatch(string(rules), -1) {
		if !fires[m[1]] {
			t.Errorf("%s fires in no test", m[1])
		}
	}
}
