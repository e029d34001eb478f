package torture

import (
	"errors"
	"strconv"
	"syscall"
	"time"
)

// fault is one kind of round. It runs under load, and has healed what it broke
// when it returns.
type fault struct {
	name   string
	what   string // for the report
	strike func(r *round) error
	probed bool // how long the clients of libraries fail is measured
	weight int  // how often it stands in a deck of the long form
}

var faults = []fault{
	{"kill", "kill -9, then a restart", killRound, true, 6},
	{"power", "power lost, 10 ms from the peer", powerRound, false, 2},
	{"term", "planned restarts: SIGTERM, link up", termRound, true, 3},
	{"pair", "planned restarts of both nodes at once", pairRound, true, 2},
	{"stop", "SIGSTOP, then SIGCONT", stopRound, true, 2},
	{"cable", "all cables of a node pulled", cableRound, true, 2},
	{"cut", "the cable between the nodes pulled", cutRound, false, 2},
	{"flap", "that cable pulled and put back again and again", flapRound, false, 1},
	{"mute", "one direction between the nodes dropped", muteRound, false, 2},
	{"move", "both nodes get other addresses", moveRound, false, 1},
	{"slow", "a link of 1 Mbit/s", slowRound, false, 1},
	{"delay", "a link through a relay that delays", delayRound, false, 1},
	{"stall", "one that stalls one direction", stallRound, false, 1},
	{"chop", "one that breaks connections off", chopRound, false, 1},
	{"clock", "wall clock stepped, then a restart", clockRound, false, 1},
	{"flush", "flush_all during a cut", flushRound, false, 1},
	{"full", "more data than fits into either node", fullRound, false, 1},
	{"lag", "SIGTERM behind a link that lags", lagRound, false, 2},
	{"flood", "more deletes during a cut than are remembered", floodRound, false, 2},
	{"sleep", "planned stops of both nodes, with images", sleepRound, false, 3},
	{"writing", "kill -9 while an image is written", writingRound, false, 2},
	{"loading", "kill -9 while an image is loaded", loadingRound, false, 2},
	{"disk", "no room for an image", diskRound, false, 1},
	{"evict", "newer values evicted during a cut", evictRound, false, 2},
}

func killRound(r *round) error { return r.kill(func() {}) }

// powerRound loses what is on the wire as well, as a power cut does: after kill -9
// the kernel still sends what the process gave it.
func powerRound(r *round) error {
	return r.relayed(func(rl *relay) error {
		rl.setDelay(wireDelay)
		return r.kill(rl.cut)
	})
}

const wireDelay = 10 * time.Millisecond // one way

// kill ends the victim at once, and starts it again.
func (r *round) kill(lose func()) error {
	r.h.load.rush.Store(r.rng.IntN(2) == 0)
	defer r.h.load.rush.Store(false)
	r.hold(0.3, 1.2)
	r.struck()
	r.killed(r.victim)
	lose()
	if _, err := r.victim.end(syscall.SIGKILL); err != nil {
		return err
	}
	v, err := r.inspect(r.victim, "SIGKILL")
	if err != nil {
		return err
	}
	r.v.lost = append(r.v.lost, v.lost...)
	r.h.load.rush.Store(false)
	r.hold(0.3, 3)
	return r.restart(r.victim)
}

func termRound(r *round) error {
	restarts := 2
	if r.h.long {
		restarts = 10
	}
	for i := range restarts {
		n := r.h.nodes[(r.victim.index+i)%2]
		if err := r.linked(); err != nil {
			return err
		}
		r.h.load.rush.Store(r.rng.IntN(2) == 0)
		r.hold(0.2, 0.6)
		if i == 0 {
			r.struck()
		}
		err := r.planned(n)
		r.h.load.rush.Store(false)
		if err != nil {
			return err
		}
		if i == 0 {
			r.hold(0.3, 2)
		}
		if err := r.restart(n); err != nil {
			return err
		}
		if i == 0 {
			r.hold(0.3, 0.5)
			r.over = time.Now() // the probes' time is that of one restart
		}
	}
	return nil
}

