package sim

import (
	"fmt"
	"time"

	"twincached/internal/session"
	"twincached/internal/steady"
	"twincached/internal/wire"
	"twincached/store"
)

// cluster is the name that both nodes have.
const cluster = "sim"

// startMillis is when every run begins.
const startMillis = int64(1_750_000_000_000)

// pieceMost is the largest value that is no large one, where the plan wants pieces.
const pieceMost = 20

// node is one process. It ends with a crash or a restart, and another takes its place.
type node struct {
	w      *world
	id     int // its place: 0 or 1
	host   int // the machine: two of them may stand in place 1 in turn
	name   string
	skew   int64 // how far its clock is ahead; see clock
	inc    store.ID
	nodeID store.ID
	cfg    store.Config
	clock  *steady.Clock // where walls jump by days: the node's, as it runs in production
	st     *store.Store
	core   *session.Core
	memory

	ends       []*end // its connections, oldest first
	admit      *end   // the one that is the session
	admitted   bool   // it has begun one, ever
	knownTo    *node  // the process that has begun one with it last, and may go on with what it had
	notes      int
	opened     bool       // the gate has been open
	stopped    bool       // the process is gone
	wakeAt     int64      // and the next one starts then, true time
	heir       *image     // what it goes on from; nil: nothing
	heirOf     store.Line // and of which processes
	awaited    bool       // its peer is the one that it met last, or it waits for nobody
	met        bool       // it has got a BARRIER of such a peer
	writes     bool       // it writes an image as it stops
	departed   bool       // it has been let go, or gave up
	leaves     bool       // as it went, a peer was there that may go on, or its image was of such a node
	last       bool       // and it says of itself that none is
	draining   bool       // it has been asked to stop
	until      int64      // and gives up then, true time; 0: it waits as long as it takes
	proven     bool       // it has gone, and has said that nothing is lost
	reliesOn   *node      // and it counted on this process to have everything, or the rest: the one that answered
	staysFor   *node      // that process has said BYE to it: if the two are linked once more, it may not have heard the answer, or be going
	said       lastWord
	mayGo      bool // and its peer has answered
	read       bool // its peer has read its BYE
	wrong      bool // its secret is not the pair's
	denied     denied
	mayRewind  uint64  // its clock when it was about to meet its peer; else 0
	promise    promise // what the BARRIER of the session will stand for
	writer     *wire.Writer
	window     int                    // bytes that may be under way when another frame is sent
	windowMost int                    // bytes that may be under way
	lacks      uint64                 // features of this release that it does not have
	noEvict    bool                   // what it has no memory for it cannot store
	itemMost   int                    // largest item it takes, as store.ItemBytes counts
	working    bool                   // its session is: see letIn
	held       [store.Partitions]bool // something was there of a partition when the session went to work
}

// machine is what a host knows over its processes' lives.
type machine struct {
	bound uint64 // kept in the state directory: no version made here exceeds it
	made  uint64 // the oracle's: the highest version made here
	image *image // in the state directory; nil: none
	wall  int64  // ms that its wall clock is off
}

func (n *node) now() int64 {
	if n.clock != nil {
		return n.clock.Now()
	}
	return n.w.now + n.skew
}

// off is how far its clock is ahead.
func (n *node) off() int64 { return n.now() - n.w.now }

// gravesMost is what the graves have that one Pump announces.
const gravesMost = 4 * (store.FilterBytes + 64)

// wallPatience is how long a wall has to be ahead before a clock looks at it.
const wallPatience = 20 * time.Millisecond

