package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// round is one fault under load, what follows from it, and the comparison.
type round struct {
	circumstances
	h      *harness
	number int
	fault  fault
	rng    *rand.Rand
	victim *node
	own    []*record // keys of this round only; the nodes are emptied after it
	hands  int       // clients that the round itself had
	filled int       // keys that it filled a node's memory with

	saturated bool // so many deletes were buried that a grave counts for every key
	began     time.Time
	hitAt     time.Time
	over      time.Time // when what the probes measure ended; zero: once all has recovered
	notes     []string
	v         verdict
	verified  verified
	broken    []string

	readBreaches int // of broken: found by clients, not by the comparison

	linkIn  time.Duration // from the end of the fault until both nodes are linked
	equalIn time.Duration // from the pause of the clients until both nodes are equal

	evictions [2]eviction // as the round began
}

// eviction is the count of an incarnation's evictions.
type eviction struct {
	inc   int64
	count uint64
}

func (h *harness) round(number int, f fault) error {
	r := &round{h: h, number: number, fault: f, rng: rand.New(rand.NewPCG(h.seed, 2000+uint64(number))), began: time.Now()}
	for i := range r.killedAt {
		r.killedAt[i], r.leftAt[i] = map[int64]time.Time{}, map[int64]time.Time{}
	}
	r.victim = h.nodes[r.rng.IntN(2)]
	if err := r.linked(); err != nil {
		return err
	}
	for i := range h.nodes {
		var err error
		if r.evictions[i], err = r.evictionsOf(i); err != nil {
			return err
		}
	}
	r.hold(0.2, 0.6)
	if err := f.strike(r); err != nil {
		return err
	}
	if err := r.recover(); err != nil {
		return err
	}
	reads := h.load.takeBroken()
	r.readBreaches = len(reads)
	r.broken = append(r.broken, reads...)
	r.broken = append(r.broken, r.v.broken...)
	h.tally.add(r)
	r.print()
	return nil
}

// recover waits for the link, lets clients work for a moment, and compares.
func (r *round) recover() error {
	healed := time.Now()
	if err := r.linked(); err != nil {
		return err
	}
	r.linkIn = time.Since(healed)
	r.hold(0.3, 0.5)
	if r.fault.probed {
		if r.over.IsZero() {
			r.over = time.Now()
		}
		r.h.tally.outages(r.fault.name, r.h.probes, r.hitAt, r.over)
	}
	r.h.load.pause.Lock()
	defer r.h.load.pause.Unlock()
	paused := time.Now()
	if err := r.settled(); err != nil {
		return err
	}
	a, b, err := r.stable()
	if err != nil {
		return err
	}
	r.equalIn = time.Since(paused)
	gone, err := r.countEvictions()
	if err != nil {
		return err
	}
	now := time.Now()
	for i, rec := range r.keys() {
		rec.settle(r.v.judge(rec, a[i], b[i], &r.circumstances), now)
	}
	if len(r.killedAt[0])+len(r.killedAt[1]) == 0 && len(r.v.lost) > 0 {
		r.breach("%d changes are lost since the node that gave up was looked at", len(r.v.lost))
	}
	if lone := r.v.onlyA + r.v.onlyB; uint64(lone) > gone {
		r.breach("%d keys are on one node only (%d on a, %d on b), and %d were evicted", lone, r.v.onlyA, r.v.onlyB, gone)
	}
	if err := r.verify(gone); err != nil {
		return err
	}
	if r.evicted || r.buried || len(r.own) > 0 {
		return r.empty()
	}
	return nil
}

// keys is every key that is judged.
func (r *round) keys() []*record { return slices.Concat(r.h.load.records.all, r.own) }

