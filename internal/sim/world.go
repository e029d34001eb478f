package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"twincached/store"
)

// peerWait is how long a starting node looks for its peer: short, so that it also
// gives up.
const peerWait = 40 * time.Millisecond

// Counts say what happened in one run, or in many.
type Counts struct {
	Seeds, Steps, Ops, Refused, Between                   uint64 // Refused: the node did not serve; Between: its session was at work
	Frames, Late, Records, Barriers                       uint64
	Connects, Cuts, Stalls, Silences                      uint64
	Crashes, Planned, Swaps, Histories, Jumps             uint64
	Pieces                                                uint64 // of large values
	Manies                                                uint64 // MANY frames of more than one partition
	Packed                                                uint64 // PACKED frames
	Statuses                                              uint64 // STATUS frames that were read
	Refusals, KeptShut                                    uint64 // connections that ended so; ticks in which a node stayed shut because of one
	Together, Unproven                                    uint64 // Together: planned restarts while the other node drained, too; Unproven: those that nobody took over
	GaveUp, Crossed                                       uint64 // GaveUp: planned restarts of a node that gave up on a linked peer; Crossed: those across the other's BYE PLANNED
	Evictions, Buried, Graves, Rejected, Swept, Conflicts uint64
	Homeless                                              uint64 // values that a node had no memory for
	OneSided                                              uint64 // keys that one node only had at rest
	Images, Heirs, Left, Older, Unusable, Dropped         uint64 // Images: written; Heirs: processes that went on from one; Left: they crashed before they had served, so it is there again; Older: other images than the one that was left; Unusable: refused; Dropped: they were not the last, and nobody came
	Failures                                              uint64
}

// world is one run: two nodes and what is between them.
type world struct {
	plan  Plan
	seed  uint64
	keep  []bool // steps to run; nil: all
	trace func(string)
	r     *rand.Rand // of the step at hand
	now   int64      // Unix ms, the true time
	fail  string

	nodes    [2]*node
	parked   *node // replaced by another machine, and still holding its data
	machines [3]machine
	cloned   [3]bool // a machine's state directory is a copy of the one that was in its place before
	starts   int
	conns    int
	keys     [][]byte
	numbers  map[string]int
	parts    map[int]bool // partitions of the keys
	local    [][]byte
	values   int

	best         []fact // by key: the newest state that a client was told of
	sets         map[uint64]struct{}
	touched      map[uint64]bool
	makers       map[uint64]int   // the machine that made a version
	twins        map[uint64]bool  // versions that two made who had not met
	flushes      map[uint64]bool  // watermarks that have been looked at, or were asked for at once
	due          map[uint64]int64 // by the version of a delayed flush: when it shall come, true time
	healing      bool             // clients have paused
	twoHistories bool             // an operator has to decide
	clocksApart  bool             // and here
	flushed      uint64           // the newest watermark that any node had
	images       []*image         // all that were written
	lost         bool             // a node has gone, and has said that nobody has taken over
	counts       Counts
}

// failf notes the first broken promise.
func (w *world) failf(format string, args ...any) {
	if w.fail == "" {
		w.fail = fmt.Sprintf(format, args...)
		w.logf("BROKEN: %s", w.fail)
	}
}

func (w *world) logf(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%6d ms  ", w.now-startMillis) + fmt.Sprintf(format, args...))
	}
}

func (w *world) keyNumber(key []byte) (int, bool) {
	k, ok := w.numbers[string(key)]
	return k, ok
}