// newNode starts a process on a machine.
func (w *world) newNode(id, host int) *node {
	w.starts++
	p := &w.plan
	n := &node{w: w, id: id, host: host, name: "n" + string(rune('0'+id)), writer: wire.NewWriter()}
	n.memory.init(p.Keys)
	if p.SkewMillis > 0 {
		n.skew = w.r.Int64N(2*p.SkewMillis+1) - p.SkewMillis
	}
	if p.Days {
		wall := func() int64 { return w.now + n.skew + w.machines[host].wall }
		since := func() time.Duration { return time.Duration(w.now-startMillis) * time.Millisecond }
		n.clock = steady.NewFrom(wall, since, func() time.Duration { return 0 }, wallPatience)
	}
	n.nodeID, n.cfg = store.ID{byte(host + 1)}, n.storeConfig()
	if w.cloned[host] {
		n.nodeID = w.nodes[id].nodeID
	}
	n.itemMost, n.noEvict = n.cfg.MaxItemBytes, n.cfg.NoEviction
	n.openStore()
	w.load(n)
	if n.cfg.NoEviction {
		n.fill()
	}
	n.lacks = n.release()
	rc, err := n.sessionConfig(n.st), error(nil)
	if n.core, err = session.NewCore(rc, n.now()); err != nil {
		panic(err)
	}
	n.core.Start(n.now())
	n.inc = rc.Inc
	n.window = rc.Limits.WindowBytes
	n.windowMost = rc.Limits.WindowBytes + rc.Limits.PumpBytes + 2<<16 + gravesMost // a batch and graves go beyond
	n.born = n.st.Born()
	w.logf("%s starts on machine %d, its clock %+d ms, born %s, without features %x", n.name, host, n.off(), w.ver(n.born), n.lacks)
	return n
}

// openStore is for a process that holds nothing yet, also one that has tried to load an image.
func (n *node) openStore() {
	if n.st != nil {
		n.st.Close()
	}
	var err error
	if n.st, err = store.New(n.cfg, n.now()); err != nil {
		panic(err)
	}
	n.st.Observe(n.w.machines[n.host].bound)
}

// storeConfig is what the plan makes of this node's store.
func (n *node) storeConfig() store.Config {
	p, id, host := &n.w.plan, n.id, n.host
	cfg := store.Config{
		MemoryBytes: store.MinMemoryBytes, MaxItemBytes: 1 << 16, Replicated: true, Slot: uint8(host),
		LocalKeys: []string{localPattern}, GraveBits: p.GraveBits, WalkItems: 1, LetIn: n.letIn,
	}
	switch {
	case p.Tombs > 0:
		cfg.TombstoneBytes = int64(p.Tombs)*64 + 1
	case p.Tombs < 0:
		cfg.TombstoneBytes = 1
	}
	if p.NoEvict {
		cfg.NoEviction = id == 1
		cfg.MemoryBytes <<= 2 * (1 - id)
	}
	if p.Smaller && n.w.starts%2 == 1 {
		cfg.MemoryBytes *= 2
	}
	if p.Big && id == 1 {
		cfg.MaxItemBytes = 1 << 10
	}
	if p.Pieces {
		cfg.LargeBytes = pieceMost
	}
	if p.SameSlot {
		cfg.Slot = 5
	}
	return cfg
}

// sessionConfig is what the plan and the seed make of this node's sessions.
func (n *node) sessionConfig(st *store.Store) session.Config {
	w, p := n.w, &n.w.plan
	rc := session.Config{
		Cluster: cluster, Secret: []byte("s3cret"), NodeID: n.nodeID, Inc: store.ID{byte(w.starts), byte(w.starts >> 8), 1},
		HeirOf: n.heirOf, Provisional: n.heir != nil && !n.heir.last && !p.Any, PeerWait: peerWait, Handover: handover, Seeks: true,
		WallAhead: func() int64 {
			if n.clock == nil {
				return 0
			}
			return n.clock.Refused()
		},
		Store: st, Rand: w.random, Without: n.lacks,
		Limits: session.Limits{BatchItems: 2, PumpBytes: 64 << w.r.IntN(8), WindowBytes: 256 << w.r.IntN(10)},
	}
	rc.Compress, rc.Limits.PackedBytes = p.Packed && w.starts%2 == 0, 1
	if p.Tight {
		rc.Limits.PumpBytes, rc.Limits.WindowBytes = 64, 256
	}
	if p.Pieces {
		rc.Limits.PieceBytes = 1 + w.r.IntN(pieceMost)
		if p.Full {
			rc.Limits.PieceBytes = 1<<11 + w.r.IntN(1<<14)
		}
	}
	if p.Paced {
		rc.CopyBytes = 4000 << w.r.IntN(7) // the copy has to be through before the run gives up
	}
	rc.Limits.GraveItems = rc.Limits.PumpBytes / 64
	if p.Refuse && !w.healing && w.r.IntN(3) == 0 {
		n.wrong, rc.Secret = true, []byte("another")
		w.logf("%s has another secret", n.name)
	}
	return rc
}

