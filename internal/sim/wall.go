package sim

// dayMillis is what a clock may be ahead.
const dayMillis = 24 * 60 * 60 * 1000

// stepWall lets the wall clock of a machine jump by days, or sets it right.
func (w *world) stepWall(host int) {
	w.counts.Jumps++
	m := &w.machines[host]
	if m.wall != 0 {
		m.wall = 0
	} else {
		m.wall = (2 + w.r.Int64N(400)) * dayMillis
		if w.r.IntN(4) == 0 {
			m.wall = -m.wall
		}
	}
	w.logf("the wall of machine %d is off by %d days", host, m.wall/dayMillis)
}

// rightWalls is the operator, who was told.
func (w *world) rightWalls() {
	for i := range w.machines {
		w.machines[i].wall = 0
	}
}

// wrongClock is the node that the operator restarts where one has said BYE CLOCK: the
// one whose clock is off, else the one whose versions are.
func (w *world) wrongClock() *node {
	w.rightWalls()
	a, b := w.nodes[0], w.nodes[1]
	if x, y := max(a.off(), -a.off()), max(b.off(), -b.off()); x > y && x > dayMillis/2 {
		return a
	} else if y > dayMillis/2 {
		return b
	}
	if a.st.Clock() > b.st.Clock() {
		return a
	}
	return b
}

// rewound is for when a store may have given up its bound.
func (n *node) rewound() {
	if n.st.Clock() >= n.mayRewind {
		return
	}
	n.mayRewind = 0
	n.w.logf("%s begins anew at its clock", n.name)
	n.w.machines[n.host].made, n.seen = 0, 0
	n.born = n.st.Born()
}

// mayRefuse says that a node may refuse the other end of a connection for its clock: one
// was started with a wrong wall, or both hold something and the versions of one began with
// such a clock.
func (n *node) mayRefuse(e *end) bool {
	o := e.other.n
	apart := max(n.off()-o.off(), o.off()-n.off())
	return n.w.plan.Days && (apart > dayMillis || !n.st.Untouched() && (o.stopped || !o.st.Untouched()))
}

// apart is for when it has. What a process said that is gone needs nobody.
func (w *world) apart(e *end) {
	w.clocksApart = w.clocksApart || !e.other.n.stopped
}
