package sim

import (
	"bytes"
	"fmt"
	"slices"

	"twincached/internal/session"
	"twincached/internal/wire"
	"twincached/store"
)

// fact is a state of a key that somebody was told of.
type fact struct {
	version    uint64
	expVersion uint64 // of the expiry; forGood: the version is dead, whatever expiry it had
}

const forGood = ^uint64(0)

func (f fact) less(o fact) bool {
	return f.version < o.version || f.version == o.version && f.expVersion < o.expVersion
}

// memory is what the oracle knows that a process has learned since it started.
type memory struct {
	known    []fact // by key: the newest state that it held, made or was told is over
	heard    []fact // by key: the newest state that any peer sent it
	from     []fact // by key: the newest state that lastPeer sent it
	seen     uint64 // the highest version that it has met
	born     uint64
	lastPeer *node           // the process it last replicated with
	had      map[uint64]bool // versions whose values it made or was sent
	asked    uint64          // the newest delayed flush that it has known of
	free     []fact          // by key: what it need not remember for lastPeer's sake, which held nothing when the two met
}

func (m *memory) init(keys int) {
	m.had = map[uint64]bool{}
	m.known, m.heard, m.from, m.free = make([]fact, keys), make([]fact, keys), make([]fact, keys), make([]fact, keys)
}

func learn(facts []fact, k int, version, expVersion uint64) {
	if f := (fact{version, expVersion}); facts[k].less(f) {
		facts[k] = f
	}
}

// learnFlush is for when the node's watermark may have moved.
func (n *node) learnFlush() {
	f, _, p := n.st.FlushState()
	n.seen, n.w.flushed = max(n.seen, f), max(n.w.flushed, f)
	n.w.checkFlush(n, f)
	if n.asked = max(n.asked, p.Version); n.asked > max(f, p.Version) {
		n.w.failf("%s has lost the delayed flush %s: it has flushed at %s, and has %s to come", n.name, n.w.ver(n.asked), n.w.ver(f), n.w.ver(p.Version))
	}
	for k := range n.known {
		learn(n.known, k, f, forGood)
	}
}

// checkFlush: a delayed flush does not come before its time, as far as clocks can be
// measured.
func (w *world) checkFlush(n *node, f uint64) {
	if f == 0 || w.flushes[f] || w.plan.Jump {
		return
	}
	w.flushes[f] = true
	for asked, due := range w.due {
		if asked <= f && due <= w.now+measured {
			return
		}
	}
	w.failf("%s has flushed at %s, and nobody asked for that so early", n.name, w.ver(f))
}

// served returns what a client would get of a key.
func (n *node) served(k int) (r store.Record, ok bool) {
	r, _, ok = n.st.Inspect(n.w.keys[k])
	f, _, _ := n.st.FlushState()
	ok = ok && r.Op == store.RecordValue && r.Version > f && (r.Expires == 0 || r.Expires > n.now())
	return r, ok
}

// facts are the values that n serves.
func (n *node) facts() map[int]fact {
	facts := map[int]fact{}
	for k := range n.w.keys {
		if r, ok := n.served(k); ok {
			facts[k] = fact{r.Version, r.ExpVersion}
		}
	}
	return facts
}

// before looks at what a frame is about to change: a marker may kill the version it
// stands for only where that was touched.
func (n *node) before(b *wire.Body) {
	for _, b := range batches(b) {
		n.beforeBatch(&b)
	}
}

// batches are those of a BATCH or MANY.
func batches(b *wire.Body) []store.Batch {
	switch b.Type {
	case wire.TBatch:
		return []store.Batch{{Part: b.Batch.Part, To: b.Batch.To, Records: b.Batch.Records}}
	case wire.TMany:
		return b.Many.Batches
	}
	return nil
}

