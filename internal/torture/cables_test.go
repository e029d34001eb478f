package torture

import (
	"errors"
	"os/exec"
	"strings"
	"time"
)

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

// part cuts the nodes off from each other, and returns when both have noticed.
func (r *round) part() (heal func() error, err error) {
	r.struck()
	if heal, err = r.cut(); err != nil {
		return nil, err
	}
	return heal, r.unlinked(r.h.nodes[:]...)
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
	return r.slowed(r.h.nodes[:], func() error {
		err := r.lags()
		r.hold(2, 6)
		return err
	})
}

const slowBytes = 125_000 // that a slow link carries a second

// slowed runs f while the link is slow for what some nodes say.
func (r *round) slowed(nodes []*node, f func() error) error {
	for _, n := range nodes {
		if err := r.h.world.in(n.index, "tc", "qdisc", "add", "dev", "repl", "root", "tbf", "rate", "1mbit", "burst", "16kb", "latency", "300ms"); err != nil {
			return err
		}
	}
	err := f()
	for _, n := range nodes {
		err = errors.Join(err, r.h.world.in(n.index, "tc", "qdisc", "del", "dev", "repl", "root"))
	}
	return err
}

// lags makes sure that a slow link bites.
func (r *round) lags() error {
	return wait("the slow link lags", func() bool {
		rows, err := r.victim.glance()
		return err == nil && count(rows, "repl_lag_ms") > 100 && rows["repl_backlog"] != "0"
	})
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
			rows, err := n.glance()
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
			rows, err := r.victim.glance()
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
