package session

import (
	"bytes"
	"fmt"
	"testing"
)

// TestScenario08_FlushInMidCopy: flush_all on the source, or on the joiner, while
// half of the copy is still to come. Nothing from before it is left, everything
// from after it is.
func TestScenario08_FlushInMidCopy(t *testing.T) {
	const items = 6000
	for _, at := range []int{0, 1} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("on node %d, cut %v", at, cut), func(t *testing.T) {
				d := newDuo(t)
				for i := range items {
					d.set(0, fmt.Sprint("old", i), string(bytes.Repeat([]byte("v"), 100)))
				}
				d.n[0].cfg.Limits.WindowBytes = 64 << 10
				d.link()
				for d.n[1].in.Report().ItemsDone < items/2 {
					d.turn()
				}
				if d.n[1].s.BarrierReceived() || len(d.states(1)) >= items {
					t.Fatal("the copy is complete: the test shows nothing")
				}
				if cut {
					d.cut()
				}
				d.n[at].st.Flush(d.n[at].now())
				d.now++
				for i := range 100 {
					d.set(i%2, fmt.Sprint("new", i), "n")
				}
				d.set(0, "old1", "again")
				if cut {
					d.link()
				}
				d.rest()
				d.same()
				if got := len(d.states(0)); got != 101 {
					t.Errorf("%d items are left, want the 101 written after the flush", got)
				}
				d.wants("old1", "again", "again")
			})
		}
	}
}

// TestScenario09_DelayedFlushOutlivesItsNode: flush_all 5, and the node that took
// it is killed after 3 s. Its peer flushes at 5 s; if the node is back by then, so
// does it.
func TestScenario09_DelayedFlushOutlivesItsNode(t *testing.T) {
	for name, backAt := range map[string]int64{"dead at 5 s": 6000, "back at 4 s": 4000} {
		t.Run(name, func(t *testing.T) {
			d := newDuo(t)
			began := d.now
			d.set(0, "k", "old")
			d.heal()
			d.n[0].st.FlushAt(d.n[0].now(), began+5000)
			d.pass(began + 3000 - d.now)
			d.kill(0)
			if backAt < 5000 {
				d.pass(began + backAt - d.now)
				d.heal()
				d.wants("k", "old", "old")
			}
			d.now = began + 4999
			if got := d.get(1, "k"); got != "old" {
				t.Fatalf("before 5 s the peer has %q", got)
			}
			d.set(1, "between", "x")
			d.now = began + 5000
			for _, key := range []string{"k", "between"} {
				if got := d.get(1, key); got != "" {
					t.Fatalf("at 5 s the peer still has %s: %q", key, got)
				}
			}
			if backAt < 5000 {
				if got := d.get(0, "k"); got != "" {
					t.Fatalf("at 5 s the node that is back still has %q", got)
				}
			}
			d.now++
			d.set(1, "later", "x")
			d.pass(max(0, began+backAt-d.now))
			d.heal()
			d.wants("k", "", "")
			d.wants("between", "", "")
			d.wants("later", "x", "x")
			d.same()
		})
	}
}
