package sim

import (
	"twincached/store"
)

// localSuffix ends the keys that never leave their node.
const localSuffix = ".lock"

// localPattern is the same as a pattern, in each form that there is.
const localPattern = `[0-9as]*\.l?c[^a-jl-z]`

// clientStep lets a client do something on a node.
func (w *world) clientStep(n *node) {
	if !n.serves() {
		w.counts.Refused++
		return
	}
	w.counts.Ops++
	now, before, seen := n.now(), n.st.Clock(), n.seen
	k := w.r.IntN(len(w.keys))
	word := w.command(n, now, k)
	n.learnFlush()
	v := n.st.Clock()
	if v == before {
		w.logf("%s %s %s changes nothing", n.name, word, w.keys[k])
		return
	}
	if m := &w.machines[n.host]; v <= seen || v <= m.made {
		w.failf("%s makes version %s, not above %s which it has seen and %s which its machine made", n.name, w.ver(v), w.ver(seen), w.ver(m.made))
	}
	n.seen, w.machines[n.host].made = v, v
	n.checkLocal()
	maker, made := w.makers[v]
	if made && maker != n.host {
		w.twins[v] = true
	}
	if made && n.lastPeer != nil && n.lastPeer.host == maker && n.lastPeer.lastPeer == n {
		w.failf("%s and its peer have both made version %s", n.name, w.ver(v))
	}
	w.makers[v] = n.host
	if f, _, _ := n.st.FlushState(); f == v {
		w.logf("%s flushes at %s", n.name, w.ver(v))
	} else if word == refusal {
		w.logf("%s %s %s", n.name, word, w.keys[k])
	} else if r, ok := n.served(k); ok {
		w.told(n, k, fact{r.Version, r.ExpVersion})
		w.logf("%s %s %s -> %s", n.name, word, w.keys[k], w.fact(fact{r.Version, r.ExpVersion}))
	} else if word != "delayed flush" && word != "local" {
		w.told(n, k, fact{v, forGood})
		w.logf("%s %s %s -> gone at %s", n.name, word, w.keys[k], w.ver(v))
	}
	w.check(n)
}

// told notes what a client was told.
func (w *world) told(n *node, k int, f fact) {
	learn(n.known, k, f.version, f.expVersion)
	learn(w.best, k, f.version, f.expVersion)
	n.had[f.version] = true
	switch f.expVersion {
	case f.version:
		w.sets[f.version] = struct{}{}
	case forGood:
	default:
		w.touched[f.version] = true
	}
}

// command does one thing and returns its name.
func (w *world) command(n *node, now int64, k int) string {
	r := &store.Request{Key: w.keys[k], Flags: uint32(w.r.IntN(3))}
	if w.plan.TTL && w.r.IntN(3) == 0 {
		r.Expires = max(1, now+w.r.Int64N(120)-5)
		if w.r.IntN(3) == 0 {
			r.Expires += 3_600_000 // it outlives the run
		}
	}
	refused := false
	do := func(op store.Op) {
		r.Op = op
		status := n.st.Do(now, r).Status
		switch {
		case op == store.OpSet && status == store.TooLarge:
			n.st.Do(now, &store.Request{Op: store.OpDrop, Key: r.Key}) // what the protocol engine does
		case op == store.OpSet || op == store.OpDelete: // without memory they make the key absent all the same
		default:
			refused = status != store.Stored && status != store.Touched && status != store.Created
		}
	}
	word := w.oneOf(n, now, k, r, do)
	if refused {
		return refusal
	}
	return word
}

// refusal is the name of a command that a client was told has changed nothing. It may
// have drawn a version all the same, before it found no memory.
const refusal = "refused command"

