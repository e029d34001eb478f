package e2e

import (
	"strings"
	"testing"

	"twincached/internal/testkit/rig"
)

// silences is how often a link of the nodes has ended because nothing was heard for a second, by
// their logs. A node that gets no time for so long, on a machine that is busy, is not at fault.
func silences(nodes ...*rig.Node) (count int) {
	for _, n := range nodes {
		count += strings.Count(n.Log.String(), "nothing heard for ")
	}
	return count
}

// keepsLink is for what must not disturb the link of a pair: what it returns is called when that
// is over. Only a busy machine may have ended the link meanwhile.
func keepsLink(t testing.TB, nodes ...*rig.Node) (check func()) {
	t.Helper()
	sessions, quiet := map[*rig.Node]int{}, silences(nodes...)
	for _, n := range nodes {
		sessions[n] = n.Number("repl_sessions")
	}
	return func() {
		t.Helper()
		rig.WaitLinked(nodes...)
		for _, n := range nodes {
			now := n.Number("repl_sessions")
			if more := silences(nodes...) - quiet; now > sessions[n]+more {
				t.Errorf("node %s: %d sessions have become %d, and %d times nothing was heard", n.Name, sessions[n], now, more)
			}
		}
	}
}
