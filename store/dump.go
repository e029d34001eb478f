package store

// DumpCursor is how far a Dump has come. The zero value stands before the first
// item. It holds on to nothing: a dump may be given up at any time.
type DumpCursor struct {
	part int    // partition
	tag  uint64 // tags below it are done in that partition
}

// ClassSet is a set of size classes: bit n is class n. The zero value is all of them.
type ClassSet uint64

func (c ClassSet) has(class int) bool { return c == 0 || c>>class&1 != 0 }

const (
	dumpChunk  = 256     // items looked at under one lock hold, and the rest of those with the last one's tag
	dumpVisits = 1 << 13 // items looked at in one call, about: a millisecond where none is in a cache
)

// Dump appends render(view) for the live items after the cursor to dst, until
// about maxBytes have been added, and moves the cursor on; done says that there are
// no more. An item that is there for as long as the dump lasts is shown exactly
// once, whatever else changes meanwhile: items are passed in the order of their
// tags, which neither a write nor a resize changes. One that comes or goes
// meanwhile is shown once or not at all.
//
// classes limits the dump. A call looks at a bounded number of items, so where little
// is of those classes it may add nothing; it holds no lock for long. Nothing counts as
// read.
func (s *Store) Dump(nowMillis int64, at *DumpCursor, classes ClassSet, dst []byte, maxBytes int, render Render) (out []byte, done bool) {
	s.dueFlush(nowMillis)
	before, visits := len(dst), 0
	for at.part < Partitions {
		if len(dst)-before >= maxBytes || visits >= dumpVisits {
			return dst, false
		}
		p := &s.parts[at.part]
		p.mu.Lock()
		end := !p.hasAny(classes)
		if !end {
			var n int
			dst, n, end = p.dumpSome(nowMillis, &at.tag, classes, dst, before+maxBytes, render)
			visits += n
		}
		p.mu.Unlock()
		if end {
			at.part++
			at.tag = 0
		}
	}
	return dst, true
}

// dumpSome shows the next items of the partition. It ends only between two tags,
// so that the items that share one are shown by one hold of the lock.
func (p *partition) dumpSome(nowMillis int64, tag *uint64, classes ClassSet, dst []byte, limit int, render Render) (out []byte, n int, end bool) {
	x := &p.idx
	for i := x.start(uint32(*tag)); i < uint64(len(x.slots)); i++ {
		e := x.slots[i]
		if e == 0 || e>>32 < *tag {
			continue
		}
		if e>>32 > *tag && (n >= dumpChunk || len(dst) >= limit) {
			*tag = e >> 32
			return dst, n, false
		}
		*tag = e >> 32
		n++
		hd := p.s.arena.at(handle(e))
		switch {
		case hd.is(bitTomb), hd.version <= p.s.flushedTo.Load(), past(hd.expires(), nowMillis):
		case !classes.has(classOf(hd)):
		default:
			p.show(hd, nowMillis)
			dst = render(dst, &p.view)
			p.view = View{}
		}
	}
	return dst, n, true
}

func (p *partition) hasAny(classes ClassSet) bool {
	for i := range p.stats.class {
		if p.stats.class[i].items > 0 && classes.has(i) {
			return true
		}
	}
	return false
}
