package sim

import (
	"time"

	"twincached/replicator"
	"twincached/store"
)

// handover is how long a draining node waits for somebody to take over: mostly long
// enough, here.
const handover = 300 * time.Millisecond

// lossless says that nothing in this run may have lost a value.
func (w *world) lossless() bool { return w.plan.lossless() && !w.lost }

// drain asks a node to stop. It goes when it may, and is started again at once.
func (n *node) drain() {
	if n.draining {
		return
	}
	n.draining = true
	n.core.Drain()
	n.w.logf("%s drains", n.name)
}

// depart lets a node that drains look whether it may go.
func (n *node) depart(establishing bool) {
	w := n.w
	var s *replicator.Session
	if e := n.linked(); e != nil {
		s = e.s
	}
	if !n.mayGo && (s == nil || s.Phase() != replicator.PhaseLeaving) {
		n.said = n.lastWord()
	}
	st := n.core.Standing(n.now(), establishing)
	st.Linked, st.Quiet = s != nil, s != nil && s.Quiet()
	st.Leaving = s != nil && s.Phase() == replicator.PhaseLeaving
	leave := n.core.Look(n.now(), st)
	switch leave {
	case replicator.VerdictBye:
		s.Depart(n.now())
		return
	case replicator.VerdictWait:
		return
	}
	w.counts.Planned++
	if w.nodes[1-n.id].draining {
		w.counts.Together++
	}
	if leave == replicator.VerdictGiveUp {
		w.counts.Unproven++
		w.lost = true
		w.logf("%s goes, and says that nobody has taken over", n.name)
	} else {
		w.logf("%s has drained", n.name)
		if o := n.lastPeer; n.mayGo && o == w.nodes[1-n.id] || n.st.Held(n.now()) > 0 && !n.mayGo {
			w.checkPlanned(n, n.said) // else that process has died since it answered
		}
	}
	n.stop()
	w.nodes[n.id] = w.newNode(n.id, n.host)
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
		if g, ok := o.served(k); ok && (fact{g.Version, g.Ever}).less(p.known[k]) {
			w.failf("%s drained, and %s serves %s %s, older than %s", n.name, o.name, key, w.fact(fact{g.Version, g.Ever}), w.fact(p.known[k]))
		}
	}
}

// healDrains lets nodes that drain come to an end.
func (w *world) healDrains() {
	for i := 0; i < 2000 && w.fail == "" && (w.nodes[0].draining || w.nodes[1].draining); i++ {
		if w.nodes[0].linked() == nil && w.nodes[1].linked() == nil && i%20 == 0 {
			w.reconnect()
		}
		w.now++
		w.round(1)
	}
}
