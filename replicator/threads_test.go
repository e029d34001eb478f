package replicator

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"twincached/store"
)

// threadShapes are rounds in which everything happens at once, on threads: clients on
// both nodes, few keys, links that are cut. The simulation has one thread.
var threadShapes = []threadShape{
	{name: "writes"},
	{name: "deletes", kills: true},
	{name: "graves", kills: true, tombstoneBytes: 650},
	{name: "a restart", restarts: true},
	{name: "a restart among graves", kills: true, restarts: true, tombstoneBytes: 650},
	{name: "full", full: true},
}

type threadShape struct {
	name           string
	tombstoneBytes int64
	kills          bool // deletes, flushes, short expiries
	restarts       bool // one node stops by plan on the way, and comes back empty
	full           bool // the memory has not room for everything
}

const (
	threadKeys    = 40
	threadClients = 3 // of each node
	threadCuts    = 4 // of a round
)

// TestThreads_TheNodesEndEqual: whatever the threads did to each other, both nodes end
// with the same, and with the last write of each key where nothing removes it.
func TestThreads_TheNodesEndEqual(t *testing.T) {
	rounds := 3
	if *full {
		rounds = 200
	}
	for _, shape := range threadShapes {
		t.Run(shape.name, func(t *testing.T) {
			for round := 0; round < rounds && !t.Failed(); round++ {
				threadRound(t, shape, uint64(round))
			}
		})
	}
}

func threadRound(t *testing.T, shape threadShape, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 11))
	wrote := newWrites()
	la, lb := listen(t), listenAgain(t)
	a := startThreaded(t, shape, 1, la, lb.Addr().String())
	b := startThreaded(t, shape, 2, lb, la.Addr().String())
	waitLinked(t, a.testNode, b.testNode)
	a.begin(2*seed, wrote)
	b.begin(2*seed+1, wrote)
	for cut := range threadCuts {
		n := []*threaded{a, b}[r.IntN(2)]
		before := n.l.Stats().Sessions
		n.kill()
		eventually(t, "a new session", func() bool { return n.l.Stats().Sessions > before })
		if shape.restarts && cut == threadCuts/2 {
			b.end()
			if left := b.l.Drain(context.Background()); left != 0 {
				t.Errorf("%d items are not on the peer", left)
			}
			b.stop()
			var err error
			if lb, err = net.Listen("tcp", lb.Addr().String()); err != nil {
				t.Fatal(err)
			}
			b = startThreaded(t, shape, 2, lb, la.Addr().String())
			waitLinked(t, b.testNode)
			b.begin(2*seed+1, wrote)
		}
	}
	a.end()
	b.end()
	differ := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("round %d: %s", seed, differ)
		}
	})
	eventually(t, "all is acknowledged, and both nodes have the same", func() bool {
		a.st.Tick(now())
		b.st.Tick(now())
		if !a.linked() || !b.linked() || a.st.Unacked()+b.st.Unacked() != 0 {
			differ = "not all is acknowledged"
		} else {
			differ = difference(a, b, shape.full)
		}
		return differ == ""
	})
	for _, n := range []*threaded{a, b} {
		if !shape.kills {
			wrote.expect(t, n)
		}
		if evicted := n.st.Stats().Evictions; shape.full != (evicted > 0) {
			t.Errorf("%d evictions", evicted)
		}
	}
	a.stop()
	b.stop()
}

// threaded is a node with its clients.
type threaded struct {
	*testNode
	threadShape
	over atomic.Bool
	all  sync.WaitGroup
}

func startThreaded(t *testing.T, shape threadShape, id byte, ln net.Listener, peer string) *threaded {
	cfg := store.Config{MemoryBytes: 16 << 20, Replicated: true, TombstoneBytes: shape.tombstoneBytes}
	if shape.full {
		cfg.MemoryBytes = store.MinMemoryBytes
	}
	st, err := store.New(cfg, now())
	if err != nil {
		t.Fatal(err)
	}
	return &threaded{threadShape: shape, testNode: startNode(t, id, ln, peer, func(c *Config) { c.Store = st })}
}

// begin lets the clients go.
func (n *threaded) begin(seed uint64, wrote *writes) {
	n.over.Store(false)
	for i := range uint64(threadClients) {
		n.all.Go(func() {
			r, mine := rand.New(rand.NewPCG(seed, i)), newWrites()
			for j := 0; !n.over.Load(); j++ {
				n.client(r, mine, fmt.Sprintf("%d.%d.%d", seed, i, j))
				if j%20 == 0 {
					runtime.Gosched() // to the links: on one CPU they would wait 10 ms for each client, at each step of a handshake
				}
			}
			wrote.merge(mine)
		})
	}
}

