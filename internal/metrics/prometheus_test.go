package metrics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// prometheusServer is a Prometheus that scrapes nodes three times a second.
type prometheusServer struct {
	url    string
	client http.Client
}

// prometheusConfig has %s for the rule files and the targets.
const prometheusConfig = `
global: {scrape_interval: 300ms, evaluation_interval: 300ms}
rule_files: [%s]
scrape_configs:
  - {job_name: twincached, static_configs: [{targets: [%s]}]}
`

// startPrometheus runs Debian's Prometheus on these nodes, and waits until it has scraped
// each a few times.
func startPrometheus(t *testing.T, rules string, nodes ...*served) *prometheusServer {
	t.Helper()
	program := testkit.NeedTool(t, "prometheus", "it scrapes a pair; Debian's package has its name")
	dir, targets := t.TempDir(), []string(nil)
	for _, n := range nodes {
		targets = append(targets, strings.TrimSuffix(strings.TrimPrefix(n.url, "http://"), "/metrics"))
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, rules, strings.Join(targets, ", ")), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + testkit.FreePorts(t, 1)[0]
	log := &testkit.Log{}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data is of no use to anybody
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus says:\n%s", log.Tail(3000))
		}
	})
	p := &prometheusServer{url: "http://" + address, client: http.Client{Timeout: testkit.Patience}}
	t.Cleanup(p.client.CloseIdleConnections)
	testkit.Eventually(t, "Prometheus has scraped each node", func() bool {
		r, err := p.ask("min(count_over_time(up{job=\"twincached\"}[1m]) * on(instance) up)")
		return err == nil && len(r) == 1 && r[0].number() >= 4
	})
	return p
}

// series is one of an answer.
type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // the time, and the value as text
}

func (s *series) number() (v float64) {
	_, _ = fmt.Sscan(s.Value[1].(string), &v) // a number, or NaN
	return v
}

// ask is the answer to an instant query.
func (p *prometheusServer) ask(query string) ([]series, error) {
	r, err := p.client.Get(p.url + "/api/v1/query?" + url.Values{"query": {query}}.Encode())
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("prometheus: %s: %s", query, answer.Error)
	}
	return answer.Data.Result, nil
}

// answers waits for at least one series: on a busy machine a scrape may come too late, and
// then there is none until the next one.
func (p *prometheusServer) answers(t *testing.T, query string) {
	t.Helper()
	testkit.Eventually(t, "an answer to "+query, func() bool {
		r, err := p.ask(query)
		if err != nil {
			t.Fatal(err)
		}
		return len(r) > 0
	})
}

// becomes waits until the one series of the answer has this value.
func (p *prometheusServer) becomes(t *testing.T, query string, want float64) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%s is %v", query, want), func() bool {
		r, err := p.ask(query)
		if err != nil {
			t.Fatal(err)
		}
		return len(r) == 1 && r[0].number() == want
	})
}

// TestPrometheus_ScrapesAPair is everything that needs a real Prometheus: it takes five
// seconds until it looks at its targets.
func TestPrometheus_ScrapesAPair(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	rules, err := filepath.Abs("../../deploy/prometheus/twincached.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]string{"get n"}, 4000) // one in 256 is timed
	a.text(t, many...)
	p := startPrometheus(t, rules, a, b)
	a.text(t, append(everySlabCommand, many...)...) // so that rates have something to show
	testkit.Eventually(t, "the writes are seen", func() bool {
		r, err := p.ask(`sum(increase(memcached_commands_total{command="set"}[1m])) > 0`)
		return err == nil && len(r) == 1
	})

	t.Run("values", func(t *testing.T) {
		for query, want := range map[string]float64{
			`count(up{job="twincached"} == 1)`:                       2,
			`sum(memcached_up)`:                                      2,
			`sum(twincached_repl_link_up)`:                           2,
			`sum(twincached_state)`:                                  2,
			`count(twincached_state{state="ready"} == 1)`:            2,
			`sum(memcached_current_items)`:                           4,
			`sum(twincached_warning)`:                                0,
			`count(twincached_repl_copy_items{direction="in"} > 0)`:  1,
			`count(twincached_repl_certificate_remaining_seconds>1)`: 2,
		} {
			p.becomes(t, query, want)
		}
	})
	t.Run("boards of others", func(t *testing.T) { othersBoards(t, p) })
	t.Run("our board", func(t *testing.T) { ourBoard(t, p) })
	t.Run("our rules", func(t *testing.T) { ourRules(t, p, rules) })
	t.Run("a peer that goes", func(t *testing.T) {
		b.Close()
		testkit.Eventually(t, "the alert about the peer is pending", func() bool {
			r, err := p.ask(`ALERTS{alertname="TwincachedPeerAway"}`)
			return err == nil && len(r) == 1 && r[0].Metric["alertstate"] == "pending"
		})
		p.answers(t, `twincached_warning{warning="one_copy_left"} == 1`)
	})
}

// grafanaWords puts in what Grafana would: every node, and the last minute.
var grafanaWords = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m", "$__range", "1m",
	"($namespace)/($name)", ".*", "$cluster", ".*", "$namespace", ".*", "$job", ".*", "$instance", ".*", "$node", ".*")