func (n *node) beforeBatch(b *store.Batch) {
	for i := range b.Records {
		r := &b.Records[i]
		if bytes.HasSuffix(r.Key, []byte(localSuffix)) {
			n.w.failf("the local key %s has left its node", r.Key)
		}
		n.seen = max(n.seen, r.Version, r.ExpVersion)
		if r.Op != store.RecordTombstone {
			continue
		}
		_, set := n.w.sets[r.Version]
		if _, next := n.w.sets[r.Version+1]; !set || next || n.w.touched[r.Version] || n.w.twins[r.Version] {
			continue // a delete, or the marker of what the next slot made in the same moment
		}
		if k, ok := n.w.keyNumber(r.Key); ok {
			if got, ok := n.served(k); ok && got.Version == r.Version {
				n.w.failf("%s: the marker of %s kills the very version it stands for, %s", n.name, r.Key, n.w.ver(r.Version))
			}
		}
	}
}

// after learns what came with a frame that was taken.
func (n *node) after(e *end) {
	b := &e.body
	switch b.Type {
	case wire.TState:
		e.clock = b.State.Clock // it counts with the link
		e.empty, e.mine = b.State.Items == 0, n.counts(b.State.ForInc)
		for part, c := range b.State.Cursors {
			e.none[part] = c.B == 0
		}
	case wire.TFlush, wire.TFlushAt:
		n.learnFlush()
	case wire.TGrave:
		n.seen = max(n.seen, b.Grave.Floor)
		g := store.Grave{Floor: b.Grave.Floor, Saturated: b.Grave.Saturated, Filter: b.Grave.Filter}
		for k, key := range n.w.keys {
			if g.Covers(key, g.Floor) {
				learn(n.heard, k, g.Floor, forGood) // it has evicted whatever was older
			}
		}
		n.w.logf("%s takes a grave up to %s, saturated %v", n.name, n.w.ver(b.Grave.Floor), b.Grave.Saturated)
	case wire.TBulk:
		e.owes[b.Bulk.Part] = false
		n.w.logf("%s begins the copy of partition %d", n.name, b.Bulk.Part)
	case wire.TBarrier:
		n.w.counts.Barriers++
		n.met = n.met || n.awaited
		n.w.logf("%s has the BARRIER", n.name)
		n.checkPromise(e)
	case wire.TPiece:
		n.w.counts.Pieces++
		n.learnFlush()
		n.w.logf("%s gets %d bytes at %d of %s %s", n.name, len(b.Piece.Data), b.Piece.At, b.Piece.Key, n.w.ver(b.Piece.Version))
	case wire.TBatch, wire.TMany:
		n.learnFlush()
		all := batches(b)
		if len(all) > 1 {
			n.w.counts.Manies++
		}
		for i := range all {
			n.afterBatch(e, &all[i])
		}
	}
}

func (n *node) afterBatch(e *end, b *store.Batch) {
	if e.owes[b.Part] {
		n.w.failf("%s is not the one that this peer met last, which sends of partition %d without a copy", n.name, b.Part)
	}
	for i := range b.Records {
		r := &b.Records[i]
		n.w.counts.Records++
		n.w.logf("%s gets %s", n.name, n.w.record(r))
		if k, ok := n.w.keyNumber(r.Key); ok {
			n.learnRecord(k, r)
		}
	}
}

