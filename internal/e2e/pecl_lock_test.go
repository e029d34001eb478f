package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"testing"
)

// pecl-memcache locks a session on every server that it asks: it counts
// <session>.lock up, adds it where it is missing, and reads the session, in one
// write; it holds the lock where the count is 1 or the add is STORED. Where it
// is neither, it comes back with pauses for twice memcache.lock_timeout (15 s).
// At the end it stores the session and a lock of 0, again on every server.

// peclRead is what it sends when a session starts, and the replies to the lock.
func peclRead(c *conn, session string) (incr, add string) {
	c.t.Helper()
	c.send("incr %s.lock 1\r\nadd %s.lock 768 15 1\r\n1\r\nget %s\r\n", session, session, session)
	incr, add = c.line(), c.line()
	for c.line() != "END" {
	}
	return incr, add
}

// peclWrite is what it sends when a session ends.
func peclWrite(c *conn, session, data string) {
	c.t.Helper()
	c.send("set %s 0 1440 %d\r\n%s\r\nset %s.lock 768 15 1\r\n0\r\n", session, len(data), data, session)
	for range 2 {
		if got := c.line(); got != "STORED" {
			c.t.Fatalf("end of session %s: %s", session, got)
		}
	}
}

func TestPeclLockSequence_DoesNotWait(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	startAll(a, b)
	for i, nodes := range [][2]*node{{a, b}, {b, a}} {
		first, second := nodes[0].dial(), nodes[1].dial()
		for round := range 3 {
			session := fmt.Sprintf("session%d-%d", i, round)
			if incr, add := peclRead(first, session); incr != "NOT_FOUND" || add != "STORED" {
				t.Fatalf("first node: %s, %s", incr, add)
			}
			// All that was to go over has gone when these have: one of them, by
			// their number, stands behind the lock in its partition's change list.
			markers := keys(session+"-marker", 3000)
			nodes[0].load(markers, func(int) string { return "x" })
			waitEqual(nodes[0], nodes[1], markers)
			if incr, add := peclRead(second, session); incr != "NOT_FOUND" || add != "STORED" {
				t.Fatalf("second node: %s, %s: it would wait for its own lock", incr, add)
			}
			peclWrite(first, session, "data")
			peclWrite(second, session, "data")
			for range 2 { // the same session again, on the one node and on the other
				for _, c := range []*conn{first, second} {
					if incr, _ := peclRead(c, session); incr != "1" {
						t.Fatalf("next visit: %s, want 1: the lock is not free", incr)
					}
					peclWrite(c, session, "data")
				}
			}
		}
	}
	for _, n := range []*node{a, b} {
		if n.stat("repl_state") != "ready" {
			t.Errorf("node %s is %s", n.name, n.stat("repl_state"))
		}
	}
}

// Without local keys the lock reaches the second node before the session does.
func TestPeclLockSequence_WaitsWithoutLocalKeys(t *testing.T) {
	t.Parallel()
	a, b := newPair(t, "--local-keys", "")
	startAll(a, b)
	first, second := a.dial(), b.dial()
	if incr, add := peclRead(first, "session"); incr != "NOT_FOUND" || add != "STORED" {
		t.Fatalf("first node: %s, %s", incr, add)
	}
	eventually(t, "the lock reaches the second node", func() bool {
		_, _, hit := second.get("session.lock")
		return hit
	})
	if incr, add := peclRead(second, "session"); incr != "2" || add != "NOT_STORED" {
		t.Errorf("second node: %s, %s; want 2, NOT_STORED", incr, add)
	}
}

// incrs returns how often a node was asked to count something up: the extension
// does that once for each time that it tries to get a lock.
func (n *node) incrs() int {
	n.t.Helper()
	return n.number("incr_hits") + n.number("incr_misses")
}

// number is one row of "stats" that is a number.
func (n *node) number(name string) int {
	n.t.Helper()
	count, err := strconv.Atoi(n.stat(name))
	if err != nil {
		n.t.Fatalf("stats of node %s: %v", n.name, err)
	}
	return count
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
			a, b := newPair(t, test.args...)
			startAll(a, b)
			// Two seconds of waiting are enough to count the tries.
			p := pecl(t, a, b, "memcache.lock_timeout=1")
			if n, complaints := p.visit("session"); n != 1 {
				t.Fatalf("first visit counts %d %s", n, complaints)
			}
			before := [2]int{a.incrs(), b.incrs()}
			if before[0]+before[1] != 1 {
				t.Errorf("a new session took %d tries on a and %d on b, want one", before[0], before[1])
			}
			settle := []string{"session", "session.lock"}
			if test.args == nil {
				settle = settle[:1]
			}
			waitEqual(a, b, settle)
			release := hold(p, "session")
			holder, survivor, old := a, b, before[1]
			if a.incrs() == before[0] {
				holder, survivor, old = b, a, before[0]
			}
			waitEqual(a, b, settle)
			holder.kill()
			_, complaints := p.visit("session")
			if tries := survivor.incrs() - old; !test.tries(tries) {
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
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); line != "2\n" {
		p.t.Fatalf("the slow visit printed %q, %v", line, err)
	}
	return &heldVisit{cmd, stdin, out}
}
