package store

import (
	"errors"
	"fmt"
	"sync/atomic"

	"twincached/internal/prefetch"
)

// Loader puts an image into a store that holds nothing. Load begins it, then come Part of each
// partition and its items in their order, then End. Several goroutines may load at once, each
// partition by one of them. After an error the store is of no use, and is to be closed.
//
// What no longer fits goes as in life: an item that has expired, or is too large by now, or
// has no room, leaves a marker where the peer may have an older state. Such a marker keeps the
// sequence of the item. That is right because nothing has been sent since: a peer whose cursor
// covers the sequence has the very state that went.
type Loader struct {
	s     *Store
	now   int64
	head  ImageHead
	forgo bool // the image is of a node without a peer, which had one before
	parts [Partitions]loaded

	present atomic.Int64 // up to here the arena's small segments have been touched
}

// loaded is how far a partition has come. It is guarded by the partition's lock.
type loaded struct {
	begun   bool
	items   int    // ImagePart.Items
	last    uint64 // sequence of the last item
	seq     uint64 // ImagePart.Seq
	sentMax uint64 // ImagePart.SentMax: the store gets it in the end, so that until then each item keeps its place
}

// loadAhead is how many items Loader.Items asks the slots of at once.
const loadAhead = 16

// imageAheadMillis is how far the clock of an image may be ahead of this node's: as a peer's.
const imageAheadMillis = 24 * 60 * 60 * 1000

// ErrImageClock says that the clock of an image is too far ahead: its versions would win
// against every later write.
var ErrImageClock = errors.New("store: the image's clock is more than a day ahead of this node's")

// ErrImageBroken says that an image contradicts itself, though its checksums are right.
var ErrImageBroken = errors.New("store: the image contradicts itself")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrImageBroken, fmt.Sprintf(format, args...))
}

// Load begins with the head of an image. The store's clock, born and slot are those of the
// image then, and later ones only where its own clock was. A delayed flush whose time has come
// is carried out on what the image holds, and on nothing that was written later.
func (s *Store) Load(nowMillis int64, h *ImageHead) (*Loader, error) {
	switch {
	case !s.Untouched():
		return nil, errors.New("store: an image is loaded into a store that holds something")
	case VersionMillis(h.Clock)-max(nowMillis, VersionMillis(s.Clock())) > imageAheadMillis, VersionMillis(h.Clock) > MaxClockMillis:
		return nil, ErrImageClock
	case max(h.Born, h.Flush, h.Cancelled, h.Pending.Version) > h.Clock:
		return nil, broken("born or a flush is above the clock")
	case h.Slot > MaxSlot:
		return nil, broken("slot %d", h.Slot)
	}
	l := &Loader{s: s, now: nowMillis, head: *h}
	s.clock.observe(h.Clock)
	s.born.Store(h.Born)
	s.SetSlot(h.Slot)
	s.loadFlush(nowMillis, h)
	if l.forgo = s.cfg.Replicated && !h.Replicated && h.LastPeer != (ID{}); l.forgo {
		return l, nil
	}
	if s.link.mu.Lock(); h.LastPeer != (ID{}) {
		s.link.inc = h.LastPeer
		s.nextSrc()
	}
	s.link.mu.Unlock()
	return l, nil
}

func (s *Store) loadFlush(nowMillis int64, h *ImageHead) {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.flushedTo.Store(h.Flush)
	s.cancelled = h.Cancelled
	s.setPendingLocked(h.Pending)
	if at := h.Pending.AtMillis; h.Pending.Version != 0 && at <= nowMillis {
		s.raiseFlushLocked(h.Clock)
	}
}

// Part begins a partition.
func (l *Loader) Part(r *ImagePart) error {
	if r.Part < 0 || r.Part >= Partitions {
		return broken("partition %d", r.Part)
	}
	p, at := &l.s.parts[r.Part], &l.parts[r.Part]
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case at.begun:
		return broken("partition %d comes twice", r.Part)
	case r.Seq > maxSeq || max(r.SentMax, r.Copied, r.Acked.B) > r.Seq:
		return broken("partition %d has sent more than it has", r.Part)
	case !ordered(r.Acked):
		return broken("partition %d has an impossible cursor", r.Part)
	case max(r.ForgotMax, r.Grave.Floor) > l.head.Clock:
		return broken("partition %d has forgotten more than its clock has seen", r.Part)
	}
	*at = loaded{begun: true, items: int(min(r.Items, maxSeq)), seq: r.Seq, sentMax: r.SentMax}
	p.peer.copied, p.forgotMax = r.Copied, r.ForgotMax
	switch {
	case l.forgo: // what it deleted left no tombstone, so only a grave over all of it protects that
		p.buryAll(l.head.Clock)
		return nil
	case !l.s.cfg.Replicated:
		p.forgotMax = max(p.forgotMax, r.Grave.Floor)
	default:
		p.loadGrave(&r.Grave)
	}
	p.peer.acked = r.Acked
	if ordered(r.Recv) { // else the peer has sent nonsense, and has to copy the partition anew
		p.setRecv(r.Recv)
	}
	return nil
}

