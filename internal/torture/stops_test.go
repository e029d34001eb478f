package torture

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// lagRound stops the victim by plan while its link lags under load: because it is
// long; because what the victim says passes slowly, though well within its time;
// or because it is slow in both directions and there is far more to tell than the
// victim's time allows.
func lagRound(r *round) error {
	how := r.rng.IntN(3)
	n, more := r.victim, 0
	n.drainTime = 30 * time.Second // 22 s are enough for what is under way, 2 MiB, and all keys
	if how == 2 {
		n.drainTime = 2 * time.Second
		if r.h.long {
			n.drainTime = time.Duration(2+r.rng.IntN(9)) * time.Second
		}
		more = 2 * int(n.drainTime.Seconds()*slowBytes) / meanItem
	}
	for _, step := range []func(*node) error{r.planned, r.restart} { // so that it knows its time
		if err := step(n); err != nil {
			return err
		}
	}
	if err := r.linked(); err != nil {
		return err
	}
	h, err := r.hand(n)
	if err != nil {
		return err
	}
	defer h.close()
	stop := func() error {
		r.h.load.rush.Store(r.h.long || how != 1)
		defer r.h.load.rush.Store(false)
		if err := h.do(r.jobs(r.newKeys("lag", more), metaSet, textSet)); err != nil {
			return err
		}
		r.hold(0.3, 1.5)
		if err := r.lags(); err != nil {
			return err
		}
		r.struck()
		return r.plannedOrLeft(n)
	}
	switch how {
	case 0:
		d := time.Duration(100+r.rng.IntN(300)) * time.Millisecond
		r.note("a relay delays by %v", d)
		err = r.relayed(func(rl *relay) error {
			rl.setDelay(d)
			return stop()
		})
	case 1:
		r.note("what it says passes slowly")
		err = r.slowed([]*node{n}, stop)
	default:
		err = r.slowed(r.h.nodes[:], stop)
	}
	if how != 2 && len(r.leftAt[n.index]) > 0 {
		r.breach("node %s gave up, and had far more time than it needed", n.name())
	}
	n.drainTime = 0
	return errors.Join(err, r.restart(n))
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
	return r.stopped(n, plannedStop{took: time.Since(began), status: status})
}

// stopped judges a planned stop.
func (r *round) stopped(n *node, p plannedStop) error {
	if p.status != 0 {
		r.breach("node %s (start %d) ended with status %d after SIGTERM", n.name(), n.inc.Load(), p.status)
	}
	v, err := r.inspect(n, "SIGTERM")
	if err != nil {
		return err
	}
	p.lost = len(v.lost) + v.stale + v.returned + v.vanished
	r.h.tally.planned = append(r.h.tally.planned, p)
	return nil
}

// plannedOrLeft ends a node by SIGTERM whose link lags. Either that is a planned
// stop as any other, or the node has used up its time, exits with status 3 and
// says how many items its peer does not have. Then no more keys than that may
// have lost what it acknowledged.
func (r *round) plannedOrLeft(n *node) error {
	began, inc := time.Now(), n.inc.Load()
	status, err := n.end(syscall.SIGTERM)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if status != statusLeft {
		r.note("status %d after %d ms", status, took.Milliseconds())
		return r.stopped(n, plannedStop{took: took, status: status, lagged: true})
	}
	if took < n.drainTime || took > n.drainTime+drainExtra {
		r.breach("node %s (start %d) gave up after %v, and may try for %v", n.name(), inc, took, n.drainTime)
	}
	left, err := n.left()
	if err != nil {
		r.breach("node %s (start %d) ended with status %d and does not say how many items its peer lacks: %v", n.name(), inc, status, err)
	}
	r.leftAt[n.index][inc] = began
	v, err := r.inspect(n, "SIGTERM")
	if err != nil {
		return err
	}
	if v.lostKeys > left {
		r.breach("node %s (start %d) said that its peer lacks %d items, and %d keys have lost what it acknowledged", n.name(), inc, left, v.lostKeys)
	}
	r.note("gave up after %d ms: said %d items, %d keys have lost %d changes", took.Milliseconds(), left, v.lostKeys, len(v.lost))
	r.h.tally.gaveUp = append(r.h.tally.gaveUp, gaveUp{took: took - n.drainTime, left: left, keys: v.lostKeys, changes: len(v.lost)})
	return nil
}

const (
	meanItem   = 250              // bytes of a change on the link, about
	statusLeft = 3                // stopped, but the peer lacks some items
	drainExtra = 10 * time.Second // what a node may take beyond its time to say goodbye and to end, on a busy machine
)

var leftLine = regexp.MustCompile(`stopped; (\d+) items? (?:is|are) not on a live peer`)

// left is how many items a node that has ended said its peer does not have.
func (n *node) left() (int, error) {
	text, err := os.ReadFile(n.log.Name())
	if err != nil {
		return 0, err
	}
	m := leftLine.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no such line in %s", n.log.Name())
	}
	return strconv.Atoi(string(m[1]))
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
	all, err := contents(survivor.client(), r.keys())
	if err != nil {
		return v, err
	}
	for i, rec := range r.keys() {
		v.judge(rec, all[i], all[i], &r.circumstances)
	}
	for _, what := range v.broken {
		r.breach("after %s to node %s: %s", how, n.name(), what)
	}
	r.v.stale, r.v.returned, r.v.vanished, r.v.foreign = r.v.stale+v.stale, r.v.returned+v.returned, r.v.vanished+v.vanished, r.v.foreign+v.foreign
	return v, nil
}
