package replicator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/session"
	"twincached/internal/testkit"
	"twincached/store"
)

func TestLink_CopiesBothWaysThenStreams(t *testing.T) {
	sa, sb := newTestStore(t), newTestStore(t)
	a0, b0 := &testNode{t: t, st: sa}, &testNode{t: t, st: sb}
	for i := range 2000 {
		a0.set(fmt.Sprint("a", i), fmt.Sprint("of a ", i))
		b0.set(fmt.Sprint("b", i), fmt.Sprint("of b ", i))
	}
	a, b := startPair(t, func(i int, c *Config) {
		c.Store.Close()
		c.Store = []*store.Store{sa, sb}[i]
	})
	waitLinked(t, a, b)
	for i := range 2000 { // the gate opens only when everything is here
		if got := a.get(fmt.Sprint("b", i)); got != fmt.Sprint("of b ", i) {
			t.Fatalf("a lacks b%d: %q", i, got)
		}
		if got := b.get(fmt.Sprint("a", i)); got != fmt.Sprint("of a ", i) {
			t.Fatalf("b lacks a%d: %q", i, got)
		}
	}
	a.set("x", "1")
	eventually(t, "x on b", func() bool { return b.get("x") == "1" })
	b.set("x", "2")
	eventually(t, "x on a", func() bool { return a.get("x") == "2" })
	eventually(t, "all acknowledged", func() bool { return a.st.Unacked() == 0 && b.st.Unacked() == 0 })
	if s := a.l.Stats(); s.CopyIn.ItemsDone != 2000 || s.CopyIn.PartitionsOwed != 0 || s.CopyOut.ItemsDone != 2000 {
		t.Fatalf("copies: in %+v, out %+v", s.CopyIn, s.CopyOut)
	}
}

// fewer is how many of n to run: fewer in a hurry and under the race detector.
func fewer(n uint64) uint64 {
	if n <= 300 && (testing.Short() || testkit.Race) {
		return n / 6
	}
	return n
}

// TestLink_BothStartedAtOnce: linked and ready every time, whoever's dial wins.
func TestLink_BothStartedAtOnce(t *testing.T) {
	for range fewer(200) {
		a, b := startPair(t, nil)
		waitLinked(t, a, b)
		if q := a.l.Stats().Qualifier; q != "" {
			t.Fatalf("a is ready %q", q)
		}
		a.stop()
		b.stop()
	}
}

// kill ends the present connection of n without a word.
func (n *testNode) kill() {
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	if n.l.cur != nil {
		_ = n.l.cur.raw.Close()
	}
}

// TestLink_MeetsBeforeItSaysWhatItHas: until Meets has returned without an error, the peer learns nothing.
func TestLink_MeetsBeforeItSaysWhatItHas(t *testing.T) {
	for which := range 2 { // the one that decides, and the other one
		const fails = 3
		var asked atomic.Int64
		var b *testNode
		ready := make(chan struct{})
		nodes := [2]*testNode{}
		nodes[0], nodes[1] = startPair(t, func(i int, c *Config) {
			if i == which {
				c.Meets = func() error {
					<-ready
					n := asked.Add(1)
					if s := b.l.Stats().Sessions; s != 0 && n <= fails+1 { // later, a session may have ended
						t.Errorf("node %d: the peer has had %d sessions", which, s)
					}
					if n <= fails {
						return errors.New("not yet")
					}
					return nil
				}
			}
		})
		b = nodes[1-which]
		close(ready)
		waitLinked(t, nodes[:]...)
		if n := asked.Load(); n <= fails {
			t.Errorf("node %d: it was asked %d times, and said no %d times", which, n, fails)
		}
	}
}