func ordered(c Cursor) bool { return c.A <= c.T && c.T <= c.B }

// Incoming begins a large value of the image, which comes in pieces: see Incoming.Add. The
// caller calls Drop in the end.
func (l *Loader) Incoming(part int, key []byte, version uint64, bytes int) (*Incoming, error) {
	if version > l.head.Clock {
		return nil, broken("%q is above the clock", key)
	}
	in, err := l.s.newIncoming(part, key, version, bytes, true) // what is in an image may be local
	if err != nil {
		return nil, broken("%v", err)
	}
	return in, nil
}

// Add takes the next piece of a large value.
func (l *Loader) Add(in *Incoming, key []byte, version uint64, bytes, at int, piece []byte) error {
	if err := in.Add(l.now, key, version, bytes, at, piece); err != nil {
		return broken("%v", err)
	}
	return nil
}

// Items puts the next items of a partition into the store. in is the value of an item that
// came in pieces, which is alone then; nil: there is none.
func (l *Loader) Items(part int, items []ImageItem, in *Incoming) error {
	s, p := l.s, &l.s.parts[part]
	l.touchAhead()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range items {
		if i%loadAhead == 0 { // each search would wait for memory alone
			for j := range items[i:min(i+loadAhead, len(items))] {
				next := &items[i+j]
				next.tag = s.tag(next.Key)
				prefetch.Line(p.slots.address(next.tag))
			}
		}
		it := &items[i]
		if err := l.check(p, it, in); err != nil {
			return err
		}
		if it.in = in; in != nil {
			if it.Op = RecordValue; in.draft != nil {
				it.Value = in.draft.Value()
			}
		}
		for !l.load(p, it) {
			short := p.short
			p.mu.Unlock()
			ok := s.reclaim(l.now, short)
			p.mu.Lock()
			if !ok {
				l.noRoom(p, it)
				break
			}
		}
		l.parts[part].last = it.Seq
	}
	return nil
}

// touchAhead makes the memory present that the next items go into. The first write to a huge page has the
// system clear all of it, in the time of thousands of items, and alloc writes under the arena's lock:
// the other goroutines would wait.
func (l *Loader) touchAhead() {
	a := l.s.arena
	const ahead = 2 * hugePage
	a.mu.Lock()
	to := min((int64(a.open)+1)*int64(a.segBytes)+ahead, a.limit) &^ (hugePage - 1)
	a.mu.Unlock()
	if from := l.present.Load(); a.huge && from < to && l.present.CompareAndSwap(from, to) {
		touch(a.mem[from:to])
	}
}

// check finds what no store has written.
func (l *Loader) check(p *partition, it *ImageItem, in *Incoming) error {
	at := &l.parts[p.id]
	switch {
	case !at.begun:
		return broken("items of partition %d come before it", p.id)
	case it.Seq <= at.last || it.Seq > at.seq:
		return broken("sequence %d after %d, of %d", it.Seq, at.last, at.seq)
	case len(it.Key) == 0 || len(it.Key) > MaxKeyBytes || PartitionOf(it.Key) != int(p.id):
		return broken("%q is not of partition %d", it.Key, p.id)
	case max(it.Version, it.ExpVersion) > l.head.Clock:
		return broken("%q is above the clock", it.Key)
	case it.Op != RecordTombstone && (it.Version == 0 || it.ExpVersion < it.Version):
		return broken("%q has an impossible version", it.Key)
	case (it.Op == RecordPieced) != (in != nil), it.Op != RecordValue && it.Op != RecordTombstone && it.Op != RecordPieced:
		return broken("%q is of kind %d", it.Key, it.Op)
	case in != nil && (in.got != in.bytes || string(in.key) != string(it.Key) || in.version != it.Version):
		return broken("the pieces before %q are not its value", it.Key)
	case p.find(it.tag, it.Key) != 0:
		return broken("%q comes twice", it.Key)
	}
	return nil
}

