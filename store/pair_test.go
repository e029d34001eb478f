package store

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Two real stores, a network that cuts and an oracle that remembers what each
// incarnation has learned, all from one seed on one thread.

var (
	pairSeeds = flag.Int("pair.seeds", 200, "seeds of each configuration in TestPair")
	pairSeed  = flag.Uint64("pair.seed", 0, "run this seed only, with a trace")
)

type pairConfig struct {
	name                              string
	keys, parts, steps                int
	tombs                             int // budget, in tombstones
	crash, evict, flush, ttl, foreign bool
	skew                              int64
}

var pairConfigs = []pairConfig{
	{name: "plain", keys: 4, parts: 1, tombs: 1 << 20, steps: 120},
	{name: "flush and skew", keys: 4, parts: 2, tombs: 1 << 20, steps: 200, flush: true, skew: 50},
	{name: "tiny budget", keys: 4, parts: 1, tombs: 1, steps: 200, flush: true, skew: 50},
	{name: "eviction", keys: 5, parts: 2, tombs: 2, steps: 250, evict: true, flush: true, skew: 200},
	{name: "crash", keys: 5, parts: 2, tombs: 1, steps: 250, evict: true, crash: true, flush: true},
	{name: "no budget", keys: 5, parts: 1, tombs: 0, steps: 250, evict: true, crash: true, flush: true, skew: 500},
	{name: "expiry", keys: 4, parts: 2, tombs: 3, steps: 300, evict: true, crash: true, ttl: true},
	{name: "long", keys: 12, parts: 3, tombs: 3, steps: 800, evict: true, crash: true, flush: true, ttl: true, skew: 100},
	{name: "old peer returns", keys: 5, parts: 2, tombs: 2, steps: 300, crash: true, evict: true, flush: true, foreign: true},
	{name: "old peer, large budget", keys: 4, parts: 1, tombs: 8, steps: 300, crash: true, flush: true, skew: 40, foreign: true},
}

type learned struct{ version, ever uint64 }

const forGood = ^uint64(0) // as ever: no expiry of this version may be served

func (l *learned) learn(version, ever uint64) {
	if version > l.version || version == l.version && ever > l.ever {
		*l = learned{version, ever}
	}
}

func (l learned) contradicts(hd *header) bool {
	return hd.version < l.version || hd.version == l.version && hd.ever < l.ever
}

// message is a frame between the stores.
type message struct {
	state  *State
	from   ID
	resume bool // the state's cursors are of the receiver's own incarnation
	batch  []Record
	part   int
	lane   Lane
	to     uint64
	bulk   *BulkStart
	grave  *Grave
	flush  uint64
	ack    uint64
	n      uint64
	kind   byte
}

type inFlight struct {
	n     uint64
	part  int
	c     Cursor
	grave uint64
}

type testSession struct {
	ready    bool
	n        uint64
	inFlight []inFlight
	dirty    [Partitions]bool
	bulk     []BulkStart
	flushed  uint64
}

type testNode struct {
	s     *Store
	id    int
	inc   ID
	skew  int64
	known []learned
	sess  *testSession
}

type pair struct {
	t      *testing.T
	rng    *rand.Rand
	cfg    pairConfig
	now    int64
	incs   byte
	keys   [][]byte
	nodes  [2]*testNode
	parked *testNode
	queue  [2][]message // towards node i
	up     bool
	trace  bool
	buried bool // a tombstone was forgotten at some time
}

func (w *pair) logf(format string, args ...any) {
	if w.trace {
		w.t.Logf(format, args...)
	}
}

func newPair(t *testing.T, seed uint64, cfg pairConfig) *pair {
	w := &pair{t: t, rng: rand.New(rand.NewPCG(seed, 42)), cfg: cfg, now: testNow, trace: *pairSeed != 0}
	parts := map[int]bool{}
	for i := 0; len(w.keys) < cfg.keys; i++ {
		k := fmt.Appendf(nil, "k%d", i)
		if p := PartitionOf(k); parts[p] || len(parts) < cfg.parts {
			parts[p] = true
			w.keys = append(w.keys, k)
		}
	}
	w.nodes[0], w.nodes[1] = w.newNode(0, 0), w.newNode(1, 0)
	return w
}

