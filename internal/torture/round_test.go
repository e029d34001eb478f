package torture

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// round is one fault under load, what follows from it, and the comparison.
type round struct {
	circumstances
	h        *harness
	number   int
	fault    fault
	rng      *rand.Rand
	victim   *node
	began    time.Time
	hitAt    time.Time
	over     time.Time // when what the probes measure ended; zero: once all has recovered
	notes    []string
	v        verdict
	verified verified
	broken   []string

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
		r.killedAt[i] = map[int64]time.Time{}
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
	for i, rec := range r.h.load.records.all {
		rec.settle(r.v.judge(rec, a[i], b[i], &r.circumstances), now)
	}
	if lone := r.v.onlyA + r.v.onlyB; uint64(lone) > gone {
		r.breach("%d keys are on one node only (%d on a, %d on b), and %d were evicted", lone, r.v.onlyA, r.v.onlyB, gone)
	}
	if err := r.verify(gone); err != nil {
		return err
	}
	if r.fault.name == "full" {
		return r.empty()
	}
	return nil
}

// stable reads both nodes until they are equal, or stay different: requests that
// were in a buffer when their client gave up may still be on their way.
func (r *round) stable() (a, b []held, err error) {
	patient := 5 * time.Second
	if r.evicted {
		patient = time.Second // keys that one node evicted stay different
	}
	for deadline := time.Now().Add(patient); ; {
		if a, err = contents(r.h.nodes[0].client(), r.h.load.records); err != nil {
			return nil, nil, err
		}
		if b, err = contents(r.h.nodes[1].client(), r.h.load.records); err != nil {
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

// empty flushes both nodes while clients pause, and takes that as the base.
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
	for i, rec := range r.h.load.records.all {
		rec.settle(r.v.judge(rec, a[i], b[i], &r.circumstances), time.Now())
	}
	return nil
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
			rows, err := n.stats()
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

// killed notes that kill -9 comes now.
func (r *round) killed(n *node) {
	r.killedAt[n.index][n.inc.Load()] = time.Now()
}

func (r *round) restart(n *node) error {
	began := time.Now()
	if err := n.start(); err != nil {
		return err
	}
	if err := n.waitServing(); err != nil {
		return err
	}
	r.h.tally.joins = append(r.h.tally.joins, time.Since(began))
	return nil
}

// planned ends a node by SIGTERM. It must exit with status 0, and the other one
// must have all that either acknowledged.
func (r *round) planned(n *node) error {
	began := time.Now()
	status, err := n.end(syscall.SIGTERM)
	if err != nil {
		return err
	}
	p := plannedStop{took: time.Since(began), status: status}
	if status != 0 {
		r.breach("node %s (start %d) ended with status %d after SIGTERM", n.name(), n.inc.Load(), status)
	}
	v, err := r.inspect(n, "SIGTERM")
	if err != nil {
		return err
	}
	p.lost = len(v.lost) + v.stale + v.returned + v.vanished
	r.h.tally.planned = append(r.h.tally.planned, p)
	return nil
}

// inspect looks for what the other node has, now that this one has ended, before
// clients go on. What was on the wire has arrived once that node has lost its peer.
func (r *round) inspect(n *node, how string) (v verdict, err error) {
	r.h.load.pause.Lock()
	defer r.h.load.pause.Unlock()
	survivor := r.h.nodes[1-n.index]
	if err := r.unlinked(survivor); err != nil {
		return v, err
	}
	all, err := contents(survivor.client(), r.h.load.records)
	if err != nil {
		return v, err
	}
	for i, rec := range r.h.load.records.all {
		v.judge(rec, all[i], all[i], &r.circumstances)
	}
	for _, what := range v.broken {
		r.breach("after %s to node %s: %s", how, n.name(), what)
	}
	r.v.stale, r.v.returned, r.v.vanished, r.v.foreign = r.v.stale+v.stale, r.v.returned+v.returned, r.v.vanished+v.vanished, r.v.foreign+v.foreign
	return v, nil
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
	for _, rec := range r.h.load.records.all {
		rec.mu.Lock()
		rec.raiseLocked(n.index, o.inc, o.lo+1)
		rec.mu.Unlock()
	}
	return nil
}
