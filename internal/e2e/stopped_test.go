package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

const (
	stoppedWrites = 100_000
	warmWrites    = 5 * stoppedKeys
	stoppedKeys   = 1000 // written over and over: what the node keeps does not grow
	stoppedValue  = 1000 // bytes; all writes together are 100 MB

	// What the writing node may grow by while its peer does not listen. Were the
	// writes queued for the peer, it would be more than 90 MB.
	stoppedGrowthKiB = 32 << 10
)

// A stopped process is the worst peer: its machine answers, it does not. Clients of
// the other node notice nothing. When it goes on, it takes the difference; what a
// client of its own asked for meanwhile happens then, after all that, and wins.
func TestFailure_NodeStoppedThenContinued(t *testing.T) {
	t.Parallel()
	names := rig.Keys("hot", stoppedKeys)
	single := rig.NewNode(t, "single", rig.NewNet(t)+".1", "")
	rig.StartAll(single)
	writeMany(single, names, 0, warmWrites)
	alone := writeMany(single, names, 1, stoppedWrites/2)
	single.Kill()

	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	writeMany(a, names, 0, warmWrites)
	rig.WaitEqual(a, b, names)
	resident := a.MemoryKiB("VmRSS")
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() {
		if b.Running() {
			b.Signal(syscall.SIGCONT)
		}
	})
	hanging := b.Dial()
	defer hanging.Close()
	hanging.Send("set hangs 0 0 1\r\nb\r\n") // nobody answers yet
	a.Load([]string{"hangs"}, func(int) string { return "a" })
	stopped := writeMany(a, names, 1, stoppedWrites)
	grown := a.MemoryKiB("VmRSS") - resident
	if onlyA := a.Count(names); onlyA != stoppedKeys*9/10 {
		t.Errorf("the writing node holds %d keys, want %d", onlyA, stoppedKeys*9/10)
	}
	a.WaitLog("link lost", "nothing heard for 1000 ms")
	saw(t, "stopped", a, a, b)
	resumes, copied := a.Stat("repl_resumes"), a.Stat("repl_copy_out_items")
	b.Signal(syscall.SIGCONT)
	if got := hanging.Line(); got != "STORED" {
		t.Errorf("a client that waited for the stopped node was told %s", got)
	}
	rig.WaitEqual(a, b, append(names, "hangs"))
	if v, _, _ := a.Dial().Get("hangs"); v != "b" {
		t.Errorf("the later write lost: %q", v)
	}
	if r, c := a.Stat("repl_resumes"), a.Stat("repl_copy_out_items"); r == resumes || c != copied {
		t.Errorf("it took a copy, not the difference: %s resumes after %s, %s items copied after %s", r, resumes, c, copied)
	}

	t.Logf("slowest write: no peer %v (of %d), peer stopped %v (of %d)", alone, stoppedWrites/2, stopped, stoppedWrites)
	t.Logf("the writing node grew by %d KiB", grown)
	if grown > stoppedGrowthKiB {
		t.Errorf("the writing node grew by %d KiB while its peer was stopped, limit %d", grown, stoppedGrowthKiB)
	}
}

// writeMany sets the keys in turn, and deletes every tenth of them instead; one
// after the other, each answered before the next. It returns the longest time
// that a client waited.
func writeMany(n *rig.Node, names []string, round, writes int) (slowest time.Duration) {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	for i := range writes {
		key := names[i%len(names)]
		began := time.Now()
		if i%10 == 9 {
			if got := c.Do("delete %s", key); got != "NOT_FOUND" && got != "DELETED" {
				n.T.Fatalf("delete %s: %s", key, got)
			}
		} else if got := c.Set(key, stoppedData(round, i)); got != "STORED" {
			n.T.Fatalf("set %s: %s", key, got)
		}
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

func stoppedData(round, i int) string {
	s := fmt.Sprintf("%d/%d/", round, i)
	return s + strings.Repeat("x", stoppedValue-len(s))
}