// learnRecord is for a record that the store has merged.
func (n *node) learnRecord(k int, r *store.Record) {
	expVersion := r.ExpVersion
	if r.Op == store.RecordTombstone {
		expVersion = forGood
	}
	value := r.Op == store.RecordValue || r.Op == store.RecordPieced
	if value {
		n.had[r.Version] = true
	}
	learn(n.heard, k, r.Version, expVersion)
	learn(n.from, k, r.Version, expVersion)
	if f, _, _ := n.st.FlushState(); r.Version <= f {
		return
	}
	held, _, ok := n.st.Inspect(r.Key)
	if r.Op == store.RecordTouch && !n.had[r.Version] {
		n.w.failf("%s gets a touch of %s %s, whose value it has never been sent", n.name, r.Key, n.w.ver(r.Version))
	}
	if ok && held.Op == store.RecordValue && held.Version < r.Version {
		n.w.failf("%s has been sent %s, and keeps %s", n.name, n.w.record(r), n.w.record(&held))
	}
	switch {
	case r.Op == store.RecordTombstone:
		learn(n.known, k, r.Version, forGood)
	case value && r.Expires != 0 && r.Expires <= n.now():
		learn(n.known, k, r.Version, r.ExpVersion) // a later touch may still have saved it
	case r.Op == store.RecordValue && store.ItemBytes(len(r.Key), len(r.Value)) > n.itemMost:
		learn(n.known, k, r.Version, r.ExpVersion) // it cannot be stored here, and replaces what is
	case r.Op == store.RecordValue && n.noEvict && !ok:
		learn(n.known, k, r.Version, r.ExpVersion) // nor can this, perhaps
	case ok && held.Version == r.Version:
		learn(n.known, k, r.Version, min(r.ExpVersion, held.ExpVersion))
	}
}

// check is for after every step in which n changed.
func (w *world) check(n *node) {
	if w.fail != "" {
		return
	}
	for k, key := range w.keys {
		if r, ok := n.served(k); ok {
			if (fact{r.Version, r.ExpVersion}).less(n.known[k]) {
				w.failf("%s serves the stale %s %s, and knows %s", n.name, key, w.fact(fact{r.Version, r.ExpVersion}), w.fact(n.known[k]))
				return
			}
			learn(n.known, k, r.Version, r.ExpVersion)
		}
		if !n.remembers(k) {
			w.failf("%s has forgotten that %s is at %s, and its peer has not heard it", n.name, key, w.fact(n.known[k]))
			return
		}
	}
}

// remembers is the invariant behind "nothing resurrected": of the newest state that
// the process has learned of a key there is a trace left here, or the peer has been
// told.
func (n *node) remembers(k int) bool {
	d := n.known[k]
	if f, _, _ := n.st.FlushState(); d.version <= f {
		return true
	}
	if r, _, ok := n.st.Inspect(n.w.keys[k]); ok {
		have := fact{r.Version, r.ExpVersion}
		if r.Op == store.RecordTombstone {
			have.expVersion = forGood
		}
		if have.standsFor(d) {
			return true
		}
	}
	need := d.version
	if d.expVersion == d.version {
		need-- // of the marker
	}
	if n.st.Buried(n.w.keys[k], need) {
		return true
	}
	p := n.lastPeer
	if p == nil {
		return false
	}
	if d.version < p.born || !n.free[k].less(d) {
		return true // it never held anything older, or everything was buried for its sake
	}
	return n.from[k].standsFor(d) || p.heard[k].standsFor(d) || p.known[k].standsFor(d)
}

// standsFor says that who has f serves nothing older than d. A marker stands just
// below the version that was lost, if that was never touched.
func (f fact) standsFor(d fact) bool {
	return !f.less(d) || f.expVersion == forGood && d.expVersion == d.version && f.version+1 == d.version
}

// promise is what a node knew and served when it noted the tails.
type promise struct {
	known  []fact
	served map[int]fact
}

func (n *node) promises() promise { return promise{slices.Clone(n.known), n.facts()} }

// checkPromise: with the BARRIER the node has everything that the other one had when
// it noted the tails.
func (n *node) checkPromise(e *end) {
	o := e.other.n
	if e.other.gone || o.admit != e.other {
		return
	}
	f, _, _ := n.st.FlushState()
	for k, want := range o.promise.known {
		r, ok := n.served(k)
		if ok && (fact{r.Version, r.ExpVersion}).less(want) {
			n.w.failf("at the BARRIER %s serves %s %s, and the other one knew %s", n.name, n.w.keys[k], n.w.fact(fact{r.Version, r.ExpVersion}), n.w.fact(want))
		}
		want, was := o.promise.served[k]
		if _, is := o.served(k); n.w.lossless() && was && is && !ok && want.version > f && n.known[k].less(want) {
			n.w.failf("at the BARRIER %s lacks %s %s", n.name, n.w.keys[k], n.w.fact(want))
		}
	}
}

