package session

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"twincached/internal/wire"
	"twincached/store"
)

// newCore makes the core of a node with the secret of all tests, and starts it.
func newCore(t testing.TB, now int64, cfg Config) *Core {
	t.Helper()
	cfg.Secret = []byte("s3cret")
	cfg.Rand = func(p []byte) { _, _ = crand.Read(p) }
	c, err := NewCore(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(now)
	return c
}

const testStart = int64(1_750_000_000_000)

// fact is a state of a key that a node, or a client of it, has seen.
type fact struct {
	version, expVersion uint64
	tomb                bool
}

func (f fact) less(o fact) bool {
	switch {
	case f.version != o.version:
		return f.version < o.version
	case f.tomb != o.tomb:
		return o.tomb
	}
	return f.expVersion < o.expVersion
}

// pairNode is a node without sockets: a real store and one session after the other.
type pairNode struct {
	*Core
	st     *store.Store
	s      *Session
	w      *wire.Writer
	buf    []byte       // read, not yet passed in
	newest map[int]fact // of each key, the newest state that this node or a client of it has seen
}

// pair is two nodes and the network between them, for tests that look inside a session
// and move it a step at a time. Runs by chance, with an oracle, are internal/sim's, which
// sees of a session what a Link does: that is why this pair is not that one.
type pair struct {
	t      testing.TB
	r      *rand.Rand
	now    int64
	skew   [2]int64 // how far each node's clock is ahead of now
	id     byte
	n      [2]*pairNode
	net    [2][]byte // travelling to node i
	closed [2]bool   // node i will see the end of the connection behind those bytes
	up     bool
	wrap   func(from int, frames []byte) []byte // changes what travels; nil = nothing does
	best   map[int]fact
	bytes  int // delivered
}

func newPair(t testing.TB) *pair {
	m := &pair{t: t, r: rand.New(rand.NewPCG(1, 7)), now: testStart, best: map[int]fact{}}
	for i := range m.n {
		m.n[i] = m.newNode(i)
	}
	return m
}

// at is the time on node i's clock.
func (m *pair) at(i int) int64 { return m.now + m.skew[i] }

func (m *pair) newNode(i int) *pairNode {
	m.id++
	st, err := store.New(store.Config{MemoryBytes: 4 << 20, Replicated: true, Slot: uint8(i + 1)}, m.at(i))
	if err != nil {
		m.t.Fatal(err)
	}
	n := &pairNode{st: st, w: wire.NewWriter(), newest: map[int]fact{}}
	n.Core = newCore(m.t, m.at(i), Config{
		Cluster: "pair", NodeID: store.ID{byte(i + 1)}, Inc: store.ID{m.id, 1}, Store: st,
		Limits: Limits{BatchItems: 2, PumpBytes: 64 << m.r.IntN(8), WindowBytes: 256 << m.r.IntN(10), GraveItems: 1 << m.r.IntN(8)},
	})
	return n
}

func (m *pair) close() {
	for _, n := range m.n {
		if err := n.st.CheckInvariants(); err != nil {
			m.t.Errorf("store invariants: %v", err)
		}
		n.st.Close()
	}
}

func (m *pair) connect() {
	m.lose(0)
	m.lose(1)
	m.up = true
	m.closed = [2]bool{}
	dialler := m.r.IntN(2)
	for i, n := range m.n {
		var nonce [32]byte
		binary.LittleEndian.PutUint64(nonce[:], m.r.Uint64())
		n.s = newSession(n.Core, i == dialler, nonce, &Scratch{})
		n.s.OnConnect(m.at(i))
		n.buf, m.net[i] = nil, nil
	}
}

// lose is node i seeing the end of its connection; the other one may go on for a
// while with the bytes under way.
func (m *pair) lose(i int) {
	n := m.n[i]
	if n.s == nil {
		return
	}
	n.s.OnLoss(m.at(i))
	n.s, n.buf, m.net[i] = nil, nil, nil
	m.closed[1-i] = true
	m.up = m.n[1-i].s != nil
}

func (m *pair) pump(i int) bool {
	n := m.n[i]
	if n.s == nil {
		return false
	}
	n.w.Reset()
	n.s.Pump(m.at(i), n.w)
	if n.w.Len() == 0 {
		return false
	}
	if m.n[1-i].s != nil && !m.closed[i] {
		frames := n.w.Bytes()
		if m.wrap != nil {
			frames = m.wrap(i, frames)
		}
		m.net[1-i] = append(m.net[1-i], frames...)
	}
	return true
}

// deliver passes at most most bytes of what travels to node i.
func (m *pair) deliver(i, most int) bool {
	n := m.n[i]
	if n.s == nil {
		return false
	}
	if len(m.net[i]) == 0 {
		if m.closed[i] {
			m.lose(i)
			return true
		}
		return false
	}
	k := min(most, len(m.net[i]))
	n.buf = append(n.buf, m.net[i][:k]...)
	m.net[i] = m.net[i][k:]
	m.bytes += k
	n.s.OnRead(m.at(i))
	for {
		body, size, err := wire.Split(n.buf, n.s.FrameLimit())
		if err != nil {
			m.t.Fatalf("node %d: %v", i, err)
		}
		if size == 0 {
			break
		}
		if err := n.s.OnFrame(m.at(i), body); err != nil {
			m.t.Fatalf("node %d: %v", i, err)
		}
		n.buf = n.buf[size:]
		if n.s.WantsAdmission() {
			if err := n.s.Admit(m.at(i), Ready); err != nil {
				m.t.Fatalf("node %d: admit: %v", i, err)
			}
		}
	}
	n.s.OnIdle(m.at(i))
	return true
}

// pairKeys are names whose items share three partitions, so that walks have a
// middle.
var pairKeys = func() (keys [][]byte) {
	for i := 0; len(keys) < 64; i++ {
		key := fmt.Appendf(nil, "key:%d", i)
		if p := store.PartitionOf(key); p == 7 || p == 64 || p == 255 {
			keys = append(keys, key)
		}
	}
	return keys
}()

func pairKey(k int) []byte { return pairKeys[k] }

func (m *pair) learn(i, k int, f fact) {
	if m.n[i].newest[k].less(f) {
		m.n[i].newest[k] = f
	}
	if m.best[k].less(f) {
		m.best[k] = f
	}
}

func (m *pair) set(i, k int, value []byte) {
	r := m.n[i].st.Do(m.at(i), &store.Request{Op: store.OpSet, Key: pairKey(k), Value: value})
	if r.Status != store.Stored {
		m.t.Fatalf("set: status %d", r.Status)
	}
	m.learn(i, k, fact{r.Version, r.Version, false})
}

// heal connects the nodes, if they are not, and runs until neither has anything
// more to say.
func (m *pair) heal() {
	if m.n[0].s == nil || m.n[1].s == nil || m.closed[0] || m.closed[1] || m.r.IntN(2) == 0 {
		m.connect()
	}
	m.settle()
}

func (m *pair) settle() {
	for range 10_000 {
		m.now++
		for i := range m.n {
			m.pump(i)
		}
		for i := range m.n {
			m.deliver(i, 1<<20)
		}
		if m.n[0].s.Quiet() && m.n[1].s.Quiet() && len(m.net[0]) == 0 && len(m.net[1]) == 0 {
			return
		}
	}
	m.t.Fatal("does not come to rest")
}
