package metrics

import (
	"os/exec"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// promtool is Debian's.
func promtool(t testing.TB) string {
	t.Helper()
	return testkit.NeedTool(t, "promtool", "it checks metrics, and comes with Debian's prometheus")
}

// Names, types and help texts are as Prometheus wants them.
func TestPromtool_FindsNothing(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	a, _ := startPair(t)
	a.text(t, everySlabCommand...)
	cmd := exec.Command(tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(a.scrape(t))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