// end waits until the clients have stopped.
func (n *threaded) end() {
	n.over.Store(true)
	n.all.Wait()
}

func threadKey(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }

// client does one thing.
func (n *threaded) client(r *rand.Rand, mine *writes, unique string) {
	k := r.IntN(threadKeys)
	q := store.Request{Op: store.OpSet, Key: threadKey(k), Value: []byte(unique), Flags: r.Uint32(), Delta: 1}
	if n.full {
		q.Value = append(q.Value, make([]byte, 80_000+r.IntN(80_000))...)
	}
	if r.IntN(3) == 0 {
		q.Expires = now() + 3_600_000 + r.Int64N(3_600_000)
	}
	switch x := r.IntN(100); {
	case x < 30:
	case x < 40:
		q.Op = store.OpAdd
	case x < 50:
		q.Op, q.Value = store.OpAppend, []byte("+")
	case x < 60:
		q.Op, q.Create, q.Initial = store.OpIncr, true, r.Uint64N(1000)
	case x < 75:
		q.Op = store.OpTouch
	case x < 76:
		n.st.Tick(now())
		return
	case x < 85:
		n.st.Get(now(), q.Key, nil, func(dst []byte, v *store.View) []byte { return append(dst, v.Value...) })
		return
	case !n.kills:
		q.Op = store.OpReplace
	case x < 97:
		q.Op = store.OpDelete
	case x < 98:
		q.Expires = now() + r.Int64N(20)
	case x < 99:
		q.Op, q.Invalidate = store.OpMark, true
	case r.IntN(30) == 0:
		n.st.Flush(now())
		return
	case r.IntN(30) == 0:
		n.st.FlushAt(now(), now()+r.Int64N(20))
		return
	}
	if res := n.st.Do(now(), &q); res.Status == store.Stored || res.Status == store.Created {
		value := q.Value
		if q.Op == store.OpAppend || q.Op == store.OpIncr {
			value = nil
		}
		mine.note(k, res.Version, value)
	}
}

// writes are the last ones of each key that clients were told of.
type writes struct {
	mu   sync.Mutex
	last [threadKeys]struct {
		version uint64
		value   []byte // nil: not known
	}
}

func newWrites() *writes { return new(writes) }

func (w *writes) note(k int, version uint64, value []byte) {
	if last := &w.last[k]; version > last.version {
		last.version, last.value = version, value
	}
}

func (w *writes) merge(other *writes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, last := range other.last {
		w.note(k, last.version, last.value)
	}
}

// expect holds a node against them.
func (w *writes) expect(t *testing.T, n *threaded) {
	for k, last := range w.last {
		got, ok := n.served(k)
		if !ok && n.full {
			continue
		}
		if !ok || got.Version != last.version || last.value != nil && !bytes.Equal(got.Value, last.value) {
			t.Errorf("%s is %.30q of version %d, its last write was %.30q of version %d", threadKey(k), got.Value, got.Version, last.value, last.version)
		}
	}
}

// difference says what is not on both nodes; "": nothing. Where evicts is set, one of
// them may have nothing.
func difference(a, b *threaded, evicts bool) string {
	fa, _, pa := a.st.FlushState()
	fb, _, pb := b.st.FlushState()
	if fa != fb || pa.Version != pb.Version {
		return fmt.Sprintf("flushed to %d and %d, and to be flushed by %d and %d", fa, fb, pa.Version, pb.Version)
	}
	for k := range threadKeys {
		ra, oka := a.served(k)
		rb, okb := b.served(k)
		switch off := ra.Expires - rb.Expires; {
		case oka != okb && evicts:
		case oka != okb:
			return fmt.Sprintf("%s is on one node only: on a %v, on b %v", threadKey(k), oka, okb)
		case ra.Version != rb.Version || ra.ExpVersion != rb.ExpVersion || ra.Flags != rb.Flags || ra.Marks != rb.Marks ||
			!bytes.Equal(ra.Value, rb.Value) || (ra.Expires == 0) != (rb.Expires == 0) || max(off, -off) > 2000: // by two measured clocks
			ra.Value, rb.Value = ra.Value[:min(len(ra.Value), 30)], rb.Value[:min(len(rb.Value), 30)]
			return fmt.Sprintf("%s differs: %+v, %+v", threadKey(k), ra, rb)
		}
	}
	return ""
}

// served is what a client would find.
func (n *threaded) served(k int) (r store.Record, ok bool) {
	peek := store.Fetch{Key: threadKey(k), Peek: true}
	if _, ok = n.st.Fetch(now(), &peek, nil, store.Render(func(dst []byte, _ *store.View) []byte { return dst })); !ok {
		return r, false
	}
	r, _, ok = n.st.Inspect(threadKey(k))
	return r, ok
}