// newWorld makes two nodes that have not met.
func newWorld(seed uint64, plan Plan, trace func(string)) *world {
	w := &world{plan: plan, seed: seed, trace: trace, now: startMillis, numbers: map[string]int{}, parts: map[int]bool{}, best: make([]fact, plan.Keys), sets: map[uint64]struct{}{}, touched: map[uint64]bool{}, makers: map[uint64]int{}, twins: map[uint64]bool{}, flushes: map[uint64]bool{}, due: map[uint64]int64{}}
	w.useStep(^uint64(0))
	for i := 0; len(w.keys) < plan.Keys; i++ {
		key := fmt.Appendf(nil, "k%d", i)
		if p := store.PartitionOf(key); w.parts[p] || len(w.parts) < plan.Parts {
			w.parts[p] = true
			w.numbers[string(key)] = len(w.keys)
			w.keys = append(w.keys, key)
		}
	}
	w.local = [][]byte{[]byte("session" + localSuffix), []byte("another" + localSuffix)}
	w.nodes[0], w.nodes[1] = w.newNode(0, 0), w.newNode(1, 1)
	for k := range plan.Preload {
		r := w.nodes[0].st.Do(w.nodes[0].now(), &store.Request{Op: store.OpSet, Key: w.keys[k], Value: w.value()})
		w.told(w.nodes[0], k, fact{r.Version, r.Version})
		w.machines[0].made = r.Version
	}
	return w
}

// useStep makes the randomness of a step its own: steps can be left out, and the
// others do what they did.
func (w *world) useStep(i uint64) { w.r = rand.New(rand.NewPCG(w.seed, i)) }

func (w *world) close() {
	for _, n := range []*node{w.nodes[0], w.nodes[1], w.parked} {
		if n != nil {
			n.stop()
		}
	}
}

// run does every step, heals, and returns the first broken promise, "" for none.
func (w *world) run() string {
	w.counts.Seeds = 1
	w.connect()
	for i := 0; i < w.plan.Steps && w.fail == ""; i++ {
		if w.keep == nil || w.keep[i] {
			w.useStep(uint64(i))
			w.step()
		}
	}
	if w.fail == "" {
		w.useStep(1 << 40)
		w.heal()
	}
	w.close()
	w.counts.Values(w)
	return w.fail
}

// Values is for what is counted at the end.
func (c *Counts) Values(w *world) {
	if w.fail != "" {
		c.Failures++
	}
}

// anyNode is one of the two, anyEnd one of its connections, nil if it has none.
func (w *world) anyNode() *node { return w.nodes[w.r.IntN(2)] }

func (w *world) anyEnd(n *node) *end {
	if len(n.ends) == 0 {
		return nil
	}
	return n.ends[w.r.IntN(len(n.ends))]
}

// step lets one thing happen.
func (w *world) step() {
	w.counts.Steps++
	w.now += w.r.Int64N(3)
	if w.plan.Slow && w.r.IntN(8) == 0 {
		w.now += w.r.Int64N(150)
	}
	n := w.anyNode()
	if w.plan.Warm && w.r.IntN(100) == 0 {
		w.restartStep(n)
	}
	switch x := w.r.IntN(1000); {
	case x < 280:
		if w.parked != nil && w.r.IntN(6) == 0 {
			n = w.parked // cut off from the other two, and serving
		}
		w.clientStep(n)
	case x < 890-w.plan.Cut:
		most := 5
		if w.plan.Tight {
			most = 3
		}
		for range 1 << w.r.IntN(most) {
			w.moveStep(w.anyNode())
		}
	case x < 890:
		w.disturb(n)
	case x < 920:
		w.sweepStep(n)
	case x < 950:
		if w.plan.Evict && !n.stopped && n.st.Evict(n.now(), w.keys[w.r.IntN(len(w.keys))]) {
			w.logf("%s evicts something", n.name)
			w.check(n)
		}
	case x < 970:
		if len(w.nodes[0].ends) == 0 || len(w.nodes[1].ends) == 0 {
			w.connect()
		}
	case x < 975:
		if w.plan.Jump {
			w.counts.Jumps++
			n.skew += w.r.Int64N(3000)
			w.logf("%s has its clock at %+d ms", n.name, n.skew)
		}
		if w.plan.Days {
			w.stepWall(n.host)
		}
	case x < 983:
		w.restartStep(n)
	case x < 990:
		if w.plan.Swap {
			w.swap()
		}
	}
	for _, n := range w.nodes {
		n.tick()
	}
	if w.twoHistories || w.clocksApart {
		w.decide()
	}
}

