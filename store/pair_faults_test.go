package store

import "fmt"

// What happens to the two stores: clients, evictions, restarts, cuts.

func (w *pair) clientOp(n *testNode) {
	s, now := n.s, n.now(w)
	k := w.rng.IntN(len(w.keys))
	key := w.keys[k]
	r := &Request{Key: key}
	if w.cfg.ttl && w.rng.IntN(3) == 0 {
		r.Expires = now + w.rng.Int64N(120) - 5
	}
	switch x := w.rng.IntN(110); {
	case x >= 100:
		w.metaOp(n, k, r)
	case x < 50:
		r.Op, r.Value = OpSet, fmt.Appendf(nil, "%d", w.rng.Uint64N(1<<uint(1+w.rng.IntN(60))))
		if s.Do(now, r); r.Expires != 0 && r.Expires <= now {
			n.known[k].learn(s.clock.hlc.Load(), forGood)
		} else {
			n.known[k].learn(s.clock.hlc.Load(), s.clock.hlc.Load())
		}
	case x < 85:
		r.Op = OpDelete
		s.Do(now, r)
		n.known[k].learn(s.clock.hlc.Load(), forGood)
	case x < 97 || !w.cfg.flush:
		hd := n.item(w, key)
		r.Op = OpTouch
		if s.Do(now, r).Status != Touched {
			return
		}
		if r.Expires != 0 && r.Expires <= now {
			n.known[k].learn(s.clock.hlc.Load(), forGood)
		} else {
			n.known[k].learn(hd.version, hd.ever)
		}
	case x < 99:
		s.Flush(now)
		n.learnFlush()
	default:
		s.FlushAt(now, now+w.rng.Int64N(20))
		n.learnFlush()
	}
	w.logf("n%d op %d %s -> %d", n.id, r.Op, key, s.clock.hlc.Load())
	n.learnFlush() // a delayed one may have been due
}

// metaOp is what only the meta protocol can ask for.
func (w *pair) metaOp(n *testNode, k int, r *Request) {
	s, now := n.s, n.now(w)
	before := s.clock.hlc.Load()
	switch w.rng.IntN(4) {
	case 0:
		r.Op, r.Invalidate, r.Touch, r.Empty = OpMark, true, r.Expires != 0, w.rng.IntN(2) == 0
		s.Do(now, r)
	case 1:
		r.Op, r.Create, r.CreateExpires, r.Initial, r.Delta = OpIncr, true, r.Expires, 7, 1
		s.Do(now, r)
	case 2:
		r.Op, r.Invalidate, r.CAS, r.Value = OpCAS, true, 1, []byte("late")
		s.Do(now, r)
	default:
		f := &Fetch{Key: r.Key, Create: true, CreateExpires: r.Expires, MayWin: true, Renew: true, RenewBefore: now + 1<<20}
		s.Fetch(now, f, nil, Render(func(dst []byte, _ *View) []byte { return dst }))
	}
	// What the node serves now it has learned; where it serves nothing and has made a
	// version, that was a death.
	if hd := n.item(w, r.Key); hd != nil {
		n.known[k].learn(hd.version, hd.ever)
	} else if v := s.clock.hlc.Load(); v != before {
		n.known[k].learn(v, forGood)
	}
}

func (w *pair) evict(n *testNode) {
	hd := n.item(w, w.keys[w.rng.IntN(len(w.keys))])
	if hd == nil {
		return
	}
	p, tag := n.s.partition(hd.key())
	w.logf("n%d evicts %s@%d clean %v", n.id, hd.key(), hd.version, p.clean(hd))
	p.mustRemoveLocal(p.find(tag, hd.key()), false)
}

func (w *pair) restart(n *testNode) {
	w.logf("n%d crashes", n.id)
	if w.up {
		w.disconnect()
	}
	clock := n.s.clock.hlc.Load()
	n.s.Close()
	w.nodes[n.id] = w.newNode(n.id, clock)
}

// swap replaces node 1 by a new empty one, or brings the old one back with its data.
func (w *pair) swap() {
	if w.up {
		w.disconnect()
	}
	w.logf("swap")
	if w.parked == nil {
		w.parked = w.nodes[1]
		w.nodes[1] = w.newNode(1, w.parked.s.clock.hlc.Load())
		return
	}
	w.nodes[1].s.Close()
	w.nodes[1], w.parked = w.parked, nil
}
