package torture

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
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

func cableRound(r *round) error {
	r.struck()
	for _, dev := range []string{"cli", "repl"} {
		if err := r.h.world.link(r.victim.index, dev, "down"); err != nil {
			return err
		}
	}
	r.hold(1.5, 5)
	if err := r.unlinked(r.h.nodes[1-r.victim.index]); err != nil {
		return err
	}
	for _, dev := range []string{"repl", "cli"} {
		if err := r.h.world.link(r.victim.index, dev, "up"); err != nil {
			return err
		}
	}
	return nil
}

// cut takes the link between the nodes away, and returns what brings it back.
func (r *round) cut() (heal func() error, err error) {
	for i := range r.h.nodes {
		if err := r.h.world.link(i, "repl", "down"); err != nil {
			return nil, err
		}
	}
	return func() error {
		return errors.Join(r.h.world.link(0, "repl", "up"), r.h.world.link(1, "repl", "up"))
	}, nil
}

func cutRound(r *round) error {
	r.struck()
	heal, err := r.cut()
	if err != nil {
		return err
	}
	r.hold(1.5, 8)
	return errors.Join(r.unlinked(r.h.nodes[:]...), heal())
}

func flapRound(r *round) error {
	r.struck()
	for range 3 + r.rng.IntN(4) {
		heal, err := r.cut()
		if err != nil {
			return err
		}
		r.hold(0.1, 1.5)
		if err := heal(); err != nil {
			return err
		}
		r.hold(0.05, 0.5)
	}
	return nil
}

// muteRound: the victim hears nothing of its peer, or cannot send to it.
func muteRound(r *round) error {
	i := r.victim.index
	peer := replAddrs[1-i][r.h.address]
	var on, off []string
	if how := r.rng.IntN(2); how == 0 {
		on, off = []string{"ip", "route", "add", "blackhole", peer + "/32"}, []string{"ip", "route", "del", "blackhole", peer + "/32"}
	} else if _, err := exec.LookPath("nft"); err == nil {
		on = []string{"nft", "add table inet mute; add chain inet mute in { type filter hook input priority 0; }; add rule inet mute in iifname repl drop"}
		off = []string{"nft", "delete table inet mute"}
	} else {
		on, off = []string{"iptables", "-A", "INPUT", "-i", "repl", "-j", "DROP"}, []string{"iptables", "-D", "INPUT", "-i", "repl", "-j", "DROP"}
	}
	r.note("%s", strings.Join(on[:min(3, len(on))], " "))
	r.struck()
	if err := r.h.world.in(i, on...); err != nil {
		return err
	}
	r.hold(1.5, 6)
	return errors.Join(r.unlinked(r.h.nodes[:]...), r.h.world.in(i, off...))
}

// moveRound gives both nodes other addresses; their names are rewritten.
func moveRound(r *round) error {
	r.struck()
	old := r.h.address
	r.h.address = 1 - old
	for i := range r.h.nodes {
		for _, change := range [][2]string{{"del", replAddrs[i][old]}, {"add", replAddrs[i][r.h.address]}} {
			if err := r.h.world.in(i, "ip", "addr", change[0], change[1]+netBits, "dev", "repl"); err != nil {
				return err
			}
		}
	}
	r.hold(0.5, 1.5) // the peers' names still lead to the old ones
	if err := r.unlinked(r.h.nodes[:]...); err != nil {
		return err
	}
	for i := range r.h.nodes {
		if err := r.h.world.hosts(i, replAddrs[1-i][r.h.address]); err != nil {
			return err
		}
	}
	return nil
}

func slowRound(r *round) error {
	r.struck()
	for i := range r.h.nodes {
		if err := r.h.world.in(i, "tc", "qdisc", "add", "dev", "repl", "root", "tbf", "rate", "1mbit", "burst", "16kb", "latency", "300ms"); err != nil {
			return err
		}
	}
	err := wait("the slow link lags", func() bool {
		rows, err := r.victim.stats()
		return err == nil && count(rows, "repl_lag_ms") > 100 && rows["repl_backlog"] != "0"
	})
	r.hold(2, 6)
	for i := range r.h.nodes {
		err = errors.Join(err, r.h.world.in(i, "tc", "qdisc", "del", "dev", "repl", "root"))
	}
	return err
}

