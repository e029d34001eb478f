package clients

import (
	"bufio"
	"io"
	"os/exec"
	"testing"

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
			a, b := rig.NewPair(t, test.args...)
			rig.StartAll(a, b)
			// Two seconds of waiting are enough to count the tries.
			p := pecl(t, a, b, "memcache.lock_timeout=1")
			if n, complaints := p.visit("session"); n != 1 {
				t.Fatalf("first visit counts %d %s", n, complaints)
			}
			before := [2]int{incrs(a), incrs(b)}
			if before[0]+before[1] != 1 {
				t.Errorf("a new session took %d tries on a and %d on b, want one", before[0], before[1])
			}
			settle := []string{"session", "session.lock"}
			if test.args == nil {
				settle = settle[:1]
			}
			rig.WaitEqual(a, b, settle)
			release := hold(p, "session")
			holder, survivor, old := a, b, before[1]
			if incrs(a) == before[0] {
				holder, survivor, old = b, a, before[0]
			}
			rig.WaitEqual(a, b, settle)
			holder.Kill()
			_, complaints := p.visit("session")
			if tries := incrs(survivor) - old; !test.tries(tries) {
				t.Errorf("the lock took %d tries\n%s", tries, complaints)
			}
			release()
			if t.Failed() || test.args != nil {
				return
			}
			if n, complaints := p.visit("session"); n != 3 {
				t.Errorf("afterwards it counts %d, want 3 %s", n, complaints)
			}
		})
	}
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
