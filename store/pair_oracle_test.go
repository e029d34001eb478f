package store

import "fmt"

func (w *pair) check() string {
	for _, n := range w.nodes {
		for k, key := range w.keys {
			if hd := n.item(w, key); hd != nil && n.known[k].contradicts(hd) {
				return fmt.Sprintf("n%d serves %s@%d/%d but knows %d/%d", n.id, key, hd.version, hd.ever, n.known[k].version, n.known[k].ever)
			}
		}
	}
	return ""
}

func (w *pair) checkFinal() string {
	lossless := !w.cfg.evict && !w.cfg.crash && !w.cfg.ttl && !w.buried
	for k, key := range w.keys {
		know := w.nodes[0].known[k]
		know.learn(w.nodes[1].known[k].version, w.nodes[1].known[k].ever)
		a, b := w.nodes[0].item(w, key), w.nodes[1].item(w, key)
		for i, hd := range []*header{a, b} {
			if hd != nil && know.contradicts(hd) {
				return fmt.Sprintf("after heal n%d serves %s@%d/%d but %d/%d is known", i, key, hd.version, hd.ever, know.version, know.ever)
			}
		}
		if a != nil && b != nil && (a.version != b.version || a.ever != b.ever || string(a.value()) != string(b.value()) || a.expires() != b.expires() || a.marks() != b.marks()) {
			return fmt.Sprintf("%s differs: %d %d %q %b, %d %d %q %b", key, a.version, a.ever, a.value(), a.marks(), b.version, b.ever, b.value(), b.marks())
		}
		if lossless && (a == nil) != (b == nil) {
			return fmt.Sprintf("only one node has %s: %v %v", key, a != nil, b != nil)
		}
	}
	for _, n := range w.nodes {
		if u := n.s.Unacked(); u != 0 {
			return fmt.Sprintf("n%d has %d items unacknowledged at rest", n.id, u)
		}
		if st := n.s.Stats(); st.Tombstones != 0 {
			return fmt.Sprintf("n%d keeps %d tombstones at rest", n.id, st.Tombstones)
		}
		if err := n.s.CheckInvariants(); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (w *pair) step() {
	w.now += w.rng.Int64N(3)
	switch x := w.rng.IntN(100); {
	case x < 28:
		w.clientOp(w.nodes[w.rng.IntN(2)])
	case x < 55:
		w.pump(w.nodes[w.rng.IntN(2)])
	case x < 88:
		w.deliver(w.rng.IntN(2))
	case x < 92:
		if n := w.nodes[w.rng.IntN(2)]; w.cfg.evict {
			w.evict(n)
		} else {
			n.s.Tick(n.now(w))
			n.learnFlush()
		}
	case x < 95:
		if w.up {
			w.disconnect()
		} else {
			w.connect()
		}
	case x < 98:
		if !w.up {
			w.connect()
		}
	case w.cfg.foreign && w.rng.IntN(2) == 0:
		w.swap()
	case w.cfg.crash:
		w.restart(w.nodes[w.rng.IntN(2)])
	}
}

func (w *pair) run() string {
	for range w.cfg.steps {
		w.step()
		if f := w.check(); f != "" {
			return f
		}
	}
	if w.up {
		w.disconnect()
	}
	w.now += 1000 // delayed flushes and short expiries come due
	w.connect()
	for range 100_000 {
		busy := false
		for i, n := range w.nodes {
			n.s.Tick(n.now(w))
			n.learnFlush()
			busy = w.deliver(i) || busy
			busy = w.pump(n) || busy
		}
		if f := w.check(); f != "" {
			return f
		}
		if !busy {
			return w.checkFinal()
		}
	}
	return "the pair never came to rest"
}
