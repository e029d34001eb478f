package e2e

import (
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// Each process of a pair answers /metrics beside its status page, as Prometheus wants it.
func TestMetrics_OfEachProcess(t *testing.T) {
	t.Parallel()
	tool := testkit.NeedTool(t, "promtool", "it checks metrics, and comes with Debian's prometheus")
	a, b := rig.NewPair(t)
	for _, n := range []*rig.Node{a, b} {
		n.Args = append(n.Args, "--status", n.Host+":8211")
	}
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	linked := regexp.MustCompile(`\ntwincached_events_total\{event="linked"\} [1-9]`) // more than once on a machine that stands still for a second
	for _, n := range []*rig.Node{a, b} {
		var text string
		testkit.Eventually(t, "node "+n.Name+" says that it is linked", func() bool {
			text = get(t, "http://"+n.Host+":8211/metrics")
			return strings.Contains(text, "\ntwincached_repl_link_up 1\n") && strings.Contains(text, "\nmemcached_up 1\n") &&
				linked.MatchString(text)
		})
		check := exec.Command(tool, "check", "metrics")
		check.Stdin = strings.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool on node %s: %v\n%s", n.Name, err, out)
		}
	}
}

// get is what a GET without any wishes gets.
func get(t *testing.T, url string) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testkit.Patience}
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", url, r.Status, err, text)
	}
	return string(text)
}
