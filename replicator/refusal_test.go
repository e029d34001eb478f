package replicator

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/wire"
	"twincached/store"
)

// TestLink_RefusesWhoDoesNotFit: both nodes serve alone, as they were told to, and say why.
func TestLink_RefusesWhoDoesNotFit(t *testing.T) {
	tests := []struct {
		name, cause string
		change      func(i int, c *Config)
	}{
		{"secret", "AUTH", func(i int, c *Config) { c.Secret = []byte{byte(i)} }},
		{"no secret on one side", "AUTH", func(i int, c *Config) {
			if i == 1 {
				c.Secret = nil
			}
		}},
		{"cluster", "CLUSTER", func(i int, c *Config) { c.Cluster = string(rune('a' + i)) }},
		{"pin", "PEER_TAKEN", func(i int, c *Config) { c.PinPeerID = store.ID{77} }},
		{"clock", "CLOCK", func(i int, c *Config) {
			if i == 1 {
				c.Now = func() int64 { return now() + 25*60*60*1000 }
			} else { // it has something to lose
				n := &testNode{t: t, st: c.Store}
				n.set("before", "of a")
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := startPair(t, func(i int, c *Config) {
				c.PeerWait, c.BootServe = 100*time.Millisecond, true
				tt.change(i, c)
			})
			a.set("k", "of a")
			eventually(t, "refused on both", func() bool { return a.refused(tt.cause) > 0 && b.refused(tt.cause) > 0 })
			eventually(t, "serving alone", func() bool { return a.isReady() && b.isReady() })
			eventually(t, "said", func() bool { return a.log.has("cause=" + tt.cause) }) // it is counted before
			if a.linked() || b.linked() || b.get("k") != "" {
				t.Fatalf("linked")
			}
			if q := a.l.Stats().Qualifier; q != "alone" {
				t.Fatalf("qualifier %q", q)
			}
		})
	}
}

func TestLink_SkewedClocksAreSaid(t *testing.T) {
	a, b := startPair(t, func(i int, c *Config) {
		c.Now = func() int64 { return now() + int64(i)*2000 }
	})
	waitLinked(t, a, b)
	eventually(t, "measured and said", func() bool { // it is counted, and then said
		return a.l.Stats().Skews > 0 && b.l.Stats().Skews > 0 && a.log.has("clocks of the two nodes differ") && b.log.has("peer_ahead_ms=-")
	})
	eventually(t, "measured well", func() bool { // the first PING may have been slow on one of its two ways
		x, y := a.l.Stats().ClockAheadMillis, b.l.Stats().ClockAheadMillis
		return x > 1900 && x < 2100 && y < -1900 && y > -2100
	})
	for _, n := range []*testNode{a, b} {
		if st := n.l.Stats(); st.Skews > st.Sessions {
			t.Errorf("%d sessions, and it is counted %d times", st.Sessions, st.Skews)
		}
	}
}

func TestLink_TwoHistoriesAreNotMerged(t *testing.T) {
	stores := []*store.Store{newTestStore(t), newTestStore(t)}
	for i, st := range stores {
		n := &testNode{t: t, st: st}
		n.set("k", "old")
		st.Attach(store.ID{0xee, byte(i)}, &store.State{}, false) // it had another peer once
		st.Detach()
	}
	a, b := startPair(t, func(i int, c *Config) {
		c.Store.Close()
		c.Store = stores[i]
		c.PeerWait, c.BootServe = 100*time.Millisecond, true
	})
	eventually(t, "refused", func() bool { return a.refused("HISTORY") > 0 && b.refused("HISTORY") > 0 })
	eventually(t, "serving", func() bool { return a.isReady() && b.isReady() })
	eventually(t, "the log says what to do", func() bool { return a.log.has("restart the node that shall join empty") })
}

// TestLink_PeerAddressIsThisNode: a VIP that leads back is refused and retried,
// and when it moves to the peer the pair links.
func TestLink_PeerAddressIsThisNode(t *testing.T) {
	la, lb := listen(t), listen(t)
	var target atomic.Value
	target.Store(la.Addr().String())
	a := startNode(t, 1, la, "vip:1", func(c *Config) {
		c.Resolve = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
		c.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", target.Load().(string))
		}
	})
	eventually(t, "met itself, twice", func() bool { return a.refused("SELF") >= 4 })
	if a.linked() {
		t.Fatal("linked with itself")
	}
	b := startNode(t, 2, lb, "", nil)
	target.Store(lb.Addr().String())
	waitLinked(t, a, b)
}

// TestLink_ThirdNodeIsRefused: one peer at a time, whichever id is smaller.
func TestLink_ThirdNodeIsRefused(t *testing.T) {
	for _, id := range []byte{0, 3} { // below and above the pair
		a, b := startPair(t, nil)
		waitLinked(t, a, b)
		c := startNode(t, id, nil, a.l.Addr().String(), func(c *Config) {
			c.NodeID = store.ID{id, 9}
			c.PeerWait = 100 * time.Millisecond
		})
		eventually(t, "refused", func() bool { return c.refused("PEER_TAKEN") >= 3 })
		a.set("k", "v")
		eventually(t, "b still hears a", func() bool { return b.get("k") == "v" })
		if c.linked() || c.get("k") != "" || a.l.Stats().Sessions != 1 {
			t.Fatalf("the pair was disturbed: %d sessions", a.l.Stats().Sessions)
		}
		// When its peer has gone, the other one takes its place, with a warning.
		b.stop()
		eventually(t, "c is the peer now", func() bool { return c.linked() && c.get("k") == "v" })
		eventually(t, "the replacement is said", func() bool { // the session may work before
			return a.log.has("another node takes the place of the last peer") && a.l.Stats().Replaced == 1
		})
		c.stop()
		a.stop()
	}
}

