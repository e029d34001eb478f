package torture

import (
	"fmt"
	"time"
)

// circumstances are what a round did that explains what is missing.
type circumstances struct {
	killedAt [2]map[int64]time.Time // incarnations that kill -9 ended, and when
	leftAt   [2]map[int64]time.Time // those that gave up telling their peer, and said so, and when they were told to stop
	evicted  bool                   // a node evicted: any key may be gone
	buried   bool                   // a node buried deletes: any key may be gone whose record does not say that it is safe
	flushes  []op                   // flush_all, as deletes of every key
}

// excuse says whether only a process acknowledged o that was killed or gave up
// telling its peer, and how old o was then: replication is asynchronous, what
// another node does not have by then is not promised.
func (c *circumstances) excuse(o *op) (age time.Duration, ok bool) {
	at, ok := c.killedAt[o.node][o.inc]
	if !ok {
		at, ok = c.leftAt[o.node][o.inc]
	}
	if !ok {
		return 0, false
	}
	return max(0, at.Sub(o.at)), true
}

// verdict is what the comparison of the nodes found.
type verdict struct {
	keys   int
	values int // keys of which a node has a value
	differ int
	onlyA  int
	onlyB  int
	once   int // keys that were written once and never deleted
	kept   int // of them: there

	lost     []time.Duration // acknowledged changes that are on neither node, and their age at the kill
	lostKeys int             // that they were changes of
	broken   []string        // promises, each with its key
	stale    int             // of them: an older value than one that a live process acknowledged
	returned int             // deleted or flushed, and there again
	vanished int             // acknowledged, and gone without a kill
	foreign  int             // values that nobody wrote there
}

func (v *verdict) breach(count *int, format string, args ...any) {
	*count++
	v.broken = append(v.broken, fmt.Sprintf(format, args...))
}

// judge compares what a key should be with what the nodes hold.
func (v *verdict) judge(r *record, a, b held, c *circumstances) held {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.keys++
	f := a
	switch {
	case a.version == 0 && b.version == 0:
	case b.version == 0:
		v.onlyA++
	case a.version == 0:
		v.onlyB++
		f = b
	case a != b:
		none := 0
		v.differ++
		v.breach(&none, "%s differs: a has version %d (%s), b has %d (%s)", r.key, a.version, a.id, b.version, b.id)
	}
	if b.version > f.version {
		f = b
	}
	if f.version != 0 {
		v.values++
	}
	if r.once {
		v.once++
		if f.version != 0 {
			v.kept++
		}
	}
	lost := len(v.lost)
	v.foreigner(r, f, c)
	v.base(r, f, c)
	for i := range r.ops {
		if r.ops[i].acked {
			v.op(r, &r.ops[i], f, c)
		}
	}
	for i := range c.flushes {
		v.op(r, &c.flushes[i], f, c)
	}
	if len(v.lost) > lost {
		v.lostKeys++
	}
	return f
}

// foreigner looks for the write that made the value.
func (v *verdict) foreigner(r *record, f held, c *circumstances) {
	if f.version == 0 || f == r.base {
		return
	}
	for i := range r.ops {
		if o := &r.ops[i]; !o.del && o.id == f.id && o.lo <= f.version && f.version <= o.hi {
			return
		}
	}
	v.breach(&v.foreign, "%s holds version %d (%s), which nobody wrote in this round; before it was %d (%s)", r.key, f.version, f.id, r.base.version, r.base.id)
}

// base judges what both nodes had before the round: nothing excuses its loss.
func (v *verdict) base(r *record, f held, c *circumstances) {
	switch {
	case f.version != 0 && f.version <= r.dead:
		v.breach(&v.returned, "%s is back with version %d (%s): what is not above %d was deleted before this round", r.key, f.version, f.id, r.dead)
	case f.version != 0 && f.version < r.base.version:
		v.breach(&v.stale, "%s is back at version %d (%s); both nodes had %d (%s) before this round", r.key, f.version, f.id, r.base.version, r.base.id)
	case f.version == 0 && r.base.version != 0 && !r.goneLocked(r.base.version, c):
		v.breach(&v.vanished, "%s is gone: both nodes had version %d (%s) before this round", r.key, r.base.version, r.base.id)
	}
}

// goneLocked says whether a deletion that may be above version explains a miss.
// A write whose outcome is not known explains nothing: it never removes.
func (r *record) goneLocked(version uint64, c *circumstances) bool {
	if c.evicted || c.buried && !r.safe {
		return true
	}
	for i := range r.ops {
		if o := &r.ops[i]; o.del && o.hi > version {
			return true
		}
	}
	for i := range c.flushes {
		if c.flushes[i].hi > version {
			return true
		}
	}
	return false
}

// op judges one acknowledged change.
func (v *verdict) op(r *record, o *op, f held, c *circumstances) {
	var count *int
	switch {
	case o.del && f.version != 0 && f.version <= o.lo:
		count = &v.returned
	case !o.del && f.version != 0 && f.version < o.lo:
		count = &v.stale
	case !o.del && f.version == 0 && !r.goneLocked(o.lo, c):
		count = &v.vanished
	default:
		if o.del {
			if _, killed := c.excuse(o); !killed {
				r.dead = max(r.dead, o.lo)
			}
		}
		return
	}
	if age, ok := c.excuse(o); ok {
		if !o.counted { // it was not missed before
			o.counted = true
			v.lost = append(v.lost, age)
		}
		return
	}
	what := "write of " + o.id
	if o.del {
		what = "delete"
	}
	v.breach(count, "%s: node %s (start %d) acknowledged a %s with version %d to %d; now there is %d (%s)",
		r.key, nodeNames[o.node], o.inc, what, o.lo, o.hi, f.version, f.id)
}