func (w *pair) newNode(id int, clock uint64) *testNode {
	w.incs++
	n := &testNode{id: id, inc: ID{w.incs}, known: make([]learned, w.cfg.keys)}
	if w.cfg.skew > 0 {
		n.skew = w.rng.Int64N(2*w.cfg.skew+1) - w.cfg.skew
	}
	s, err := New(Config{MemoryBytes: MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true, Slot: uint8(id),
		TombstoneBytes: int64(w.cfg.tombs*64 + 1)}, w.now+n.skew)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Observe(clock) // the bound kept over a restart
	s.born = max(s.born, clock)
	n.s = s
	return n
}

func (n *testNode) now(w *pair) int64 { return w.now + n.skew }

func (w *pair) close() {
	for _, n := range w.nodes {
		n.s.Close()
	}
	if w.parked != nil {
		w.parked.s.Close()
	}
}

func (w *pair) send(n *testNode, m message) { w.queue[1-n.id] = append(w.queue[1-n.id], m) }

func (w *pair) connect() {
	w.up = true
	for _, n := range w.nodes {
		st := n.s.State()
		n.sess = &testSession{flushed: st.Flush}
		w.send(n, message{kind: 'S', state: st, from: n.inc, resume: st.LastPeer == w.nodes[1-n.id].inc})
	}
	w.logf("connect")
}

func (w *pair) disconnect() {
	w.up = false
	w.queue = [2][]message{}
	for _, n := range w.nodes {
		n.sess = nil
		n.s.Detach()
	}
	w.logf("disconnect")
}

// learnFlush is for when the node's watermark may have moved.
func (n *testNode) learnFlush() {
	f := n.s.flushedTo.Load()
	for i := range n.known {
		n.known[i].learn(f, forGood)
	}
}

func (w *pair) deliver(i int) bool {
	n := w.nodes[i]
	if len(w.queue[i]) == 0 || n.sess == nil {
		return false
	}
	m := w.queue[i][0]
	w.queue[i] = w.queue[i][1:]
	s, now := n.s, n.now(w)
	switch m.kind {
	case 'S':
		n.sess.bulk = s.Attach(m.from, m.state, m.resume)
		n.sess.ready = true
		for p := range n.sess.dirty {
			n.sess.dirty[p] = true
		}
		n.learnFlush()
	case 'R':
		s.BulkBegun(m.part, m.bulk.T)
	case 'B':
		w.logf("n%d applies %v", i, m.batch)
		for j := range m.batch { // one by one, so that the oracle sees each
			if err := s.ApplyBatch(now, m.part, m.lane, 0, m.batch[j:j+1]); err != nil {
				w.t.Fatal(err)
			}
			n.learnRecord(w, &m.batch[j], now)
		}
		if err := s.ApplyBatch(now, m.part, m.lane, m.to, nil); err != nil {
			w.t.Fatal(err)
		}
		n.learnFlush()
	case 'D':
		s.BulkDone(m.part)
	case 'G':
		w.logf("n%d grave %+v", i, *m.grave)
		s.ApplyGrave(m.part, *m.grave)
	case 'F':
		s.ApplyFlush(m.flush, 0)
		n.learnFlush()
	case 'A':
		for len(n.sess.inFlight) > 0 && n.sess.inFlight[0].n <= m.ack {
			f := n.sess.inFlight[0]
			n.sess.inFlight = n.sess.inFlight[1:]
			if f.grave != 0 {
				s.GraveAcked(f.part, f.grave)
			} else {
				s.Acked(f.part, f.c)
			}
		}
	}
	if m.n != 0 {
		w.send(n, message{kind: 'A', ack: m.n})
	}
	return true
}

