package sim

import (
	"time"

	"twincached/internal/session"
	"twincached/store"
)

// handover is how long a draining node waits for somebody to take over: mostly long
// enough, here.
const handover = 300 * time.Millisecond

// hasteMillis is at what multiples of it nodes give up that are in haste: both at one
// moment, often.
const hasteMillis = 64

// lossless says that nothing in this run may have lost a value.
func (w *world) lossless() bool { return w.plan.lossless() && !w.lost }

// drain asks a node to stop. It goes when it may, and is started again at once.
func (n *node) drain() {
	if n.draining || n.stopped {
		return
	}
	n.draining = true
	if w := n.w; w.plan.Hasty && w.r.IntN(2) == 0 {
		n.until = (w.now/hasteMillis + 1 + w.r.Int64N(3)) * hasteMillis
	}
	n.core.Drain()
	n.w.logf("%s drains", n.name)
}

// depart lets a node that drains look whether it may go.
func (n *node) depart(establishing bool) {
	w := n.w
	if n.core.Provisional() {
		w.logf("%s goes as it came", n.name)
		n.last, n.leaves, n.departed = n.core.Last(false), true, true
		w.next(n)
		return
	}
	var s *session.Session
	if e := n.linked(); e != nil {
		s = e.s
	}
	if !n.mayGo && (s == nil || s.Phase() != session.PhaseLeaving) {
		n.said = n.lastWord()
	}
	st := n.core.Standing(n.now(), establishing)
	st.Linked, st.Quiet = s != nil, s != nil && s.Quiet()
	st.Leaving = s != nil && s.Phase() == session.PhaseLeaving
	verdict := n.core.Verdict(n.now(), st)
	if late := n.until != 0 && w.now >= n.until; late && verdict != session.VerdictSafe && !st.Leaving {
		verdict = session.VerdictGiveUp
	}
	switch verdict {
	case session.VerdictBye:
		s.Depart(n.now())
		return
	case session.VerdictWait:
		return
	}
	w.counts.Planned++
	if w.nodes[1-n.id].draining {
		w.counts.Together++
	}
	gaveUp := false
	n.proven = verdict == session.VerdictSafe
	if !n.proven {
		n.proven, gaveUp = n.giveUp(s)
	}
	n.last, n.leaves = n.core.Last(gaveUp), n.mayGo || gaveUp
	w.checkOneStays(n)
	if !n.proven {
		w.counts.Unproven++
		w.lost = w.lost || !w.plan.Warm
		w.logf("%s goes, and says that nobody has taken over", n.name)
	} else {
		w.logf("%s has drained", n.name)
		if o := n.reliesOn; n.mayGo && o == w.nodes[1-n.id] && !o.stopped || n.st.Held(n.now()) > 0 && !n.mayGo {
			w.checkPlanned(n, n.said) // else that process has died since it answered
		}
	}
	n.departed = true
	w.next(n)
}

// giveUp takes leave of the peer, if there is a session, and says whether there was
// nothing to lose all the same.
func (n *node) giveUp(s *session.Session) (proven, linked bool) {
	linked = s != nil && s.GiveUp()
	if linked {
		n.w.counts.GaveUp++
		n.pump(n.admit) // it says so
		if n.st.Held(n.now()) > 0 && n.lastPeer != n.staysFor {
			n.reliesOn = n.lastPeer
		}
	}
	left, _ := n.core.Lost(n.now(), linked)
	return left == 0, linked
}

// checkOneStays: of two nodes that go, not each counts on the other one, unless both
// say that something may be lost.
func (w *world) checkOneStays(n *node) {
	if o := n.reliesOn; o != nil && o.stopped && o.reliesOn == n && (n.proven || o.proven) {
		w.failf("%s and %s have both gone, each as the other one had everything", n.name, o.name)
	}
}

// lastWord is what a node had when it said BYE.
type lastWord struct {
	promise
	flush uint64 // 0: and it held nothing that a flush could matter to
	asked uint64 // the same, of a delayed one
}

func (n *node) lastWord() lastWord {
	w := lastWord{promise: n.promises()}
	if n.st.Held(n.now()) > 0 || n.st.Unacked() > 0 {
		w.flush, _, _ = n.st.FlushState()
		w.asked = n.asked
	}
	return w
}

// checkPlanned: a planned restart loses nothing.
func (w *world) checkPlanned(n *node, p lastWord) {
	o := w.nodes[1-n.id]
	if fo, _, _ := o.st.FlushState(); p.flush > fo {
		w.failf("%s drained, and %s does not know its flush %s", n.name, o.name, w.ver(p.flush))
	}
	if fo, _, po := o.st.FlushState(); p.asked > max(fo, po.Version) {
		w.failf("%s drained, and %s does not know its delayed flush %s", n.name, o.name, w.ver(p.asked))
	}
	for k, key := range w.keys {
		r, ok := n.served(k)
		if want := p.served[k]; ok && want.version == r.Version && o.known[k].less(want) && !o.heard[k].standsFor(want) && !o.st.Buried(key, r.Version) && store.ItemBytes(len(key), len(r.Value)) <= o.itemMost {
			w.failf("%s drained, and %s has never had its %s %s", n.name, o.name, key, w.fact(want))
		}
		if g, ok := o.served(k); ok && (fact{g.Version, g.ExpVersion}).less(p.known[k]) {
			w.failf("%s drained, and %s serves %s %s, older than %s", n.name, o.name, key, w.fact(fact{g.Version, g.ExpVersion}), w.fact(p.known[k]))
		}
	}
}

// healDrains lets nodes that drain come to an end.
func (w *world) healDrains() {
	for i := 0; i < 2000 && w.fail == "" && (w.nodes[0].draining || w.nodes[1].draining); i++ {
		if w.plan.Warm && (w.twoHistories || w.clocksApart) {
			w.decide()
		}
		if w.nodes[0].linked() == nil && w.nodes[1].linked() == nil && i%20 == 0 {
			w.reconnect()
		}
		w.now++
		w.round(1)
	}
}
