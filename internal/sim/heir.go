package sim

import (
	"bytes"

	"twincached/store"
)

// metLast says that n has met the process o last, or the one that o goes on from.
func (n *node) metLast(o *node) bool { return o.continues(n.lastPeer) }

// continues says that n is the process p, or goes on from it.
func (n *node) continues(p *node) bool { return p == n || p != nil && n.heirOf.Has(p.inc) }

// counts says that cursors which count the changes of the process inc count those of n: it
// goes on from that process.
func (n *node) counts(inc store.ID) bool { return inc == n.inc || n.heirOf.Has(inc) }

// checkLoaded: an heir has what was written, unless its time is up or there is no room.
func (w *world) checkLoaded(n *node) {
	n.learnFlush()
	f, _, _ := n.st.FlushState()
	for i := range n.heir.kept {
		was := &n.heir.kept[i]
		switch r, _, ok := n.st.Inspect(was.Key); {
		case ok && r.Op == store.RecordValue && (r.Version != was.Version || r.ExpVersion != was.ExpVersion || r.Expires != was.Expires ||
			r.Flags != was.Flags || r.Marks != was.Marks || !bytes.Equal(r.Value, was.Value)):
			w.failf("%s goes on with %s, and %s was written", n.name, w.record(&r), w.record(was))
		case ok && r.Op == store.RecordValue, was.Version <= f, was.Expires != 0 && was.Expires <= n.now():
		case !w.plan.Full && store.ItemBytes(len(was.Key), len(was.Value)) <= n.itemMost:
			w.failf("%s lacks %s, which was written", n.name, w.record(was))
		}
	}
	w.check(n)
}

// checkLast is for a node that has just opened its gate without having met its peer. If its
// image was not the last one, the peer went on without it: it serves nothing that the peer
// knows to be over.
func (w *world) checkLast(n *node) {
	if n.heir == nil || n.met || w.plan.Any {
		return
	}
	p := n.heir.beyond
	for k, key := range w.keys {
		r, ok := n.served(k)
		if f := (fact{r.Version, r.ExpVersion}); ok && p != nil && f.less(p.known[k]) {
			w.failf("%s serves %s %s alone, and its peer went on and knew %s", n.name, key, w.fact(f), w.fact(p.known[k]))
		}
	}
}

// waitsFor says that n has an image that counts only together with the peer that it met last, or
// that the image names, and that the process o is another one.
func (n *node) waitsFor(o *node) bool {
	return n.waits() && !n.metLast(o) && !o.continues(n.heir.memory.lastPeer)
}

// waits says that n has an image which counts only together with a peer that has not come.
func (n *node) waits() bool { return n.heir != nil && !n.heir.last && !n.w.plan.Any && !n.met }

// forsake is for a node whose image counts only together with a peer that has not come: the
// next process begins without it.
func (w *world) forsake(n *node) {
	w.counts.Dropped++
	w.lost = w.lost || !n.heir.proven
	w.logf("%s drops its image, proven %v", n.name, n.heir.proven)
	if n.draining {
		w.next(n)
		return
	}
	n.stop()
	w.nodes[n.id] = w.newNode(n.id, n.host)
	if w.healing {
		w.connect()
	}
}

// nap is for how long a machine stays without a process, ms: from not at all to longer
// than a node waits for its peer.
func (w *world) nap() int64 { return w.r.Int64N(1 << w.r.IntN(9)) }

// wake starts the next process on a machine when its time has come. It dials at once, mostly.
func (n *node) wake() {
	w := n.w
	if w.now < n.wakeAt && !w.healing {
		return
	}
	w.nodes[n.id] = w.newNode(n.id, n.host)
	if w.healing || w.r.IntN(3) > 0 {
		w.connect()
	}
}