// item returns what a node holds of a key, if a client could see it.
func (n *testNode) item(w *pair, key []byte) *header {
	p, tag := n.s.partition(key)
	h := p.find(tag, key)
	if h == 0 {
		return nil
	}
	hd := n.s.arena.at(h)
	if hd.is(bitTomb) || hd.version <= n.s.flushedTo.Load() || hd.expires() != 0 && hd.expires() <= n.now(w) {
		return nil
	}
	return hd
}

func (n *testNode) learnRecord(w *pair, r *Record, now int64) {
	k := slices.IndexFunc(w.keys, func(k []byte) bool { return string(k) == string(r.Key) })
	if r.Version <= n.s.flushedTo.Load() {
		return
	}
	p, tag := n.s.partition(r.Key)
	h := p.find(tag, r.Key)
	switch {
	case r.Op == RecordTombstone:
		n.known[k].learn(r.Version, forGood)
	case r.Op == RecordValue && r.Expires != 0 && r.Expires <= now:
		n.known[k].learn(r.Version, r.Ever) // a later touch may still have saved it
	case h != 0 && n.s.arena.at(h).version == r.Version:
		n.known[k].learn(r.Version, min(r.Ever, n.s.arena.at(h).ever))
	}
}

func (w *pair) pump(n *testNode) bool {
	x := n.sess
	if x == nil || !x.ready {
		return false
	}
	if f, _, _ := n.s.FlushState(); f > x.flushed {
		x.flushed = f
		w.send(n, message{kind: 'F', flush: f})
		return true
	}
	for _, b := range x.bulk {
		w.send(n, message{kind: 'R', part: b.Part, bulk: &b})
	}
	x.bulk = nil
	for i, word := range n.s.TakeDirty() {
		for b := range 64 {
			if word>>b&1 == 1 {
				x.dirty[i*64+b] = true
			}
		}
	}
	first := w.rng.IntN(Partitions)
	for _, lane := range []Lane{Live, Bulk} {
		for j := range Partitions {
			if part := (first + j) % Partitions; x.dirty[part] && w.pumpPart(n, part, lane) {
				return true
			}
		}
	}
	return false
}

func (w *pair) pumpPart(n *testNode, part int, lane Lane) bool {
	x := n.sess
	if g, b, bulk, due := n.s.NextGrave(part, nil); due {
		w.buried = true
		x.n++
		x.inFlight = append(x.inFlight, inFlight{n: x.n, part: part, grave: g.Gen})
		w.send(n, message{kind: 'G', part: part, grave: &g, n: x.n})
		if bulk {
			w.send(n, message{kind: 'R', part: part, bulk: &b})
		}
		return true
	}
	m := message{kind: 'B', part: part, lane: lane}
	sent := n.s.Collect(part, lane, 2, 1<<20, func(r *Record) {
		c := *r
		c.Key, c.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		m.batch = append(m.batch, c)
	})
	m.to = sent.To
	if sent.Moved {
		x.n++
		m.n = x.n
		x.inFlight = append(x.inFlight, inFlight{n: x.n, part: part, c: sent.Cursor})
		w.logf("n%d sends %d %v", n.id, lane, m.batch)
		w.send(n, m)
	}
	if sent.Done {
		x.n++
		x.inFlight = append(x.inFlight, inFlight{n: x.n, part: part, c: sent.Cursor})
		w.send(n, message{kind: 'D', part: part, n: x.n})
	}
	return sent.Moved || sent.Done
}

func TestPair_NothingStaleNothingResurrectedEqualAtRest(t *testing.T) {
	for _, cfg := range pairConfigs {
		t.Run(cfg.name, func(t *testing.T) {
			seeds, first := uint64(*pairSeeds), uint64(1)
			if raceEnabled {
				seeds /= 10 // one thread: there is nothing to race with
			}
			if *pairSeed != 0 {
				seeds, first = 1, *pairSeed
			}
			for seed := first; seed < first+seeds; seed++ {
				w := newPair(t, seed, cfg)
				f := w.run()
				w.close()
				if f != "" {
					t.Fatalf("seed %d: %s (again: go test ./store -run 'TestPair/%s' -pair.seed %d -v)", seed, f, cfg.name, seed)
				}
			}
		})
	}
}