// checkRest is for when everything has healed and nothing moves any more.
func (w *world) checkRest() string {
	a, b := w.nodes[0], w.nodes[1]
	fa, _, pa := a.st.FlushState()
	fb, _, pb := b.st.FlushState()
	if fa != fb || pa.Version != pb.Version {
		return fmt.Sprintf("the flush states differ: %s %+v, %s %+v", w.ver(fa), pa, w.ver(fb), pb)
	}
	onlyA := uint64(0)
	for k, key := range w.keys {
		newest := a.known[k]
		if newest.less(b.known[k]) {
			newest = b.known[k]
		}
		ra, oka := a.served(k)
		rb, okb := b.served(k)
		for i, r := range []store.Record{ra, rb} {
			if f := (fact{r.Version, r.ExpVersion}); (i == 0 && oka || i == 1 && okb) && f.less(newest) {
				return fmt.Sprintf("n%d serves the stale %s %s after everything has healed, and %s is known", i, key, w.fact(f), w.fact(newest))
			}
		}
		switch {
		case oka && okb && !w.same(&ra, &rb):
			return fmt.Sprintf("%s differs: %s on n0, %s on n1", key, w.record(&ra), w.record(&rb))
		case oka != okb:
			w.counts.OneSided++
			if oka {
				onlyA++
			}
			if w.plan.mends() {
				return fmt.Sprintf("%s is on one node only (n0 %v, n1 %v)", key, oka, okb)
			}
		}
		if best := w.best[k]; w.lossless() && best.version > w.flushed && (oka == (best.expVersion == forGood) || oka && fact{ra.Version, ra.ExpVersion} != best) {
			return fmt.Sprintf("%s is %v %s, and the newest that any client did was %s", key, oka, w.record(&ra), w.fact(best))
		}
	}
	if refused := a.st.Refused(); w.plan.refuses() && onlyA > refused {
		return fmt.Sprintf("%d keys are on n0 only, which knows of %d that n1 has refused", onlyA, refused)
	}
	for _, n := range w.nodes {
		st := n.st.Stats()
		switch {
		case st.Tombstones != 0:
			return fmt.Sprintf("%s keeps %d tombstones at rest", n.name, st.Tombstones)
		case n.st.Unacked() > n.st.Refused():
			return fmt.Sprintf("%s has %d items at rest that the peer does not have for certain", n.name, n.st.Unacked())
		case owed(n.core) != 0:
			return fmt.Sprintf("%s: copies of %d partitions have not ended", n.name, owed(n.core))
		case !n.serves():
			return fmt.Sprintf("%s does not serve: %v", n.name, n.core.State())
		}
		if err := n.st.CheckInvariants(); err != nil {
			return fmt.Sprintf("%s: %v", n.name, err)
		}
	}
	return ""
}

// measured is by how much two clocks may be taken for wrong over a slow link, ms.
const measured = 2000

// sameExpiry compares the time that is left by either node's clock. It differs by how
// wrong the clocks were measured over a slow link, and by every jump.
func (w *world) sameExpiry(a, b int64) bool {
	off := (a - w.nodes[0].off()) - (b - w.nodes[1].off())
	return a == 0 || w.plan.Jump || max(off, -off) <= measured
}

// same compares two nodes' states of a key. Their expiries follow two clocks.
func (w *world) same(a, b *store.Record) bool {
	return a.Version == b.Version && a.ExpVersion == b.ExpVersion && a.Flags == b.Flags && a.Marks == b.Marks && bytes.Equal(a.Value, b.Value) &&
		(a.Expires == 0) == (b.Expires == 0) && w.sameExpiry(a.Expires, b.Expires)
}

// owed counts the partitions whose copy, in either direction, has not ended.
func owed(c *session.Core) int {
	in, out := c.Copies()
	return in.PartitionsOwed + out.PartitionsOwed
}
