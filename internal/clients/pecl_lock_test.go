package clients

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

// incrs returns how often a node was asked to count something up: the extension
// does that once for each time that it tries to get a lock.
func incrs(n *rig.Node) int {
	n.T.Helper()
	return n.Number("incr_hits") + n.Number("incr_misses")
}

// The real extension: a request holds its session's lock, and the node that has
// the lock dies. The next request of that session does not wait for a lock that
// nobody is left to give back.
func TestPeclLockSequence_HolderDiesWithItsNode(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		tries func(n int) bool
	}{
		{"local keys", nil, func(n int) bool { return n == 1 }},
		{"no local keys", []string{"--local-keys", ""}, func(n int) bool { return n > 1 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for seconds := 1; ; seconds *= 2 {
				tries, complaints, late := triesOfALock(t, seconds, test.args)
				if !late {
					if !test.tries(tries) {
						t.Errorf("the lock took %d tries\n%s", tries, complaints)
					}
					return
				}
				t.Logf("this machine is slow: the lock of %d s had expired", seconds)
			}
		})
	}
}

// triesOfALock is how often a request asks for the lock of one whose node has died, on a pair of
// its own. A lock expires after some seconds. late: it may have before the request asked.
func triesOfALock(t *testing.T, seconds int, args []string) (tries int, complaints string, late bool) {
	t.Helper()
	a, b := rig.NewPair(t, args...)
	rig.StartAll(a, b)
	// Twice the seconds of waiting are enough to count the tries.
	p := pecl(t, a, b, fmt.Sprint("memcache.lock_timeout=", seconds))
	if n, complaints := p.visit("session"); n != 1 {
		t.Fatalf("first visit counts %d %s", n, complaints)
	}
	before := [2]int{incrs(a), incrs(b)}
	if before[0]+before[1] != 1 {
		t.Errorf("a new session took %d tries on a and %d on b, want one", before[0], before[1])
	}
	settle := []string{"session", "session.lock"}
	if args == nil {
		settle = settle[:1]
	}
	rig.WaitEqual(a, b, settle)
	began := time.Now()
	release := hold(p, "session")
	holder, survivor, old := a, b, before[1]
	if incrs(a) == before[0] {
		holder, survivor, old = b, a, before[0]
	}
	rig.WaitEqual(a, b, settle)
	holder.Kill()
	_, complaints = p.visit("session")
	tries = incrs(survivor) - old
	late = args != nil && tries == 1 && time.Since(began) > time.Duration(seconds)*time.Second
	release()
	if t.Failed() || args != nil {
		return tries, complaints, late
	}
	if n, complaints := p.visit("session"); n != 3 {
		t.Errorf("afterwards it counts %d, want 3 %s", n, complaints)
	}
	return tries, complaints, late
}

// hold makes a slow visit: it has its session and its lock when hold returns,
// and ends with release.
func hold(p *page, session string) (release func()) {
	p.t.Helper()
	slow := p.hold(session)
	return func() {
		slow.stdin.Close()
		_, _ = io.Copy(io.Discard, slow.out)
		_ = slow.Wait() // its session may not have been written: one node is gone
	}
}

// heldVisit is a visit that goes on until its input ends.
type heldVisit struct {
	*exec.Cmd
	stdin io.Closer
	out   io.Reader
}

func (p *page) hold(session string) *heldVisit {
	p.t.Helper()
	slow := *p
	slow.script = slow.script[:len(slow.script)-len("counter.php")] + "counter_held.php"
	cmd := slow.command(session)
	stdin, stdout := startPiped(p.t, cmd)
	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); line != "2\n" {
		p.t.Fatalf("the slow visit printed %q, %v", line, err)
	}
	return &heldVisit{cmd, stdin, out}
}
