package store

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// grave is what is left of tombstones that had to be forgotten before the peer
// acknowledged them: "I may have forgotten deletes up to floor, of the keys that
// the filter matches, or of any key of this partition". Floor 0: nothing buried.
type grave struct {
	floor  uint64
	filter []byte // FilterBytes of memory that counts against the limit; nil: saturated, or nothing buried
	bits   int    // that are set in filter
	gen    uint64 // grows with each change, over all graves of the partition
}

// The filter is a Bloom filter over the keys' hashes. Both nodes must agree on its
// shape. At half full it holds about 5,600 keys and matches a sixteenth of all
// others; beyond that it would save little, and the grave counts for every key.
const (
	FilterBytes  = 4 << 10 // of one partition's grave
	filterBits   = FilterBytes * 8
	filterHashes = 4
)

// filterBit returns the i-th bit of a key whose XXH64 is sum. The upper 8 bits of
// sum are the same in all of a partition.
func filterBit(sum uint64, i int) uint32 {
	return (uint32(sum) + uint32(i)*(uint32(sum>>24)|1)) % filterBits
}

// filterMatches reports whether all bits of a key are set.
func filterMatches(filter, key []byte) bool {
	sum := xxhash.Sum64(key)
	for i := range filterHashes {
		if b := filterBit(sum, i); filter[b/8]>>(b%8)&1 == 0 {
			return false
		}
	}
	return true
}

// Grave tells the peer that deletes up to Floor may have been forgotten here, of
// the keys of the partition that Filter matches, or of any.
type Grave struct {
	Gen, Floor uint64
	Saturated  bool
	Walked     int    // items that NextGrave has passed for it
	Filter     []byte // FilterBytes, or none where Saturated; in the byte order of the wire: bit i is bit i%8 of byte i/8
}

// Covers reports whether the grave may stand for a delete of this key and version.
// A filter of another length cannot be read, and matches everything.
func (g *Grave) Covers(key []byte, version uint64) bool {
	if version > g.Floor {
		return false
	}
	if g.Saturated || len(g.Filter) != FilterBytes {
		return true
	}
	return filterMatches(g.Filter, key)
}

// bury remembers that a tombstone, or the marker that an item should have left,
// was forgotten.
func (p *partition) bury(hd *header) { p.buryKey(hd.key(), hd.version) }

func (p *partition) buryKey(key []byte, version uint64) {
	g := &p.grave
	if g.floor == 0 {
		g.filter, g.bits = p.s.newFilter(), 0
	}
	if g.filter != nil {
		sum := xxhash.Sum64(key)
		for i := range filterHashes {
			b := filterBit(sum, i)
			if w, m := &g.filter[b/8], byte(1)<<(b%8); *w&m == 0 {
				*w |= m
				g.bits++
			}
		}
		p.saturate()
	}
	p.deepen(version)
}

// saturate gives up a filter that is too full to be of use.
func (p *partition) saturate() {
	if p.grave.bits > p.s.cfg.GraveBits {
		p.grave.free(p.s)
	}
}

// buryAll buries deletes up to version without their keys: the grave then counts for every
// key.
func (p *partition) buryAll(version uint64) {
	p.grave.free(p.s)
	p.deepen(version)
}

func (p *partition) deepen(version uint64) {
	p.grave.floor = max(p.grave.floor, version)
	p.grave.gen++
	if p.peer.attached {
		p.s.markDirty(p.id)
	}
}

// newFilter returns an empty filter, or nil where all of them would take more than half
// of the memory. It is to be had though the memory is full.
func (s *Store) newFilter() []byte {
	if s.filters.Add(1)*FilterBytes <= s.limit.Load()/2 {
		if t, ok := s.newTable(FilterBytes/8, true); ok {
			return bytesOf(t)
		}
	}
	s.filters.Add(-1)
	return nil
}

// free gives the filter's memory back: the grave counts for every key then, if it
// counts at all.
func (g *grave) free(s *Store) {
	if g.filter != nil {
		s.freeTable(wordsOf(g.filter))
		s.filters.Add(-1)
		g.filter, g.bits = nil, 0
	}
}

// covers reports whether the grave may stand for a delete of this key and version.
func (g *grave) covers(key []byte, version uint64) bool {
	return version <= g.floor && (g.filter == nil || filterMatches(g.filter, key))
}

// buried reports whether a value of this key and version may have been deleted here.
func (p *partition) buried(key []byte, version uint64) bool {
	return p.grave.covers(key, version) || p.announced.covers(key, version)
}

