package clients

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// One after the other the nodes are killed or stopped, either first, with nobody
// looking or between a visit and the next one, and come back. The web servers
// live through all of it, and nobody is logged out.
func TestPHPSession_NobodyIsLoggedOutByRestartsInAnyOrder(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		c := newCrowd(newSite(f.page(t, "counter.php", a, b), 2), 4)
		c.count("first visit")
		for _, planned := range []bool{false, true} {
			for _, order := range [][2]*rig.Node{{a, b}, {b, a}} {
				for _, idle := range []bool{true, false} {
					for _, n := range order {
						c.restart(n, a, b, planned, idle)
					}
					c.count("both are back")
				}
			}
		}
	})
}

// In strict mode PHP asks for the session before anything else: whoever asks a dead
// node first must not be told that there is none. Two servers in php-memcached's list
// cannot do that, so its settings switch strict mode off.
func TestPHPSession_StrictModeLogsNobodyOut(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		strict := []string{"session.use_strict_mode=1"}
		if f.name == "memcached" {
			strict = nil
		}
		c := newCrowd(newSite(f.page(t, "counter.php", a, b, strict...), 2), 8)
		if got := c.setting("session.use_strict_mode"); (got == "1") != (strict != nil) {
			t.Fatalf("use_strict_mode is %s", got)
		}
		c.count("first visit")
		for _, n := range []*rig.Node{a, b} {
			c.restart(n, a, b, false, false)
		}
		c.count("both are back")
	})
}

// restart takes a node away and back. A planned stop hands over what was just
// written; before a kill the nodes have had the time to.
func (c *crowd) restart(n, a, b *rig.Node, planned, idle bool) {
	c.t.Helper()
	what := fmt.Sprintf("node %s down (planned %t, idle %t)", n.Name, planned, idle)
	if planned {
		if code := n.Stop(); code != 0 {
			c.t.Fatalf("%s: it ended with status %d", what, code)
		}
	} else {
		c.waitBoth(a, b)
		n.Kill()
	}
	if !idle {
		c.count(what)
		c.count(what + ", second visit")
	}
	n.Start()
	n.WaitServing()
	if !idle {
		c.count(what + " and back")
	}
	rig.WaitLinked(a, b)
}

// A request that has begun loses its node, and is saved on the other one.
func TestPHPSession_RequestOutlivesItsNode(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		p := f.page(t, "counter.php", a, b)
		for i, session := range rig.Keys("begun", 4) {
			if n, complaints := p.visit(session); n != 1 {
				t.Fatalf("session %s counts %d %s", session, n, complaints)
			}
			rig.WaitEqual(a, b, p.keys(session)[:1])
			release := hold(p, session)
			doomed := []*rig.Node{a, b}[i%2]
			doomed.Kill()
			release()
			if n, complaints := p.visit(session); n != 3 {
				t.Errorf("node %s killed during a request: session %s counts %d, want 3\n%s", doomed.Name, session, n, complaints)
			}
			doomed.Start()
			doomed.WaitServing()
			rig.WaitLinked(a, b)
		}
	})
}

// limit is far above what the page's own time-outs allow for one request with
// one node that does not answer: each of its calls may wait once for that node.
// What a call waits for depends on what the node does not do.
func (p *page) limit(call time.Duration) time.Duration {
	p.t.Helper()
	calls := 2 * 4 // memcache: reads and stores a session and its lock on two nodes
	if p.setting("session.save_handler") == "memcached" {
		lock := 1 + p.number("memcached.sess_lock_retries")
		calls = lock + 2 + 3 + 1 // the lock; two replicas read; three times stored; the lock
	}
	return 10*time.Second + 2*time.Duration(calls)*call
}

// connectTimeout is how long the extension waits for a machine that is not there.
func (p *page) connectTimeout() time.Duration {
	p.t.Helper()
	if p.setting("session.save_handler") == "memcached" {
		return time.Duration(p.number("memcached.sess_connect_timeout")) * time.Millisecond
	}
	return time.Second // timeout=1 in the path
}

// answerTimeout is how long it waits for one that is there and says nothing.
func (p *page) answerTimeout() time.Duration {
	p.t.Helper()
	if p.setting("session.save_handler") == "memcached" {
		return 5 * time.Second // libmemcached's own, and not to be set
	}
	return time.Second
}

func TestPHPSession_DeadNodeCostsNoMoreThanTheClientsTimeouts(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		c := newCrowd(newSite(f.page(t, "counter.php", a, b), 4), 4)
		c.count("first visit")
		c.waitBoth(a, b)
		a.Kill()
		within(t, 10*time.Second, "visiting with a node dead", func() { c.count("a is dead") })
		silence(t, a.Host+rig.ClientPort)
		limit := c.limit(c.connectTimeout())
		within(t, limit, "visiting with a machine gone", func() { c.count("a's machine is gone") })
	})
}

// silence makes an address swallow what comes, as that of a machine without
// power does: somebody listens there, but the queue for connections is full.
func silence(t *testing.T, address string) {
	t.Helper()
	var ip [4]byte
	var port int
	if _, err := fmt.Sscanf(address, "%d.%d.%d.%d:%d", &ip[0], &ip[1], &ip[2], &ip[3], &port); err != nil {
		t.Fatal(err)
	}
	at := &syscall.SockaddrInet4{Port: port, Addr: ip}
	open := func() int {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(fd) })
		return fd
	}
	listener := open()
	if err := syscall.SetsockoptInt(listener, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(listener, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		_ = syscall.Connect(open(), at) // it is under way, for ever
	}
}

// A process that is stopped answers nothing, and its machine accepts all: the
// slowest failure there is. A request ends within the client's own time-outs,
// with its session or with an error, and never with a new session. When the node
// goes on, it takes the locks of requests that have given up: these expire, and
// everybody is where they were.
func TestPHPSession_StoppedNodeCostsNoMoreThanTheClientsTimeouts(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		override := []string{"memcache.lock_timeout=2"}
		switch f.name {
		case "memcached text", "memcache binary":
			t.Skip("the library is the same, and so is its wait")
		case "memcached":
			// One wait is like another.
			override = []string{"memcached.sess_lock_expire=2", "memcached.sess_lock_retries=0"}
		}
		c := newCrowd(newSite(f.page(t, "counter.php", a, b, override...), 4), 4)
		c.count("first visit")
		c.waitBoth(a, b)
		a.Signal(syscall.SIGSTOP)
		var visits []answer
		within(t, c.limit(c.answerTimeout()), "visiting with a node stopped", func() { visits = c.visitAll() })
		a.Signal(syscall.SIGCONT)
		for i, v := range visits {
			if v.visits != 2 && v.status != http.StatusServiceUnavailable {
				t.Errorf("visitor %d was answered %d and visit %d with a stopped node\n%s", i, v.status, v.visits, v.body)
			}
			var next answer
			testkit.Eventually(t, "the visitor's lock is free", func() bool {
				next = c.browsers[i].visit("")
				return next.status == http.StatusOK
			})
			if next.visits != 2 && next.visits != 3 {
				t.Errorf("visitor %d is at visit %d when the node goes on, and was at %d\n%s", i, next.visits, v.visits, next.body)
			}
		}
	})
}
