package store

// Draft is a large value on its way into the store: memory that counts against the
// limit as it is filled, and that the item takes over as it is. It is not for concurrent use.
type Draft struct {
	s     *Store
	id    int32 // of the run
	h     handle
	from  int64 // where the value begins in the arena
	bytes int
	got   int
	open  bool // neither taken by an item nor dropped
}

// NewDraft begins a value of valueBytes for a key of keyBytes. nil: there is no address
// space for it, which is as if there were no memory. The owner calls Drop in the end.
func (s *Store) NewDraft(keyBytes, valueBytes int) *Draft {
	a := s.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	pages := a.runPages(a.round(headerBytes + shapeAll + keyBytes + valueBytes))
	off := a.runs.take(pages)
	if off < 0 {
		return nil
	}
	id := a.runIDLocked()
	a.segs[id] = segment{off: off, size: int32(pages), state: segDraft}
	return &Draft{s: s, id: id, h: a.handleAt(off + 1<<a.shift), bytes: valueBytes, open: true,
		from: off + 1<<a.shift + headerBytes + shapeAll + int64(keyBytes)}
}

// Grow returns the next n bytes of the value, to be filled in; room is made for them if
// need be. Ask for 1 MiB at most, so that nobody waits for long. nil: no memory is to be
// had, and nothing has changed.
func (d *Draft) Grow(nowMillis int64, n int) []byte {
	if d.got+n > d.bytes {
		panic("store: a draft that grows beyond its size")
	}
	at := d.from + int64(d.got)
	for range maxAttempts {
		missing, ok := d.commit(at + int64(n))
		if ok {
			d.got += n
			return d.s.arena.mem[at : at+int64(n) : at+int64(n)]
		}
		if !d.s.reclaim(nowMillis, missing) {
			break
		}
	}
	return nil
}

// commit counts the memory up to the offset end against the limit, by whole pages: with the
// last byte of the value that is the whole run.
func (d *Draft) commit(end int64) (missing int64, ok bool) {
	a := d.s.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &a.segs[d.id]
	pages := int32((end - r.off + pageBytes - 1) / pageBytes)
	missing = int64(pages-r.pages) * pageBytes
	if missing > 0 && !a.commitLocked(missing, false) {
		return missing, false
	}
	r.pages = max(r.pages, pages)
	return 0, true
}

// Fill appends a copy of p to the value. false: there is no memory for it.
func (d *Draft) Fill(nowMillis int64, p []byte) bool {
	for len(p) > 0 {
		room := d.Grow(nowMillis, min(len(p), giveAtOnce))
		if room == nil {
			return false
		}
		p = p[copy(room, p):]
	}
	return true
}

// Value is what has been filled in. It is valid until Drop, or until an item takes it.
func (d *Draft) Value() []byte { return d.s.arena.mem[d.from : d.from+int64(d.got)] }

// Drop gives the memory back, unless an item has taken it.
func (d *Draft) Drop() {
	if !d.open {
		return
	}
	d.open = false
	a := d.s.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	a.goneLocked(d.id)
}

// adopt makes the draft the memory of an item of partition part.
func (d *Draft) adopt(part uint8) handle {
	if !d.open || d.got != d.bytes {
		panic("store: a draft that is not complete becomes an item")
	}
	d.open = false
	a := d.s.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enterRunLocked(d.id, part)
	return d.h
}

// doLarge is Do for a value that takes long to copy: that is done before, under no lock.
func (s *Store) doLarge(nowMillis int64, r *Request) Result {
	switch r.Op {
	case OpSet, OpAdd, OpReplace, OpCAS:
	default:
		return s.doNow(nowMillis, r)
	}
	if ItemBytes(len(r.Key), len(r.Value)) > s.cfg.MaxItemBytes || past(r.Expires, nowMillis) {
		return s.doNow(nowMillis, r) // it is not going to be stored
	}
	q := *r
	if q.Draft = s.NewDraft(len(r.Key), len(r.Value)); q.Draft != nil {
		defer q.Draft.Drop()
	}
	if q.Draft == nil || !q.Draft.Fill(nowMillis, r.Value) {
		p, tag := s.partition(r.Key)
		return p.refuse(tag, nowMillis, r)
	}
	q.Value = q.Draft.Value()
	return s.doNow(nowMillis, &q)
}
