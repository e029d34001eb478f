package clients

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// Requests of one session come at once, from several web servers: each waits for
// its turn, and none of them is lost. One that waits too long is refused, and
// asks again.
func TestPHPLock_OneSessionIsServedOneAtATime(t *testing.T) {
	t.Parallel()
	const servers, requests = 4, 6
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		var override []string
		if f.name == "memcached" {
			// The library does not wait for what it writes to a replica: a node that gets no time for a moment
			// takes that after the next request's write, and the session goes back. This is about the lock.
			override = []string{"memcached.sess_number_of_replicas=0"}
		}
		v := newSite(f.page(t, "counter.php", a, b, override...), servers).browser()
		v.want("first visit", "?work=30", 1)
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := map[int]int{}
		for i := range servers {
			other := *v
			other.turn = i // the cookies are shared
			all.Go(func() {
				for range requests {
					var got answer
					var err error
					for got.status != http.StatusOK && err == nil {
						got, err = other.try("?work=30")
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					seen[got.visits]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for n := 2; n <= 1+servers*requests; n++ {
			if seen[n] != 1 {
				t.Errorf("visit %d was counted %d times: %v", n, seen[n], seen)
				break
			}
		}
	})
}

// A request that is under way holds the lock, and the next one waits.
func TestPHPLock_SecondRequestWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		p := f.page(t, "counter.php", a, b)
		if n, complaints := p.visit("session"); n != 1 {
			t.Fatalf("first visit counts %d %s", n, complaints)
		}
		rig.WaitEqual(a, b, p.keys("session")[:1])
		release := hold(p, "session")
		before := lockTries(a) + lockTries(b)
		second := p.command("session")
		var out, complaints strings.Builder
		second.Stdout, second.Stderr = &out, &complaints
		if err := second.Start(); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the second request has found the lock", func() bool { return lockTries(a)+lockTries(b) > before })
		release()
		if err := second.Wait(); err != nil || out.String() != "3\n" {
			t.Errorf("the second request: %v, it counts %q, want 3\n%s", err, &out, &complaints)
		}
	})
}

// lockTries counts what locks are asked for with: pecl-memcache counts something
// up, and php-memcached adds something, which memcached counts as a set.
func lockTries(n *rig.Node) int {
	n.T.Helper()
	return incrs(n) + n.Number("cmd_set")
}

// A request that is killed leaves its lock behind. It expires, and the session
// is as the last complete request left it.
func TestPHPLock_OfAKilledRequestExpires(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		p := f.page(t, "counter.php", a, b, "memcached.sess_lock_expire=1", "memcache.lock_timeout=1")
		if n, complaints := p.visit("session"); n != 1 {
			t.Fatalf("first visit counts %d %s", n, complaints)
		}
		rig.WaitEqual(a, b, p.keys("session")[:1])
		slow := p.hold("session")
		if err := slow.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = slow.Wait() // it was killed
		if n, complaints := p.visit("session"); n != 2 {
			t.Errorf("after a killed request the session counts %d, want 2\n%s", n, complaints)
		}
		if locked(t, p, "session", a, b) {
			t.Error("the lock is still there")
		}
	})
}

// locked reports whether a node has a lock of the session that is not free.
func locked(t *testing.T, p *page, session string, nodes ...*rig.Node) bool {
	t.Helper()
	names := p.keys(session)
	name := names[len(names)-1]
	if len(names) == 1 {
		name += ".lock" // pecl-memcache's; 0 is free
	}
	for _, n := range nodes {
		if value, _, hit := n.Dial().Get(name); hit && value != "0" {
			return true
		}
	}
	return false
}

// With the settings as they are shipped, on both nodes: a session lives for
// session.gc_maxlifetime, and no lock for longer than they say.
func TestPHPLock_AndSessionLiveAsLongAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	eachFlavour(t, func(t *testing.T, f *phpFlavour, a, b *rig.Node) {
		p := f.page(t, "counter.php", a, b)
		session := p.keys("session")[0]
		lock, lockSeconds := session+".lock", 0
		if f.ini == "php-memcache.ini" {
			lockSeconds = p.number("memcache.lock_timeout")
		} else {
			lock, lockSeconds = p.keys("session")[1], p.number("memcached.sess_lock_expire")
		}
		if n, complaints := p.visit("session"); n != 1 {
			t.Fatalf("first visit counts %d %s", n, complaints)
		}
		release := hold(p, "session")
		locks := 0
		for _, n := range []*rig.Node{a, b} {
			testkit.Eventually(t, "the session is on node "+n.Name, func() bool { return secondsLeft(n, session) > 0 })
			if left := secondsLeft(n, session); left > 1440 || left < 1440-int(testkit.Patience.Seconds()) {
				t.Errorf("node %s: the session lives for %d s, want 1440", n.Name, left)
			}
			if left := secondsLeft(n, lock); left > lockSeconds || left < 0 {
				t.Errorf("node %s: the lock lives for %d s, want %d at most", n.Name, left, lockSeconds)
			} else if left > 0 {
				locks++
			}
		}
		release()
		if locks == 0 {
			t.Error("no node has a lock")
		}
	})
}

// secondsLeft is how long the node keeps a key; 0 where it has none, -1 for ever.
func secondsLeft(n *rig.Node, key string) int {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	reply := c.Do("mg %s t", key)
	var left int
	if _, err := fmt.Sscanf(reply, "HD t%d", &left); err != nil && reply != "EN" {
		n.T.Fatalf("reply to mg %s: %q", key, reply)
	}
	return left
}
