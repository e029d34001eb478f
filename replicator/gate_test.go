package replicator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/session"
	"twincached/internal/testkit"
	"twincached/internal/wire"
	"twincached/store"
)

func TestElect(t *testing.T) {
	peer, inc := store.ID{2}, store.ID{22}
	cand := func(dialled, decides bool, began, established uint64) contender {
		return contender{peer: peer, inc: inc, dialled: dialled, decides: decides, began: began, established: established}
	}
	other := cand(false, true, 9, 0)
	other.peer = store.ID{3}
	restarted := cand(false, true, 2, 0)
	restarted.inc = store.ID{23}
	tests := []struct {
		name string
		cur  contender
		c    contender
		want wire.ByeCode // 0 = elected
	}{
		{"a third node", cand(false, true, 1, 2), other, wire.ByePeerTaken},
		{"the peer has restarted", cand(false, true, 1, 9), restarted, 0},
		{"the follower obeys", cand(true, false, 5, 6), cand(false, false, 1, 0), 0},
		{"the peer lost the session", cand(false, true, 1, 2), cand(false, true, 3, 0), 0},
		{"dialled before the session was there", cand(true, true, 1, 5), cand(false, true, 3, 0), wire.ByeDuplicate},
		{"both dialled, mine is elected", cand(true, true, 1, 0), cand(false, true, 2, 0), wire.ByeDuplicate},
		{"both dialled, the other's is elected", cand(false, true, 1, 0), cand(true, true, 2, 0), 0},
		{"the peer dialled twice", cand(false, true, 1, 0), cand(false, true, 2, 0), 0},
	}
	for _, tt := range tests {
		if yes, code, text := elect(&tt.cur, tt.c); yes != (tt.want == 0) || code != tt.want || yes != (text == "") {
			t.Errorf("%s: %v %v %q", tt.name, yes, code, text)
		}
	}
	if yes, _, _ := elect(nil, other); !yes {
		t.Error("the first one is refused")
	}
}

func TestBackoff_DoublesToASecondWithJitter(t *testing.T) {
	var b backoff
	for _, want := range []time.Duration{50, 100, 200, 400, 800, 1000, 1000} {
		c := b
		low, high := b.next(0), c.next(0.999999)
		if w := want * time.Millisecond; low != w*8/10 || high <= w*119/100 || high > w*12/10 {
			t.Fatalf("step %v: %v to %v", want, low, high)
		}
	}
	b.reset()
	if b.next(0.5) != 50*time.Millisecond {
		t.Fatal("not reset")
	}
}

// memNet connects nodes with pipes whose writes take a random while.
type memNet struct {
	mu  sync.Mutex
	r   *rand.Rand
	lns map[string]*memListener

	slow string // the address of a node whose writes take slowWrite longer; set before it starts
}

func newMemNet(seed uint64) *memNet {
	return &memNet{r: rand.New(rand.NewPCG(seed, 1)), lns: map[string]*memListener{}}
}

func (m *memNet) delay() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.r.IntN(4)) * time.Millisecond
}

type memListener struct {
	addr string
	in   chan net.Conn
	end  chan struct{}
	once sync.Once
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.end:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error { l.once.Do(func() { close(l.end) }); return nil }

func (l *memListener) Addr() net.Addr { return &net.UnixAddr{Name: l.addr} }

const slowWrite = 150 * time.Millisecond

// lateConn delays what it writes.
type lateConn struct {
	net.Conn
	m    *memNet
	from string // the address of the node that has it
}

func (c *lateConn) Write(p []byte) (int, error) {
	time.Sleep(c.m.delay())
	if c.from == c.m.slow {
		time.Sleep(slowWrite)
	}
	return c.Conn.Write(p)
}

// node makes the hooks of a node at address.
func (m *memNet) node(address string, c *Config) {
	ln := &memListener{addr: address, in: make(chan net.Conn, 8), end: make(chan struct{})}
	c.Listener = ln
	m.mu.Lock()
	m.lns[address] = ln
	m.mu.Unlock()
	c.Resolve = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.Dial = func(ctx context.Context, to string) (net.Conn, error) {
		time.Sleep(m.delay())
		m.mu.Lock()
		ln := m.lns[to]
		m.mu.Unlock()
		if ln == nil {
			return nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
		}
		select {
		case <-ln.end:
			return nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
		default:
		}
		a, b := net.Pipe()
		select {
		case ln.in <- &lateConn{b, m, to}:
			return &lateConn{a, m, address}, nil
		case <-ln.end:
			return nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
		}
	}
}

func (m *memNet) forget(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lns, address)
}

// TestScenario17_SimultaneousDial: two nodes that dial each other at the same
// moment, over every interleaving that random delays bring, have one session
// within a second and keep it. 10,000 times with -full.
func TestScenario17_SimultaneousDial(t *testing.T) {
	rounds, shards := uint64(1000), uint64(4)
	switch {
	case *full:
		rounds = 10_000
	case testing.Short() || testkit.Race:
		rounds = 60
	}
	for shard := range shards {
		t.Run(fmt.Sprint("shard", shard), func(t *testing.T) {
			t.Parallel()
			for seed := shard; seed < rounds; seed += shards {
				dialAtOnce(t, seed)
			}
		})
	}
}

