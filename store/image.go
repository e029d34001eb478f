package store

import (
	"math/bits"
	"slices"
	"unsafe"

	"twincached/internal/prefetch"
)

// An image is all that a node holds, for the process that goes on in its place: its heir. To
// the peer the heir is the same node, which was cut off for a while. So it holds whatever a
// promise about a cut rests on: the order of changes with its sequences, what has been sent
// and acknowledged, tombstones and graves, the clock and the flushes.
//
// What is not in an image is not needed. How far the session had sent (sent), where its lanes
// stood, and which list a tombstone is in follow from the cursors when the next session
// attaches. Counters are of a process. Flushed values are covered by the watermark.

// Line is the incarnations that a process goes on from, newest first: the one that wrote the
// image which it has loaded, the one whose image that one had loaded, and so on. A zero id ends
// it; the zero value is of a process that has loaded none.
//
// A peer may have met any of them last. Neither side can be sure that the other one knows of a
// session that was cut as it began, so an heir names them all. One that is further back than a
// Line has room for is not known any more: for who met that one last, the heir is a new process.
type Line [8]ID

// Has says whether id is of the line; the zero id is of none.
func (l *Line) Has(id ID) bool { return id != ID{} && slices.Contains(l[:], id) }

// From is the line of who goes on from the incarnation inc, which had the line l.
func (l Line) From(inc ID) Line {
	copy(l[1:], l[:len(l)-1])
	l[0] = inc
	return l
}

// ImageHead is what a store as a whole has in an image.
type ImageHead struct {
	Clock      uint64 // the highest version made or seen; nothing in the image is above it
	Born       uint64 // the clock when the first process of this line of heirs started
	Flush      uint64 // as State.Flush
	Cancelled  uint64 // version of the pending flush that was last replaced or carried out
	Pending    PendingFlush
	Slot       uint8  // 0..MaxSlot
	Replicated bool   // Config.Replicated: without it deletes leave no tombstones
	LastPeer   ID     // as State.LastPeer: whose changes the cursors of the parts count
	Items      uint64 // items and tombstones, about
	WallMillis int64  // when it was written, by the node's clock, Unix ms
}

// ImagePart is what a partition has in an image, beside its items.
type ImagePart struct {
	Part      int    // 0..Partitions-1
	Seq       uint64 // sequence of the newest change
	SentMax   uint64 // highest sequence ever sent on the live lane
	Copied    uint64 // T of the copy that was announced last
	Acked     Cursor // what the last peer has acknowledged
	Recv      Cursor // what this node holds of the last peer's changes
	ForgotMax uint64 // highest version ever removed without a local trace
	Grave     Grave  // Floor 0: none
	Items     uint64 // items and tombstones, about
}

// ImageBits are what an item has beside what travels. The numbers are written to files: append
// only.
type ImageBits uint8

// The bits of an item in an image.
const (
	ImageFromPeer ImageBits = 1 << 0 // the last peer has sent this state
	ImageTouched  ImageBits = 1 << 1 // only the expiry differs from what the peer acknowledged
	ImageFetched  ImageBits = 1 << 2 // read since it was stored; a tombstone: it is a marker
	ImageRefused  ImageBits = 1 << 3 // the peer has said that it does not store this state
	ImageLocal    ImageBits = 1 << 4 // the key matched Config.LocalKeys

	imageReadsShift = 5                   // 2 bits: reads since the hand last passed
	MaxImageBits    = ImageBits(1<<7 - 1) // all of them
)

// maxSeq is the largest sequence that an item has room for.
const maxSeq = 1<<47 - 1

// ImageItem is one item or tombstone of an image. Its Op is RecordValue, RecordTombstone, or
// RecordPieced for a value that comes before it in pieces.
type ImageItem struct {
	Record
	Seq         uint64
	Bits        ImageBits
	IdleSeconds uint32 // since the last access, when the image was written; no meaning for a tombstone
	tag         uint32 // of the key, when a Loader has it
}

// SaveHead begins an image. From here on, until the image is complete, nobody may change the
// store, and no session may be attached.
func (s *Store) SaveHead(nowMillis int64) *ImageHead {
	h := &ImageHead{Clock: s.clock.hlc.Load(), Born: s.born.Load(), Slot: s.Slot(), Replicated: s.cfg.Replicated, WallMillis: nowMillis}
	h.Flush, h.Cancelled, h.Pending = s.FlushState()
	h.LastPeer = s.LastPeer()
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		h.Items += uint64(p.idx.count)
		p.mu.Unlock()
	}
	return h
}

// SavePart returns what an image has of a partition. A grave that was under way counts as not
// announced: the next session announces it together with what was buried since. The filter
// is the store's, until it is changed.
func (s *Store) SavePart(part int) ImagePart {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recallGrave()
	r := ImagePart{Part: part, Seq: p.list.seq, SentMax: p.peer.sentMax, Copied: p.peer.copied,
		Acked: p.peer.acked, Recv: p.peer.recv, ForgotMax: p.forgotMax, Items: uint64(p.idx.count)}
	g := &p.grave
	r.Grave = Grave{Gen: g.gen, Floor: g.floor, Saturated: g.floor != 0 && g.filter == nil, Filter: g.filter}
	return r
}

// SaveItems calls emit for each item and tombstone of a partition, oldest change first, under
// its lock. emit must encode or copy: the item dies when it returns. false ends the walk.
func (s *Store) SaveItems(nowMillis int64, part int, emit func(*ImageItem) bool) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	flushed, a := s.flushedTo.Load(), s.arena
	var it ImageItem
	for h := p.list.head; h != 0; h = a.at(h).next {
		hd := a.at(h)
		if hd.next != 0 { // what is next to each other in the list is seldom so in memory
			prefetch.Lines(uintptr(unsafe.Pointer(a.at(hd.next))))
		}
		if !hd.is(bitTomb) && hd.version <= flushed {
			continue
		}
		p.fill(&it.Record, hd, Bulk)
		it.Seq, it.Bits, it.IdleSeconds = hd.seq(), p.imageBits(hd), 0
		if !hd.is(bitTomb) {
			it.IdleSeconds = uint32(hd.idleSeconds(nowMillis))
		}
		if !emit(&it) {
			return
		}
	}
}

func (p *partition) imageBits(hd *header) (b ImageBits) {
	if p.fromPeer(hd) {
		b |= ImageFromPeer
	}
	if hd.is(bitTouch) {
		b |= ImageTouched
	}
	if hd.is(bitFetched) {
		b |= ImageFetched
	}
	if hd.refused() {
		b |= ImageRefused
	}
	if hd.is(bitLocal) {
		b |= ImageLocal
	}
	if !hd.is(bitTomb) {
		b |= ImageBits(hd.bits&bitFreq) << imageReadsShift
	}
	return b
}

// loadGrave takes the grave of an image over. Where there is no memory for its filter, or that
// cannot be read, it counts for every key.
func (p *partition) loadGrave(g *Grave) {
	p.grave = grave{floor: g.Floor, gen: g.Gen}
	if g.Floor == 0 || g.Saturated || len(g.Filter) != FilterBytes {
		return
	}
	if p.grave.filter = p.s.newFilter(); p.grave.filter == nil {
		return
	}
	for i, w := range g.Filter {
		p.grave.filter[i] = w
		p.grave.bits += bits.OnesCount8(w)
	}
	p.saturate()
}