// stranger opens a connection to n and sends p.
func stranger(t testing.TB, n *testNode, p []byte) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(p)
	return c
}

// TestScenario19_StrangersCostNothing: a thousand half-open handshakes, claimed
// lengths of 4 GiB, frames cut short or with a wrong checksum, and random bytes; the
// pair links through them undisturbed.
func TestScenario19_StrangersCostNothing(t *testing.T) {
	la, lb := listen(t), listen(t)
	a := startNode(t, 1, la, "", nil)
	r := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	half := wire.NewWriter()
	half.Hello(&wire.Hello{ProtoMin: 1, ProtoMax: 1, Cluster: "test", NodeID: store.ID{9}, Inc: store.ID{9}, Partitions: store.Partitions})
	bombs := [][]byte{
		{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		noise,
		append(binary.BigEndian.AppendUint32(nil, wire.MaxHandshakeBytes), 1, 2, 3, 4, 5),
		{0, 0},
		half.Bytes(),
		half.Bytes()[:half.Len()-1],
		append(append([]byte(nil), half.Bytes()[:half.Len()-1]...), ^half.Bytes()[half.Len()-1]), // fails its checksum
	}
	runtime.GC()
	runtime.GC() // pools keep what they hold for one more round
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, 0, 1000)
	for i := range cap(conns) {
		conns = append(conns, stranger(t, a, bombs[i%len(bombs)]))
	}
	eventually(t, "nearly all sent away", func() bool {
		var sum uint64
		for _, n := range a.l.Stats().Refused {
			sum += n
		}
		return sum >= 1000-maxStrangers
	})
	for _, c := range conns[:len(conns)-maxStrangers] { // this end costs memory too
		_ = c.Close()
	}
	conns = append([]net.Conn(nil), conns[len(conns)-maxStrangers:]...)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("heap grew by %d bytes, stacks by %d", grown, int64(after.StackInuse)-int64(before.StackInuse))
	if grown > 1<<20 {
		t.Errorf("strangers cost %d bytes", grown)
	}
	b := startNode(t, 2, lb, la.Addr().String(), nil)
	waitLinked(t, a, b)
	a.l.mu.Lock()
	n := len(a.l.strangers)
	a.l.mu.Unlock()
	if n > maxStrangers {
		t.Errorf("%d strangers at once", n)
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// TestLink_StrangersKeepComing: the peer links while somebody opens connections
// without pause.
func TestLink_StrangersKeepComing(t *testing.T) {
	la, lb := listen(t), listen(t)
	a := startNode(t, 1, la, "", nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var conns []net.Conn
		for {
			select {
			case <-stop:
				for _, c := range conns {
					_ = c.Close()
				}
				return
			default:
			}
			if c, err := net.Dial("tcp", la.Addr().String()); err == nil {
				conns = append(conns, c)
			}
			if len(conns) > 200 {
				_ = conns[0].Close()
				conns = conns[1:]
			}
		}
	})
	b := startNode(t, 2, lb, la.Addr().String(), nil)
	waitLinked(t, a, b)
	close(stop)
	wg.Wait()
	if s := b.l.Stats().Sessions; s != 1 {
		t.Errorf("the link needed %d sessions", s)
	}
}

// TestScenario19_ReplayedProofIsRefused: the bytes of a true handshake are worth nothing
// on another connection.
func TestScenario19_ReplayedProofIsRefused(t *testing.T) {
	la := listen(t)
	var recorded []byte
	var mu sync.Mutex
	a := startNode(t, 1, la, "", nil)
	b := startNode(t, 2, nil, la.Addr().String(), func(c *Config) {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			nc, err := d.DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return &recorder{Conn: nc, mu: &mu, to: &recorded}, nil
		}
	})
	waitLinked(t, a, b)
	b.stop()
	eventually(t, "link down", func() bool { return !a.linked() })
	mu.Lock()
	replay := append([]byte(nil), recorded...)
	mu.Unlock()
	c := stranger(t, a, replay)
	eventually(t, "refused", func() bool { return a.refused("BADFRAME")+a.refused("AUTH") > 0 })
	_ = c.Close()
	if a.l.Stats().Sessions != 1 {
		t.Fatal("a replayed handshake became a session")
	}
}

// TestFailure_CopiedStateDir: the pair works, and both logs say what to do.
func TestFailure_CopiedStateDir(t *testing.T) {
	var said [2]logLines
	a, b := startPair(t, func(i int, c *Config) {
		c.NodeID, c.Log = store.ID{7}, testLogger(&said[i])
	})
	waitLinked(t, a, b)
	a.set("k", "v")
	eventually(t, "k on b", func() bool { return b.get("k") == "v" })
	for i := range said {
		eventually(t, "it is said", func() bool {
			return said[i].has("level=ERROR msg=\"both nodes have the same id: ") && said[i].has("remove the file node-id from its --state-dir")
		})
	}
	if a.refused("SAME_ID") == 0 {
		t.Error("no row counts it")
	}
}

type recorder struct {
	net.Conn
	mu *sync.Mutex
	to *[]byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	*r.to = append(*r.to, p...)
	r.mu.Unlock()
	return r.Conn.Write(p)
}