func dialAtOnce(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemNet(seed)
		start := func(id byte, address, peer string) *testNode {
			return startNode(t, id, nil, peer, func(c *Config) {
				c.Store.Close()
				c.Store, _ = store.New(store.Config{MemoryBytes: store.MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true}, now())
				m.node(address, c)
			})
		}
		a, b := start(1, "a:1", "b:1"), start(2, "b:1", "a:1")
		time.Sleep(time.Second)
		sa, sb := a.l.Stats(), b.l.Stats()
		if sa.Link != "stream" || sb.Link != "stream" || sa.Sessions != 1 || sb.Sessions != 1 || !a.isReady() || !b.isReady() || sa.Qualifier != "" {
			t.Fatalf("seed %d: after a second: %v; %v", seed, sa, sb)
		}
		time.Sleep(3 * time.Second)
		if la, lb := a.l.Stats(), b.l.Stats(); la.Sessions != sa.Sessions || lb.Sessions != sb.Sessions || la.Dials > sa.Dials {
			t.Fatalf("seed %d: the link did not stay: %d %d, then %d %d sessions", seed, sa.Sessions, sb.Sessions, la.Sessions, lb.Sessions)
		}
		a.stop()
		b.stop()
	})
}

// readyAfter starts a node without a peer to be had and returns after how long it
// was ready; -1 = not within a minute.
func readyAfter(t *testing.T, change func(*Config)) (after time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		n := startNode(t, 1, nil, "peer:1", func(c *Config) {
			c.Resolve = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
			change(c)
		})
		select {
		case <-n.l.Ready():
			after = time.Since(begin)
		case <-time.After(time.Minute):
			after = -1
		}
		n.stop()
	})
	return after
}

func refuse(context.Context, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

func unreachable(ctx context.Context, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestLink_ServesAloneWhenNobodyIsThere(t *testing.T) {
	nobody := errors.New("no such host")
	tests := []struct {
		name string
		want time.Duration
		f    func(*Config)
	}{
		{"refused", time.Second, func(c *Config) { c.Dial = refuse }},
		{"unreachable", 10 * time.Second, func(c *Config) { c.Dial = unreachable }},
		{"unreachable, shorter wait", 3 * time.Second, func(c *Config) { c.Dial, c.PeerWait = unreachable, 3*time.Second }},
		{"unresolvable", 10 * time.Second, func(c *Config) {
			c.Resolve = func(context.Context, string) ([]string, error) { return nil, nobody }
		}},
		{"refused, told to wait", -1, func(c *Config) { c.Dial, c.BootWait = refuse, true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := readyAfter(t, tt.f)
			if tt.want < 0 && got >= 0 || tt.want >= 0 && (got < tt.want || got > tt.want+2*session.TickMillis*time.Millisecond) {
				t.Fatalf("ready after %v, want %v", got, tt.want)
			}
		})
	}
}

// TestLink_SilentPeerIsDeadInASecond: the peer's process stops, its host does not.
func TestLink_SilentPeerIsDeadInASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemNet(1)
		var frozen sync.Mutex
		a := startNode(t, 1, nil, "", func(c *Config) { m.node("a:1", c) })
		b := startNode(t, 2, nil, "a:1", func(c *Config) {
			m.node("b:1", c)
			dial := c.Dial
			c.Dial = func(ctx context.Context, to string) (net.Conn, error) {
				nc, err := dial(ctx, to)
				if err != nil {
					return nil, err
				}
				return &freezer{nc, &frozen}, nil
			}
		})
		time.Sleep(time.Second)
		if !a.linked() || !b.linked() {
			t.Fatal("not linked")
		}
		time.Sleep(10 * time.Second)
		if s := a.l.Stats(); s.Sessions != 1 || s.RTTMillis < 0 {
			t.Fatalf("an idle link does not last: %v", s)
		}
		frozen.Lock()
		time.Sleep(1300 * time.Millisecond)
		if a.linked() || a.refused("SILENT") == 0 || !a.isReady() {
			t.Fatalf("still linked: %v", a.l.Stats())
		}
		frozen.Unlock()
		time.Sleep(2 * time.Second)
		if !a.linked() || !b.linked() {
			t.Fatalf("not linked again: %v, %v", a.l.Stats(), b.l.Stats())
		}
		b.stop()
		a.stop()
	})
}

// freezer does not write while it is frozen.
type freezer struct {
	net.Conn
	frozen *sync.Mutex
}

func (f *freezer) Write(p []byte) (int, error) {
	for !f.frozen.TryLock() {
		time.Sleep(10 * time.Millisecond)
	}
	f.frozen.Unlock()
	return f.Conn.Write(p)
}