// relayed runs f while the nodes can reach each other through the relay only.
func (r *round) relayed(f func(*relay) error) error {
	rl := &r.h.relay
	if err := rl.open(); err != nil {
		return err
	}
	var sessions [2]uint64
	for i, n := range r.h.nodes {
		rows, err := n.stats()
		if err != nil {
			return err
		}
		sessions[i] = count(rows, "repl_sessions")
	}
	heal, err := r.cut()
	if err != nil {
		return err
	}
	before := rl.carried()
	for i, n := range r.h.nodes { // a link that is cut passes for one until a second has gone by
		if err := wait("a new session of node "+n.name(), func() bool {
			rows, err := n.stats()
			return err == nil && count(rows, "repl_sessions") > sessions[i] && n.linked()
		}); err != nil {
			return err
		}
	}
	err = f(rl)
	r.note("%d KiB passed the relay", (rl.carried()-before)>>10)
	err = errors.Join(err, heal())
	rl.close()
	return err
}

func delayRound(r *round) error {
	return r.relayed(func(rl *relay) error {
		d := time.Duration(20+r.rng.IntN(280)) * time.Millisecond
		r.note("%v", d)
		r.struck()
		rl.setDelay(d)
		r.hold(2, 6)
		return wait("a round trip takes as long as the delay", func() bool {
			rows, err := r.victim.stats()
			return err == nil && (count(rows, "repl_lag_ms") >= uint64(d.Milliseconds()) || rows["repl_link"] != "stream")
		})
	})
}

func stallRound(r *round) error {
	return r.relayed(func(rl *relay) error {
		r.struck()
		for range 1 + r.rng.IntN(3) {
			var towards [2]bool
			towards[r.victim.index] = true
			rl.stall(towards)
			r.hold(0.5, 3)
			rl.stall([2]bool{})
			r.hold(0.2, 1)
		}
		return nil
	})
}

func chopRound(r *round) error {
	return r.relayed(func(rl *relay) error {
		r.struck()
		rl.setDelay(time.Duration(r.rng.IntN(30)) * time.Millisecond)
		for range 5 + r.rng.IntN(10) {
			r.hold(0.2, 0.8)
			rl.cut()
		}
		return nil
	})
}

// clockRound steps the victim's wall clock while it runs, long enough for it to
// follow one that went ahead, restarts it with the clock as it is, and in the end
// with the right one: while the clocks differ, so do the seconds until an item
// expires.
func clockRound(r *round) error {
	steps := []time.Duration{-10 * time.Minute, 10 * time.Minute, -90 * time.Second, 3 * time.Second}
	d := steps[r.rng.IntN(len(steps))]
	r.note("the wall clock is off by %v", d)
	r.struck()
	if err := r.victim.step(d); err != nil {
		return err
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

// offBy waits until the victim's peer has seen how far its clock is off.
func (r *round) offBy(d time.Duration) error {
	return wait("the peer sees the victim's clock", func() bool {
		rows, err := r.h.nodes[1-r.victim.index].stats()
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

// fullRound writes twice what a node holds, half of it on each node, and then
// empties both: what is left of the flood would be in the next rounds' way.
func fullRound(r *round) error {
	r.struck()
	r.evicted = true
	const items, size = 8000, 16 << 10
	for i, n := range r.h.nodes {
		c, err := dialRaw(n.client(), patience)
		if err != nil {
			return err
		}
		for at := 0; at < items/2; at += 16 {
			var text strings.Builder
			for j := range 16 {
				id := fmt.Sprintf("f%d.%d.%d ", r.number, i, at+j)
				fmt.Fprintf(&text, "ms flood:%d:%d %d\r\n%s%s\r\n", i, at+j, size, id, flood[:size-len(id)])
			}
			err := c.send(text.String())
			for j := 0; j < 16 && err == nil; j++ {
				var line string
				if line, err = c.line(); err == nil && line != "HD" {
					err = fmt.Errorf("%w to the flood: %q", errReply, line)
				}
			}
			if err != nil {
				c.close()
				return err
			}
		}
		c.close()
	}
	return nil
}

var flood = strings.Repeat("the quick brown fox jumps over it ", 1<<9)