// NextGrave returns the grave of a partition when it has to be announced: before
// any batch of the partition that follows. One announcement is under way at a
// time; what is buried meanwhile goes into a new grave. What this node still holds
// of the keys concerned, and the peer is about to evict, travels again: a saturated
// grave begins the bulk walk anew (bulk is true and b says how), else the items move
// to the end of the change list. The filter is appended to room, which the caller owns.
func (s *Store) NextGrave(part int, room []byte) (g Grave, b BulkStart, bulk, due bool) {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.graveDue() {
		return g, b, false, false
	}
	a := &p.announced
	*a, p.grave = p.grave, grave{gen: p.grave.gen}
	g = Grave{Gen: a.gen, Floor: a.floor, Saturated: a.filter == nil}
	if !g.Saturated {
		g.Filter = append(room, a.filter...)
	}
	p.walkSettled(func(h handle, hd *header) {
		g.Walked++
		if !g.Covers(hd.key(), hd.version) {
			return
		}
		hd.setSource(0) // the peer gives up what it has sent itself, too
		hd.bits &^= bitTouch
		if !g.Saturated {
			p.bump(h, false)
		}
	})
	if g.Saturated {
		b, _ = p.startBulk()
	}
	return g, b, g.Saturated, true
}

func (p *partition) graveDue() bool {
	return p.peer.attached && p.grave.floor != 0 && p.announced.floor == 0
}

// GraveDue says whether NextGrave would return a grave of the partition.
func (s *Store) GraveDue(part int) bool {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.graveDue()
}

// GraveGen returns the Gen of the newest grave of a partition that the peer has not
// acknowledged; 0: there is none.
func (s *Store) GraveGen(part int) uint64 {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.peer.attached:
		return 0
	case p.grave.floor != 0:
		return p.grave.gen
	case p.announced.floor != 0:
		return p.announced.gen
	}
	return 0
}

// graves counts those that the peer has not acknowledged.
func (p *partition) graves() (n uint64) {
	for _, g := range []*grave{&p.grave, &p.announced} {
		if g.floor != 0 {
			n++
		}
	}
	return n
}

// GraveAcked takes the peer's acknowledgement of the grave that is under way: the peer
// has dealt with what it stands for. What was buried since is due now.
func (s *Store) GraveAcked(part int, gen uint64) {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if gen == p.announced.gen {
		p.forget(&p.announced)
	}
	if p.grave.floor != 0 {
		s.markDirty(p.id)
	}
}

// forget clears a grave, but for its gen.
func (p *partition) forget(g *grave) {
	p.forgotMax = max(p.forgotMax, g.floor)
	g.free(p.s)
	*g = grave{gen: g.gen}
}

// recallGrave makes one grave of the one that was under way when the last session
// ended and the one that holds what was buried since.
func (p *partition) recallGrave() {
	g, a := &p.grave, &p.announced
	switch {
	case a.floor == 0:
		return
	case g.floor == 0:
		g.filter, g.bits = a.filter, a.bits
	case g.filter == nil || a.filter == nil:
		g.free(p.s)
		a.free(p.s)
	default:
		g.bits = 0
		for i, w := range a.filter {
			g.filter[i] |= w
			g.bits += bits.OnesCount8(g.filter[i])
		}
		p.saturate()
		a.free(p.s)
	}
	g.floor = max(g.floor, a.floor)
	g.gen++
	*a = grave{}
}

// ApplyGrave evicts what the peer may have deleted and forgotten. As with any
// eviction, what the peer does not have leaves a marker.
func (s *Store) ApplyGrave(part int, g Grave) {
	s.clock.observe(g.Floor)
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	s.overruleAll(part, &g)
	p.walkSettled(func(h handle, hd *header) {
		if g.Covers(hd.key(), hd.version) {
			p.stats.GraveEvictions++
			p.mustRemoveLocal(h, false)
		}
	})
}

// walkSettled is walkChunks that misses nothing: what clients touched while they were
// let in has gone to the end of the list, with the version that it had. Each round
// passes what changed during the one before, until one changes nothing.
func (p *partition) walkSettled(f func(h handle, hd *header)) {
	for done := uint64(0); done < p.list.seq; {
		done = p.walkChunks(done, f)
	}
}

// walkChunks calls f for every value that is to be replicated, has a sequence above
// after, and has not changed since the walk began; f may change or remove it. Between
// chunks it lets the clients in. It returns the newest sequence of when it began. A
// session walks one thing at a time.
func (p *partition) walkChunks(after uint64, f func(h handle, hd *header)) (end uint64) {
	end = p.list.seq
	p.list.walk = p.firstAfter(after)
	for n := 1; p.list.walk != 0; n++ {
		h := p.list.walk
		hd := p.s.arena.at(h)
		if hd.seq() > end {
			break
		}
		p.list.walk = hd.next
		if !hd.is(bitTomb) && !hd.is(bitLocal) {
			f(h, hd)
		}
		if n%p.s.cfg.WalkItems == 0 {
			p.mu.Unlock()
			p.s.letIn(int(p.id))
			p.mu.Lock()
		}
	}
	p.list.walk = 0
	return end
}