// stable reads both nodes until they are equal, or stay different: requests that
// were in a buffer when their client gave up may still be on their way.
func (r *round) stable() (a, b []held, err error) {
	patient := 5 * time.Second
	if r.evicted {
		patient = time.Second // keys that one node evicted stay different
	}
	for deadline := time.Now().Add(patient); ; {
		if a, err = contents(r.h.nodes[0].client(), r.keys()); err != nil {
			return nil, nil, err
		}
		if b, err = contents(r.h.nodes[1].client(), r.keys()); err != nil {
			return nil, nil, err
		}
		same := true
		for i := range a {
			same = same && a[i] == b[i]
		}
		if same || time.Now().After(deadline) {
			return a, b, nil
		}
	}
}

func (r *round) evictionsOf(i int) (eviction, error) {
	n := r.h.nodes[i]
	rows, err := n.stats()
	return eviction{n.inc.Load(), count(rows, "evictions")}, err
}

// countEvictions returns how many items the nodes have evicted in this round.
func (r *round) countEvictions() (sum uint64, err error) {
	for i := range r.h.nodes {
		now, err := r.evictionsOf(i)
		if err != nil {
			return 0, err
		}
		if now.inc == r.evictions[i].inc {
			now.count -= r.evictions[i].count
		}
		sum += now.count
	}
	if sum > 0 {
		r.evicted = true
		r.note("%d evictions", sum)
	}
	return sum, nil
}

// empty flushes both nodes while clients pause, and takes that as the base. What
// is on one node only, and what a round had for itself, would be in the next ones' way.
func (r *round) empty() error {
	if err := r.flush(r.h.nodes[0]); err != nil {
		return err
	}
	if err := r.settled(); err != nil {
		return err
	}
	a, b, err := r.stable()
	if err != nil {
		return err
	}
	for i, rec := range r.keys() {
		rec.settle(r.v.judge(rec, a[i], b[i], &r.circumstances), time.Now())
	}
	return r.limit(memoryMiB, r.h.nodes[:]...)
}

// hold lets the clients work for a time between two bounds, in seconds; less of
// it in the short form.
func (r *round) hold(least, most float64) {
	s := least + r.rng.Float64()*(most-least)
	if !r.h.long {
		s = least + (s-least)/8
	}
	<-time.After(time.Duration(s * float64(time.Second)))
}

// struck notes when the fault began.
func (r *round) struck() {
	if r.hitAt.IsZero() {
		r.hitAt = time.Now()
	}
}

func (r *round) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *round) breach(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

func (r *round) linked() error {
	for _, n := range r.h.nodes {
		if err := wait("node "+n.name()+" is linked", n.linked); err != nil {
			return err
		}
	}
	return nil
}

// unlinked makes sure that a fault bites: each of the nodes has lost its peer, or
// does within a moment.
func (r *round) unlinked(nodes ...*node) error {
	for _, n := range nodes {
		if err := wait("node "+n.name()+" has lost its peer", func() bool {
			rows, err := n.glance()
			return err == nil && rows["repl_link"] != "stream"
		}); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) settled() error {
	return wait("nothing is left to replicate", func() bool { return r.h.nodes[0].settled() && r.h.nodes[1].settled() })
}

// flush empties both nodes by a command to one of them, between two writes that
// bound its version.
func (r *round) flush(n *node) error {
	c, err := dialRaw(n.client(), 10*time.Second)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.send("ms bound 1 c\r\n1\r\nflush_all\r\nms bound 1 c\r\n2\r\n"); err != nil {
		return err
	}
	o := op{del: true, acked: true, node: n.index, inc: n.inc.Load()}
	if o.lo, err = c.version(); err != nil {
		return err
	}
	o.lo++
	if line, err := c.line(); err != nil || line != "OK" {
		return fmt.Errorf("torture: flush_all on node %s: %q, %w", n.name(), line, err)
	}
	if o.hi, err = c.version(); err != nil {
		return err
	}
	o.at = time.Now()
	r.flushes = append(r.flushes, o)
	for _, rec := range r.keys() {
		rec.mu.Lock()
		rec.raiseLocked(n.index, o.inc, o.lo+1)
		rec.mu.Unlock()
	}
	return nil
}