// fill takes nearly all of the memory, down to the last bytes, with keys that are this
// node's own, and gives some of it back.
func (n *node) fill() {
	w := n.w
	for _, size := range [...]int{20_000, 1000, 1} {
		for i := 0; ; i++ {
			key := fmt.Appendf(nil, "%d-%d%s", size, i, localSuffix)
			if n.st.Do(n.now(), &store.Request{Op: store.OpSet, Key: key, Value: make([]byte, size)}).Status != store.Stored {
				break
			}
		}
	}
	for i := range w.r.IntN(100) {
		n.st.Do(n.now(), &store.Request{Op: store.OpDelete, Key: fmt.Appendf(nil, "%d-%d%s", 20_000, i, localSuffix)})
	}
	w.machines[n.host].made = n.st.Clock()
}

// work runs a part of the node's session. Real clients do not wait for it.
func (n *node) work(f func()) {
	for part := range n.w.parts {
		n.held[part] = n.st.Tail(part) > 0
	}
	n.working = true
	f()
	n.working = false
	n.notePromise()
}

// letIn is where the session of a node holds no lock.
func (n *node) letIn(part int) {
	w, every := n.w, 20
	if w.plan.Busy {
		every = 3
	}
	if !n.working || !w.parts[part] || w.healing || w.fail != "" || w.r.IntN(every) != 0 || !n.serves() {
		return
	}
	n.working = false
	n.notePromise()
	n.rewound()
	w.counts.Between++
	w.logf("%s is at work when:", n.name)
	w.clientStep(n)
	n.working = true
}

// notePromise notes what the BARRIER will stand for, when the session has just noted
// its tails.
func (n *node) notePromise() {
	if e := n.admit; e != nil && e.s.TailNotes() != n.notes {
		n.notes, n.promise = e.s.TailNotes(), n.promises()
	}
}

// random fills p from the seed, for nonces.
func (w *world) random(p []byte) {
	for i := range p {
		p[i] = byte(w.r.Uint32())
	}
}

// stop ends the process, if it has not ended yet; its machine keeps the bound.
func (n *node) stop() {
	if n.stopped {
		return
	}
	for len(n.ends) > 0 {
		n.lose(n.ends[0], "the process ends")
	}
	if err := n.st.CheckInvariants(); err != nil {
		n.w.failf("invariants of %s: %v", n.name, err)
	}
	n.w.machines[n.host].bound = n.st.Clock()
	n.w.counts.Graves += n.core.Counts().Graves
	st := n.st.Stats()
	n.w.counts.Buried += st.Buried
	n.w.counts.Evictions += st.Evictions
	n.w.counts.Rejected += st.GraveRejects
	n.w.counts.Swept += st.GraveEvictions
	n.w.counts.Homeless += st.ApplyNoMemory
	n.w.counts.Conflicts += st.ConflictsLost + st.ConflictsWon
	if n.writes {
		n.w.write(n)
	}
	n.stopped, n.draining = true, false
	n.st.Close()
}

// serves says that clients are let in.
func (n *node) serves() bool { return !n.stopped && n.core.State() == session.Ready }

// linked is the session, nil if there is none.
func (n *node) linked() *end {
	if n.admit != nil && n.admit.s.Established() {
		return n.admit
	}
	return nil
}

// quiet says that the peer has acknowledged everything.
func (n *node) quiet() bool {
	e := n.linked()
	return e != nil && e.s.Quiet() && n.st.Unacked() <= n.st.Refused()
}