// oneOf is one command; do carries it out.
func (w *world) oneOf(n *node, now int64, k int, r *store.Request, do func(store.Op)) string {
	switch x := w.r.IntN(120); {
	case w.plan.Delay && w.r.IntN(2) == 0:
		return w.flushLater(n, now)
	case w.plan.Touchy && w.r.IntN(2) == 0:
		do(store.OpTouch)
		return "touch"
	case x < 48:
		r.Value = w.value()
		do(store.OpSet)
		return "set"
	case x < 82:
		do(store.OpDelete)
		return "delete"
	case x < 94:
		do(store.OpTouch)
		return "touch"
	case x < 97:
		if !w.plan.Flush {
			return "nothing"
		}
		n.st.Flush(now)
		f, _, _ := n.st.FlushState()
		w.flushes[f] = true
		return "flush"
	case x < 99:
		if !w.plan.Flush {
			return "nothing"
		}
		return w.flushLater(n, now)
	case x < 101:
		w.changeLocal(now, r, do)
		return "local"
	default:
		return w.rarer(n, now, k, r, do)
	}
}

func (w *world) flushLater(n *node, now int64) string {
	after := 1 + w.r.Int64N(20)*(1+w.r.Int64N(w.plan.FlushWithin+1))
	n.st.FlushAt(now, now+after)
	_, _, p := n.st.FlushState()
	w.due[p.Version] = w.now + after
	return "delayed flush"
}

// changeLocal changes a key that never leaves its node, mostly into one that needs other memory.
func (w *world) changeLocal(now int64, r *store.Request, do func(store.Op)) {
	r.Key, r.Value = w.local[w.r.IntN(len(w.local))], make([]byte, w.r.IntN(1<<w.r.IntN(13)))
	ops := [...]store.Op{store.OpSet, store.OpSet, store.OpSet, store.OpAppend, store.OpDelete, store.OpTouch, store.OpMark, store.OpIncr}
	r.Create, r.Invalidate = true, true
	do(ops[w.r.IntN(len(ops))])
}

// checkLocal: nothing of a local key is kept for the peer.
func (n *node) checkLocal() {
	for _, key := range n.w.local {
		if r, acked, ok := n.st.Inspect(key); ok && (!acked || r.Op != store.RecordValue) {
			n.w.failf("%s keeps a state of the local key %s for its peer", n.name, key)
		}
	}
}

// rarer are the commands that need a state, or the meta protocol.
func (w *world) rarer(n *node, now int64, k int, r *store.Request, do func(store.Op)) string {
	switch w.r.IntN(8) {
	case 0:
		r.Invalidate, r.Touch, r.Empty = true, r.Expires != 0, w.r.IntN(2) == 0
		do(store.OpMark)
		return "mark"
	case 1:
		r.Create, r.CreateExpires, r.Initial, r.Delta = true, r.Expires, 7, 1
		do(store.OpIncr)
		return "incr"
	case 2:
		r.Invalidate, r.CAS, r.Value = true, 1, []byte("late")
		do(store.OpCAS)
		return "late cas"
	case 3:
		if held, ok := n.served(k); ok {
			r.CAS = held.Version
		}
		r.Value = []byte("swapped")
		do(store.OpCAS)
		return "cas"
	case 4:
		r.Value = w.value()
		do(store.OpAdd)
		return "add"
	case 5:
		r.Value = w.value()
		do(store.OpReplace)
		return "replace"
	case 6:
		r.Value = []byte("+")
		do(store.OpAppend)
		return "append"
	default:
		f := &store.Fetch{Key: r.Key, Create: true, CreateExpires: r.Expires, MayWin: true, Renew: true, RenewBefore: now + 1<<20}
		if w.r.IntN(2) == 0 {
			f = &store.Fetch{Key: r.Key, Touch: true, Expires: r.Expires}
		}
		if _, hit := n.st.Fetch(now, f, nil, store.Render(func(dst []byte, _ *store.View) []byte { return append(dst, '.') })); f.Create && !hit || f.NoMemory {
			return refusal
		}
		return "fetch"
	}
}

// value is a new one, of the size that the plan wants.
func (w *world) value() []byte {
	w.values++
	size := 0
	switch {
	case w.plan.Big && w.r.IntN(3) == 0:
		size = 2000
	case w.plan.Full:
		size = 30_000 + w.r.IntN(33_000)
	case w.plan.Pieces:
		size = w.r.IntN(3 * pieceMost)
	}
	v := make([]byte, size, size+20)
	for n := w.values; n > 0; n /= 10 {
		v = append(v, byte('0'+n%10))
	}
	return v
}
