package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
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

// A stopped process is the worst peer: its machine answers, it does not.
func TestFailure_NodeStoppedThenContinued(t *testing.T) {
	names := keys("hot", stoppedKeys)
	single := newNode(t, "single", newNet()+".1", "")
	startAll(single)
	single.writeMany(names, 0, warmWrites)
	alone := single.writeMany(names, 1, stoppedWrites/2)
	single.kill()

	a, b := newPair(t)
	startAll(a, b)
	a.writeMany(names, 0, warmWrites)
	waitEqual(a, b, names)
	resident := a.residentKiB()
	b.signal(syscall.SIGSTOP)
	t.Cleanup(func() {
		if b.running() {
			b.signal(syscall.SIGCONT)
		}
	})
	stopped := a.writeMany(names, 1, stoppedWrites)
	grown := a.residentKiB() - resident
	if onlyA := a.count(names); onlyA != stoppedKeys*9/10 {
		t.Errorf("the writing node holds %d keys, want %d", onlyA, stoppedKeys*9/10)
	}
	b.signal(syscall.SIGCONT)
	waitEqual(a, b, names)

	t.Logf("slowest write: no peer %v (of %d), peer stopped %v (of %d)", alone, stoppedWrites/2, stopped, stoppedWrites)
	t.Logf("the writing node grew by %d KiB", grown)
	if grown > stoppedGrowthKiB {
		t.Errorf("the writing node grew by %d KiB while its peer was stopped, limit %d", grown, stoppedGrowthKiB)
	}
}

// writeMany sets the keys in turn, and deletes every tenth of them instead; one
// after the other, each answered before the next. It returns the longest time
// that a client waited.
func (n *node) writeMany(names []string, round, writes int) (slowest time.Duration) {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	for i := range writes {
		key := names[i%len(names)]
		began := time.Now()
		if i%10 == 9 {
			if got := c.do("delete %s", key); got != "NOT_FOUND" && got != "DELETED" {
				n.t.Fatalf("delete %s: %s", key, got)
			}
		} else if got := c.set(key, stoppedData(round, i)); got != "STORED" {
			n.t.Fatalf("set %s: %s", key, got)
		}
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

func stoppedData(round, i int) string {
	s := fmt.Sprintf("%d/%d/", round, i)
	return s + strings.Repeat("x", stoppedValue-len(s))
}

// residentKiB returns the memory of a process that is in RAM now.
func (n *node) residentKiB() int {
	n.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		n.t.Skipf("skipped, no /proc: %v", err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib int
	if _, err := fmt.Sscanf(after, "%d kB", &kib); err != nil {
		n.t.Fatalf("VmRSS of node %s: %v", n.name, err)
	}
	return kib
}