// TestLink_WaitsForAPeerThatItHasMet: if Meets takes so long that the peer may have given the connection
// up, that peer is waited for anew. If not, the wait goes on.
func TestLink_WaitsForAPeerThatItHasMet(t *testing.T) {
	for takes, want := range map[int64]session.NodeState{longMillis + 1: session.Joining, longMillis: session.Ready} {
		clock := now()
		l, err := New(Config{
			Config: session.Config{Cluster: "test", NodeID: store.ID{1}, Inc: newInc(), Store: newTestStore(t)},
			Peer:   "nobody:1", Now: func() int64 { return clock },
			Meets: func() error { clock += takes; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		l.core.Start(clock)
		clock += session.DefaultPeerWait.Milliseconds() - takes
		if err := l.meets(); err != nil {
			t.Fatal(err)
		}
		l.core.Tick(clock, false)
		if got := l.core.State(); got != want {
			t.Errorf("Meets takes %d ms: the node is %v, want %v", takes, got, want)
		}
	}
}

func TestLink_ReconnectsAndSendsOnlyTheDifference(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	for i := range 5000 {
		a.set(fmt.Sprint("k", i), strings.Repeat("v", 100))
	}
	eventually(t, "acknowledged", func() bool { return a.st.Unacked() == 0 })
	for round := range 20 {
		before := a.l.Stats()
		a.kill()
		a.set("diff", fmt.Sprint(round))
		eventually(t, "the difference on b", func() bool { return b.get("diff") == fmt.Sprint(round) })
		after := a.l.Stats()
		if after.Sessions == before.Sessions || after.Resumes == before.Resumes {
			continue // b had it before the connection died
		}
		if sent := after.Live.BytesOut + after.Bulk.BytesOut - before.Live.BytesOut - before.Bulk.BytesOut; sent > 2000 {
			t.Fatalf("%d bytes went out for one small item", sent)
		}
	}
	eventually(t, "twenty sessions more", func() bool { return a.l.Stats().Resumes >= 20 })
	if s := a.l.Stats(); s.BulkStarts != 0 {
		t.Fatalf("%d walks began again", s.BulkStarts)
	}
}

func TestLink_WritesFromBothSidesDuringCutsConverge(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	nodes := []*testNode{a, b}
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			for k := range 20_000 {
				key := fmt.Sprint("k", k*7%301)
				if k%5 == 0 {
					n.st.Do(now(), &store.Request{Op: store.OpDelete, Key: []byte(key)})
				} else {
					n.set(key, fmt.Sprintf("%d of %d", k, i))
				}
				if k%2000 == 999 {
					n.kill()
				}
				if k == 11_000 && i == 0 {
					n.st.Flush(now())
				}
			}
		})
	}
	wg.Wait()
	waitLinked(t, a, b)
	for _, n := range nodes {
		eventually(t, "everything acknowledged", func() bool { return n.st.Unacked() == 0 && n.linked() })
	}
	eventually(t, "equal", func() bool {
		for k := range 301 {
			if key := fmt.Sprint("k", k); a.get(key) != b.get(key) {
				return false
			}
		}
		return true
	})
}

func TestLink_UnresolvableNameKeepsTrying(t *testing.T) {
	var mu sync.Mutex
	found := false
	lb := listen(t)
	a := startNode(t, 1, nil, "no-such-host:1", func(c *Config) {
		c.Peer = "peer.invalid:" + strings.Split(lb.Addr().String(), ":")[1]
		c.Resolve = func(context.Context, string) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			if !found {
				return nil, &net.DNSError{Err: "no such host", Name: "peer.invalid", IsNotFound: true}
			}
			return []string{"127.0.0.1"}, nil
		}
	})
	eventually(t, "a few attempts", func() bool { return a.refused("RESOLVE") >= 3 })
	if !a.log.has("cannot resolve the peer's name") || a.isReady() || a.l.State() != session.Joining {
		t.Fatalf("state %v", a.l.State())
	}
	b := startNode(t, 2, lb, "", nil)
	mu.Lock()
	found = true
	mu.Unlock()
	waitLinked(t, a, b)
}

// TestLink_DrainLosesNothing: what was written before the drain is on the peer
// when it returns.
func TestLink_DrainLosesNothing(t *testing.T) {
	a, b := startPair(t, nil)
	waitLinked(t, a, b)
	for i := range 20_000 {
		a.set(fmt.Sprint("k", i), "v")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if left := a.l.Drain(ctx); left != 0 {
		t.Fatalf("%d items left", left)
	}
	for i := range 20_000 {
		if b.get(fmt.Sprint("k", i)) != "v" {
			t.Fatalf("k%d is lost", i)
		}
	}
	a.stop()
	eventually(t, "said plainly", func() bool { return b.log.has("the peer stops by plan") })
	if !b.isReady() || b.l.State() != session.Ready || a.l.State() != session.Stopped {
		t.Fatalf("a is %v, b is %v", a.l.State(), b.l.State())
	}
	eventually(t, "b redials", func() bool { return b.refused("DIAL") > 0 })
}

func TestLink_DrainWithoutAPeerEnds(t *testing.T) {
	gone := listenAgain(t)
	addr := gone.Addr().String()
	_ = gone.Close()
	a := startNode(t, 1, nil, addr, nil)
	a.set("k", "v")
	eventually(t, "alone", a.isReady)
	if left := a.l.Drain(context.Background()); left != 1 {
		t.Fatalf("%d items left, want 1", left)
	}
}

func TestNew_NoPeerIsReadyAtOnce(t *testing.T) {
	st := newTestStore(t)
	defer st.Close()
	l, err := New(Config{Config: session.Config{NodeID: store.ID{1}, Inc: newInc(), Store: st}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	<-l.Ready()
	if l.State() != session.Ready || l.Drain(context.Background()) != 0 {
		t.Fatal("not ready")
	}
}