// moveStep lets a node write, or some of what travels to it arrive.
func (w *world) moveStep(n *node) {
	switch e := w.anyEnd(n); {
	case e == nil:
	case w.r.IntN(2) == 0:
		n.pump(e)
		n.reached(e)
	default:
		n.deliver(e, 1+w.r.IntN(1<<w.r.IntN(14)))
	}
}

// disturb does something to a connection.
func (w *world) disturb(n *node) {
	e := w.anyEnd(n)
	switch w.r.IntN(4) {
	case 0:
		if e != nil {
			w.counts.Cuts++
			n.lose(e, "cut")
		}
	case 1:
		if e != nil && !e.stalled {
			w.counts.Stalls++
			e.stalled = true
			w.logf("nothing arrives at %s on connection %d", n.name, e.serial)
		}
	case 2:
		if e != nil && e.stalled {
			e.stalled = false
			w.logf("connection %d moves again", e.serial)
		}
	default:
		w.connect()
	}
}

// sweepStep gives the store its slice of work.
func (w *world) sweepStep(n *node) {
	if n.stopped {
		return
	}
	n.st.Tick(n.now())
	n.learnFlush()
	w.check(n)
}

// restartStep ends a process, by plan or not, and starts another on its machine.
func (w *world) restartStep(n *node) {
	switch {
	case w.plan.Together && (!w.plan.Crash || w.r.IntN(4) > 0):
		n.drain()
		if w.plan.Hasty && w.r.IntN(2) == 0 {
			w.nodes[1-n.id].drain()
		}
		return
	case w.plan.Planned && (!w.plan.Crash || w.r.IntN(2) == 0):
		if !w.drain(n) {
			return
		}
		w.counts.Planned++
		w.logf("%s has drained", n.name)
		w.checkPlanned(n, n.lastWord())
	case w.plan.Crash:
		w.counts.Crashes++
		w.logf("%s crashes", n.name)
		n.leaveImage()
	default:
		return
	}
	w.next(n)
}

// next ends a process and starts the next one on its machine: at once, or after a while.
func (w *world) next(n *node) {
	n.writes = w.plan.Warm && n.departed
	n.stop()
	if n.wakeAt = w.now; w.plan.Warm {
		n.wakeAt += w.nap()
		return
	}
	w.nodes[n.id] = w.newNode(n.id, n.host)
}

// drain waits, as a stopping node does, until the peer has acknowledged everything,
// and returns false when that does not happen. The other node goes on serving.
func (w *world) drain(n *node) bool {
	for range 60 {
		if e := n.linked(); w.fail != "" || e == nil || e.other.gone {
			return false
		}
		if n.quiet() {
			return true
		}
		w.now++
		for _, o := range w.nodes {
			for _, e := range append([]*end(nil), o.ends...) {
				o.pump(e)
				o.deliver(e, 1<<12)
			}
		}
		if o := w.nodes[1-n.id]; w.r.IntN(8) == 0 {
			w.clientStep(o)
		}
	}
	return false
}

// swap puts another machine, empty, in the place of node 1, or brings the old one
// back with its data.
func (w *world) swap() {
	w.counts.Swaps++
	old := w.nodes[1]
	if old.stopped {
		return
	}
	for len(old.ends) > 0 {
		old.lose(old.ends[0], "another machine takes the place")
	}
	if w.parked == nil {
		w.parked = old
		w.cloneMachine(old)
		w.nodes[1] = w.newNode(1, 2)
		return
	}
	old.stop()
	w.nodes[1], w.parked = w.parked, nil
	w.logf("the machine of before is back as n1")
}

// decide is the operator: of two histories, the one on node 1 goes.
func (w *world) decide() {
	n := w.nodes[1]
	if w.clocksApart && !w.twoHistories {
		n = w.wrongClock()
	}
	w.twoHistories, w.clocksApart = false, false
	w.logf("the operator restarts %s", n.name)
	n.stop()
	w.machines[n.host].image = nil
	w.nodes[n.id] = w.newNode(n.id, n.host)
}