// pairRound restarts both nodes by plan, one right behind the other, and starts each
// again as soon as it has ended: closer together than a link takes to come up. Both
// end with status 0, and nothing is lost.
func pairRound(r *round) error {
	restarts := 2
	if r.h.long {
		restarts = 10
	}
	for i := range restarts {
		first, second := r.h.nodes[(r.victim.index+i)%2], r.h.nodes[(r.victim.index+i+1)%2]
		if err := r.linked(); err != nil {
			return err
		}
		r.hold(0.2, 0.6)
		if i == 0 {
			r.struck()
		}
		again := func(n *node) (status int, err error) {
			if status, err = n.end(syscall.SIGTERM); err == nil {
				err = n.start()
			}
			return status, err
		}
		type ended struct {
			status int
			err    error
		}
		back := make(chan ended, 1)
		go func() {
			status, err := again(first)
			back <- ended{status, err}
		}()
		r.hold(0, 0.15)
		status, err := again(second)
		e := <-back
		if err := errors.Join(err, e.err); err != nil {
			return err
		}
		if status != 0 || e.status != 0 {
			r.breach("both nodes were stopped by plan, node %s first, and ended with status %d and %d", first.name(), e.status, status)
		}
		for _, n := range r.h.nodes {
			if err := n.waitServing(); err != nil {
				return err
			}
		}
		if i == 0 {
			r.hold(0.3, 0.5)
			r.over = time.Now()
		}
	}
	return nil
}

func stopRound(r *round) error {
	r.struck()
	if err := r.victim.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	r.hold(1.5, 5)
	if err := r.unlinked(r.h.nodes[1-r.victim.index]); err != nil {
		return err
	}
	return r.victim.signal(syscall.SIGCONT)
}

// clockRound steps the victim's wall clock while it runs, long enough for it to
// follow one that went ahead, restarts it with the clock as it is, and in the end
// with the right one: while the clocks differ, so do the seconds until an item
// expires. One that goes ahead by days it does not follow. There are no images:
// what one has expires at a time of the clock that the node had.
func clockRound(r *round) error {
	defer r.cold()()
	steps := []time.Duration{-10 * time.Minute, 10 * time.Minute, -90 * time.Second, 3 * time.Second, 3 * day, 400 * day}
	d := steps[r.rng.IntN(len(steps))]
	r.note("the wall clock is off by %v", d)
	r.struck()
	if err := r.victim.step(d); err != nil {
		return err
	}
	if d > day {
		return r.days(d)
	}
	for _, least := range []float64{1.5, 0.3} {
		r.hold(least, least+5)
		if err := r.linked(); err != nil {
			return err
		}
		if err := r.planned(r.victim); err != nil {
			return err
		}
		if least == 0.3 {
			if err := r.victim.step(0); err != nil {
				return err
			}
		}
		if err := r.restart(r.victim); err != nil {
			return err
		}
		if least == 1.5 {
			if err := r.offBy(d); err != nil {
				return err
			}
		}
	}
	return nil
}

const day = 24 * time.Hour

// days is for a wall that is ahead by days: the victim says so, serves on and stays
// linked; the wall comes back, and each node in turn is restarted.
func (r *round) days(d time.Duration) error {
	refused := func(least, most time.Duration) error {
		return wait("the victim's wall is off as it should be", func() bool {
			rows, err := r.victim.glance()
			ms, bad := strconv.ParseInt(rows["clock_refused_ms"], 10, 64)
			off := time.Duration(ms) * time.Millisecond
			return err == nil && bad == nil && off >= least && off <= most
		})
	}
	if err := refused(d-time.Hour, d+time.Hour); err != nil {
		return err
	}
	r.hold(0.5, 3)
	if err := r.linked(); err != nil {
		return err
	}
	if err := r.victim.step(0); err != nil {
		return err
	}
	if err := refused(0, 0); err != nil {
		return err
	}
	for _, n := range []*node{r.victim, r.h.nodes[1-r.victim.index]} {
		r.hold(0.3, 2)
		if err := r.linked(); err != nil {
			return err
		}
		if err := r.planned(n); err != nil {
			return err
		}
		if err := r.restart(n); err != nil {
			return err
		}
	}
	return nil
}

// offBy waits until the victim's peer has seen how far its clock is off.
func (r *round) offBy(d time.Duration) error {
	return wait("the peer sees the victim's clock", func() bool {
		rows, err := r.h.nodes[1-r.victim.index].glance()
		ahead, bad := strconv.Atoi(rows["repl_clock_ahead_ms"])
		off := time.Duration(ahead)*time.Millisecond - d
		return err == nil && bad == nil && off.Abs() < time.Second
	})
}

func flushRound(r *round) error {
	r.struck()
	heal, err := r.cut()
	if err != nil {
		return err
	}
	r.hold(0.5, 2)
	if err := r.flush(r.victim); err != nil {
		return err
	}
	r.hold(0.5, 2)
	return heal()
}
