package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// Both nodes of a pair are started by the same hand, at the same instant: then
// both dial, neither is there yet, and both have nothing.
func TestFailure_BothStartEmpty(t *testing.T) {
	t.Parallel()
	const rounds = 20
	a, b := rig.NewPair(t)
	var took []time.Duration
	for i := range rounds {
		began := time.Now()
		rig.StartAll(a, b)
		took = append(took, time.Since(began))
		for _, nodes := range [][2]*rig.Node{{a, b}, {b, a}} {
			near, far := nodes[0], nodes[1]
			key := fmt.Sprintf("round%d-%s", i, near.Name)
			c, f := near.Dial(), far.Dial()
			if got := c.Set(key, key); got != "STORED" {
				t.Fatalf("round %d, set on %s: %s", i, near.Name, got)
			}
			testkit.Eventually(t, fmt.Sprintf("round %d: a set on %s is on %s", i, near.Name, far.Name), func() bool {
				v, _, _ := f.Get(key)
				return v == key
			})
			c.Close()
			f.Close()
		}
		if i == 0 {
			saw(t, "both empty", a, a, b)
			saw(t, "both empty", b, a, b)
		}
		a.Kill()
		for _, n := range []*rig.Node{a, b} {
			// Of two simultaneous dials one wins; they do not end each other. (b has seen a die.)
			// On a busy machine a node may hear nothing for a second, and then they link again.
			log := n.Log.String()
			links, busy := strings.Count(log, "msg=linked"), silences(a, b)
			if links < 1 || links > 1+busy || n == a && busy == 0 && strings.Contains(log, "link lost") {
				t.Fatalf("round %d: the link of %s came and went at the start:\n%s", i, n.Name, log)
			}
		}
		b.Kill()
	}
	slices.Sort(took)
	t.Logf("from start until both serve, %d rounds: min %v, median %v, max %v",
		rounds, took[0], took[rounds/2], took[rounds-1])
}