// load puts one state into the partition, or what is left of it by now. false: memory has to
// be reclaimed first, and nothing has changed.
func (l *Loader) load(p *partition, it *ImageItem) bool {
	s, tomb := l.s, it.Op == RecordTombstone
	local, was := s.isLocal(it.Key), it.Bits&ImageLocal != 0
	switch {
	case !tomb && it.Version <= s.flushedTo.Load():
		return true // the watermark stands for it
	case was && !local, tomb && !s.cfg.Replicated:
		p.forgot(it.Version, it.ExpVersion) // no peer has ever known it; or there is none
		return true
	case local && !was:
		if l.acked(p, it) {
			p.forgot(it.Version, it.ExpVersion)
		} else {
			p.buryKey(it.Key, it.Version) // a marker would have a local key, and never travel
		}
		return true
	case !tomb && (past(it.Expires, l.now) || ItemBytes(len(it.Key), it.valueBytes()) > s.cfg.MaxItemBytes || it.in != nil && it.in.draft == nil):
		return l.leave(p, it)
	}
	c := change{key: it.Key, value: it.Value, draft: it.draft(), version: it.Version, expVersion: it.ExpVersion, expires: it.Expires,
		flags: it.Flags, marks: it.Marks, tomb: tomb, fetched: it.Bits&ImageFetched != 0}
	if tomb {
		c.expVersion, c.value, c.flags, c.expires, c.marks = it.Version, nil, 0, 0, 0
	} else {
		if it.Bits&ImageFromPeer != 0 {
			c.src = s.peerSrc()
		}
		c.touch = it.Bits&ImageTouched != 0 && !l.forgo
		c.access = accessCode(l.head.WallMillis/1000-int64(it.IdleSeconds), l.now/1000)
	}
	h := l.put(p, it, &c)
	if h == 0 || tomb {
		return h != 0
	}
	hd := s.arena.at(h)
	hd.bits |= uint8(it.Bits>>imageReadsShift) & bitFreq
	if it.Bits&ImageRefused != 0 && !local {
		hd.seqHi |= seqRefused
		p.refused++
	}
	return true
}

// put is partition.put at the item's sequence.
func (l *Loader) put(p *partition, it *ImageItem, c *change) handle {
	if !p.idx.room() {
		l.widen(p)
	}
	p.list.seq = it.Seq - 1
	h := p.put(it.tag, 0, c)
	if p.peer.acked.B >= it.Seq {
		p.list.live = 0 // where the last session's live lane stood: behind it
	}
	return h
}

// widen makes the index larger in fewer steps than it grows in life: up to what the image says
// is to come, which is believed no further than to four times of what there is.
func (l *Loader) widen(p *partition) {
	if n := min(l.parts[p.id].items/6*7+indexMinSlots, 4*len(p.idx.slots)); n > p.idx.grown() {
		p.resizeIndex(n)
	}
}

// acked is partition.acked for a state that is not in the partition.
func (l *Loader) acked(p *partition, it *ImageItem) bool {
	return p.peerHas(it.Bits&ImageLocal != 0, it.Bits&ImageRefused != 0, it.Bits&ImageFromPeer != 0 && p.s.peerSrc() != 0, it.Seq)
}

// leave is partition.removeLocal for a value that is not in the partition.
func (l *Loader) leave(p *partition, it *ImageItem) bool {
	if l.acked(p, it) {
		p.forgot(it.Version, it.ExpVersion)
		return true
	}
	v := p.markerOf(it.Version, it.ExpVersion)
	if p.markersAreMany() {
		p.stats.Buried++
		p.buryKey(it.Key, it.Version)
		return true
	}
	return l.put(p, it, &change{key: it.Key, version: v, expVersion: v, tomb: true, fetched: true}) != 0
}

// noRoom gives up a state that there is no memory for.
func (l *Loader) noRoom(p *partition, it *ImageItem) {
	if it.Op == RecordTombstone || !l.leave(p, it) {
		p.buryKey(it.Key, it.Version)
	}
}

// End ends the image. An error says that partitions are missing.
func (l *Loader) End() error {
	for i := range l.s.parts {
		p, at := &l.s.parts[i], &l.parts[i]
		p.mu.Lock()
		p.list.seq, p.peer.sentMax = at.seq, at.sentMax
		p.mu.Unlock()
		if !at.begun {
			return broken("partition %d is missing", i)
		}
	}
	return nil
}
