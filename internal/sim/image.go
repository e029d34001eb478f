package sim

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"

	"twincached/snapshot"
	"twincached/store"
)

// image is what a process wrote as it stopped by plan, with what the oracle knows of
// that process: its heir knows the same.
type image struct {
	by     *node
	bytes  []byte
	memory memory
	kept   []store.Record // what a client would have got, also of local keys
	last   bool           // nobody was left behind that could go on
	beyond *node          // who may have gone on all the same, and has to be met first; nil: nobody
	proven bool           // if somebody was, it has everything
}

// clone is for an heir: it goes on from what the other process knew.
func (m *memory) clone() memory {
	c := *m
	c.known, c.heard, c.from, c.free = slices.Clone(m.known), slices.Clone(m.heard), slices.Clone(m.from), slices.Clone(m.free)
	c.had = maps.Clone(m.had)
	return c
}

// standing are the items that n would serve, local ones too.
func (n *node) standing() (kept []store.Record) {
	f, _, _ := n.st.FlushState()
	for _, key := range slices.Concat(n.w.keys, n.w.local) {
		if r, _, ok := n.st.Inspect(key); ok && r.Op == store.RecordValue && r.Version > f && (r.Expires == 0 || r.Expires > n.now()) {
			r.Key, r.Value = key, bytes.Clone(r.Value) // they were the store's
			kept = append(kept, r)
		}
	}
	return kept
}

// write is for a process that stops by plan, when nothing moves in it any more.
func (w *world) write(n *node) {
	i := &image{by: n, memory: n.memory.clone(), kept: n.standing(), last: n.last, proven: n.proven}
	if !i.last {
		i.beyond = n.lastPeer
	}
	if n.heir != nil && !n.opened { // it has made nothing
		i.proven = i.proven || n.heir.proven
	}
	if n.last && n.leaves {
		w.failf("%s calls itself the last, and leaves a peer behind that may go on", n.name)
	}
	var b bytes.Buffer
	head := snapshot.Head{Software: "sim", Cluster: cluster, NodeID: n.nodeID, Line: n.core.ImageLine(), Last: i.last}
	head.WallMillis = n.now()
	if err := snapshot.WriteImage(&b, n.st, head, snapshot.Options{Threads: 1}); err != nil {
		w.failf("%s cannot write its image: %v", n.name, err)
	}
	i.bytes = b.Bytes()
	w.counts.Images++
	w.images = append(w.images, i)
	w.machines[n.host].image = i
	w.logf("%s writes an image of %d items, last %v, proven %v", n.name, len(i.kept), i.last, i.proven)
}

// load lets a process go on from the image in its state directory, if there is one that it
// can use.
func (w *world) load(n *node) {
	m := &w.machines[n.host]
	i := m.image
	m.image = nil // it is used once
	if w.plan.Stale {
		i = w.restore(n, i)
	}
	if i == nil {
		return
	}
	text := i.bytes
	if w.plan.Stale {
		text = w.damage(n, text)
	}
	head, err := n.readImage(bytes.NewReader(text))
	var refused *snapshot.ImageError
	switch whole := bytes.Equal(text, i.bytes) && i.by.nodeID == n.nodeID; {
	case err == nil && !whole:
		w.failf("%s goes on from an image that is damaged, or of another machine", n.name)
	case err != nil && (whole || !errors.As(err, &refused)):
		w.failf("%s cannot use the image of process %x: %v", n.name, i.by.inc[:2], err)
	case err != nil:
		w.counts.Unusable++
		w.logf("%s begins empty: %v", n.name, err)
		n.openStore()
	default:
		w.counts.Heirs++
		n.heir, n.heirOf, n.memory = i, head.Line, i.memory.clone()
		w.logf("%s goes on from the image of process %x", n.name, i.by.inc[:2])
		w.checkLoaded(n)
	}
}

// leaveImage is for a process that crashes. If it has not served, its image is still there. But
// if a peer has learned from it, that peer may have gone on.
func (n *node) leaveImage() {
	if n.heir == nil || n.opened || n.serves() {
		return
	}
	i := *n.heir
	if n.admitted { // as the node renames its image
		i.last, i.proven = false, false
	}
	if n.knownTo != nil {
		i.proven, i.beyond = false, n.knownTo
	}
	n.w.machines[n.host].image = &i
	n.w.counts.Left++
}

func (n *node) readImage(r io.Reader) (snapshot.Head, error) {
	return snapshot.LoadImage(r, n.st, snapshot.Want{Cluster: cluster, NodeID: n.nodeID}, n.now(), snapshot.Options{Threads: 1})
}

// restore is an operator who puts something else into a state directory than the image that
// was left there: nothing, an older image of this machine, or another machine's.
func (w *world) restore(n *node, i *image) *image {
	what := w.r.IntN(10)
	if what > 2 || len(w.images) == 0 {
		return i
	}
	if what == 0 {
		w.logf("the operator removes the image of %s", n.name)
		return nil
	}
	if i = w.images[w.r.IntN(len(w.images))]; i.by.nodeID != n.nodeID && what == 1 {
		return nil
	}
	w.counts.Older++
	return i
}

// damage does something to the bytes of an image, or to the process that loads it.
func (w *world) damage(n *node, text []byte) []byte {
	switch at := w.r.IntN(len(text)); w.r.IntN(10) {
	case 0:
		w.logf("the image of %s ends at %d of %d bytes", n.name, at, len(text))
		return text[:at]
	case 1:
		text = bytes.Clone(text)
		text[at] ^= 1 << w.r.IntN(8)
		w.logf("byte %d of the image of %s is wrong", at, n.name)
	case 2:
		w.logf("%s crashes as it has loaded %d of %d bytes", n.name, at, len(text))
		_, err := n.readImage(io.MultiReader(bytes.NewReader(text[:at]), dies{}))
		if err == nil {
			w.failf("%s has read half of an image", n.name)
		}
		n.openStore() // the next process finds it all
	}
	return text
}

// dies is a reader whose process dies.
type dies struct{}

var errDied = errors.New("sim: the process has died")

func (dies) Read([]byte) (int, error) { return 0, errDied }

// cloneMachine gives the machine that takes a node's place a copy of its state directory, as
// it was after one of its stops.
func (w *world) cloneMachine(old *node) {
	if w.cloned[2] = w.plan.Stale && w.r.IntN(2) == 0; !w.cloned[2] {
		return
	}
	w.machines[2] = machine{bound: w.machines[old.host].bound}
	for _, i := range w.images {
		if i.by.nodeID == old.nodeID && w.r.IntN(2) == 0 {
			w.machines[2].image = i
		}
	}
}
