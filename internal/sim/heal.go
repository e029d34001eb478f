package sim

// heal ends all trouble and runs until nothing moves any more; then the oracle looks
// at both nodes together.
func (w *world) heal() {
	w.healing = true
	w.rightWalls()
	w.healDrains()
	for _, n := range w.nodes {
		if n.stopped {
			n.wake()
		}
	}
	w.healSecrets()
	a, b := w.nodes[0], w.nodes[1]
	fresh := w.r.IntN(2) == 0 || a.linked() == nil || b.linked() == nil || a.admit.other != b.admit ||
		len(a.ends) > 1 || len(b.ends) > 1 || a.admit.closed || b.admit.closed
	if fresh {
		w.reconnect()
	}
	for _, n := range w.nodes {
		for _, e := range n.ends {
			e.stalled = false
		}
	}
	w.logf("everything heals")
	for range 60 { // delayed flushes and short expiries come due
		w.now += 50
		w.round(1)
	}
	for i := 0; i < 5000 && w.fail == ""; i++ {
		w.now++
		busy := w.round(i % 16)
		if w.twoHistories || w.clocksApart {
			w.decide()
			w.reconnect()
			continue
		}
		if a, b := w.nodes[0], w.nodes[1]; !busy && a.quiet() && b.quiet() && len(a.admit.frames)+len(b.admit.frames) == 0 {
			if f := w.checkRest(); f != "" {
				w.failf("%s", f)
			}
			return
		}
	}
	w.failf("the pair never came to rest: n0 %s, n1 %s", w.nodes[0].condition(), w.nodes[1].condition())
}

func (w *world) reconnect() {
	for _, n := range w.nodes {
		for len(n.ends) > 0 {
			n.lose(n.ends[0], "cut")
		}
	}
	w.connect()
}

// round lets both nodes do what they can. Every so often the stores get their slice.
func (w *world) round(i int) (busy bool) {
	for _, n := range w.nodes {
		if i == 0 {
			w.sweepStep(n)
		}
		for _, e := range append([]*end(nil), n.ends...) {
			n.pump(e)
		}
	}
	for _, n := range w.nodes {
		for _, e := range append([]*end(nil), n.ends...) {
			busy = n.deliver(e, 1<<20) || busy
		}
		n.tick()
	}
	return busy
}

// condition describes a node that does not come to rest.
func (n *node) condition() string {
	e := n.linked()
	if e == nil {
		return "not linked"
	}
	bytes, frames := e.s.InFlight()
	return n.w.sprint("phase %v, quiet %v, %d unacknowledged, %d bytes in %d frames under way", e.s.Phase(), e.s.Quiet(), n.st.Unacked(), bytes, frames)
}
