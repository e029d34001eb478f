package torture

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

const never = math.MaxUint64 // as an upper bound of a version: not known

// op is one change that a client asked for. Its version lies in [lo, hi]; where
// the reply gave it, both are the same.
type op struct {
	del    bool
	acked  bool // false: no reply came, so it may have happened, or happen yet
	lo, hi uint64
	id     string // of the value, unique
	node   int
	inc    int64 // of the node, when it replied
	at     time.Time

	counted bool // as lost with its node
}

// record is what is known of one key. Clients add to it while they work; it is
// judged while they pause.
type record struct {
	key  string
	once bool // it is written once and never deleted: those that are kept are counted
	safe bool // no grave explains that it is gone

	mu    sync.Mutex
	ops   []op
	base  held     // what both nodes held when they were last compared
	dead  uint64   // no value up to this version may be seen again
	floor [2]floor // what each node has shown
}

// held is what a node holds under a key; version 0: nothing.
type held struct {
	version uint64
	id      string
}

// floor is the lowest version that an incarnation of a node may still show.
type floor struct {
	inc     int64
	version uint64
}

// lowest returns what a read of this node that begins now may not go below.
func (r *record) lowest(node int, inc int64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.floor[node]; f.inc == inc {
		return f.version
	}
	return 0
}

func (r *record) raiseLocked(node int, inc int64, version uint64) {
	f := &r.floor[node]
	if f.inc > inc {
		return
	}
	if f.inc < inc {
		*f = floor{inc: inc}
	}
	f.version = max(f.version, version)
}

// add notes a change. One that was acknowledged binds the node that did: it may
// not show less from now on.
func (r *record) add(o op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
	if !o.acked {
		return
	}
	low := o.lo
	if o.del {
		low++ // whatever is not above the delete is gone
	}
	r.raiseLocked(o.node, o.inc, low)
}

// read notes what a read showed that could not be below low, and returns what is
// wrong with it, or "".
func (r *record) read(node int, inc int64, low uint64, got held) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got.version == 0 {
		return "" // a miss is judged when the nodes are compared
	}
	if got.version < low {
		return fmt.Sprintf("%s: node %s went back: it showed version %d (%s), and at least %d before", r.key, nodeNames[node], got.version, got.id, low)
	}
	r.raiseLocked(node, inc, got.version)
	for i := range r.ops {
		if o := &r.ops[i]; !o.del && o.lo == got.version && o.hi == got.version && o.id != got.id {
			return fmt.Sprintf("%s: version %d is %s, and was acknowledged as %s", r.key, got.version, got.id, o.id)
		}
	}
	return ""
}

// late is how long a change without a reply is remembered: what was in the
// kernel's buffers when its client gave up may still happen.
const late = 2 * time.Minute

// settle makes what the nodes hold the base of the next round.
func (r *record) settle(f held, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.ops[:0]
	for _, o := range r.ops {
		if !o.acked && now.Sub(o.at) < late {
			kept = append(kept, o)
		}
	}
	r.ops, r.base, r.once = kept, f, false
}

// records is every key that clients use: half of them on either node, a quarter
// on each of them only. What is lost with a node is not written over on the other
// one before it has been looked for.
type records struct {
	all []*record
}

func newRecords(n int) *records {
	rs := &records{}
	for i := range n {
		rs.add(fmt.Sprintf("key:%d", i))
	}
	return rs
}

// add makes the record of a key; not while others read.
func (rs *records) add(key string) *record {
	r := &record{key: key}
	rs.all = append(rs.all, r)
	return r
}

// pick is a key for a change on a node: sometimes of a few that are always in
// use, else any of those that are for this node.
func (rs *records) pick(rng *rand.Rand, node int) *record {
	switch rng.IntN(8) {
	case 0:
		return rs.all[rng.IntN(hotKeys)]
	case 1, 2, 3:
		return rs.all[rng.IntN(keyCount/2)]
	}
	return rs.all[keyCount/2+node*keyCount/4+rng.IntN(keyCount/4)]
}

const hotKeys = 32
