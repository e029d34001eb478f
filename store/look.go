package store

// Presence says what a client finds under a key.
type Presence uint8

// What a client finds. Flushed and Expired are misses whose item is still in memory.
const (
	Absent  Presence = iota
	Present          // a client may see it
	Flushed          // a flush has made it invisible
	Expired          // it has expired
)

// Look is what stood under a key when a command began, for clients that watch the node's
// commands. It is filled in within the critical section of the command, before the command
// changes anything.
type Look struct {
	Presence   Presence
	Class      int // as ClassOf; 0 unless Present
	ValueBytes int // 0 unless Present
}

// note fills in l, unless it is nil. hd is what was found; nil = nothing.
func (l *Look) note(hd *header, found Presence) {
	if l == nil {
		return
	}
	*l = Look{Presence: found}
	if found == Present {
		l.Class, l.ValueBytes = classOf(hd), int(hd.valLen)
	}
}

// presence says what clients find in an item or tombstone. flushedTo is the watermark.
func (h *header) presence(flushedTo uint64, nowMillis int64) Presence {
	switch {
	case h.is(bitTomb):
		return Absent
	case h.version <= flushedTo:
		return Flushed
	case past(h.expires(), nowMillis):
		return Expired
	}
	return Present
}

// lookup finds the key of a client's command. All commands use it. It returns the item or
// tombstone of the key (0: none), and its header if the item is Present. As in memcached, an
// item that was flushed is removed when it is found.
func (p *partition) lookup(tag uint32, key []byte, nowMillis int64, look *Look) (handle, *header) {
	h := p.find(tag, key)
	if h == 0 {
		if look != nil {
			look.note(nil, Absent)
		}
		return 0, nil
	}
	hd := p.s.arena.at(h)
	found := hd.presence(p.s.flushedTo.Load(), nowMillis)
	if look != nil {
		look.note(hd, found)
	}
	switch found {
	case Present:
		return h, hd
	case Flushed:
		p.stats.GetFlushed++
		p.unlink(h)
		return 0, nil
	}
	return h, nil // a tombstone, or expired
}

// Evicted is a live item that is removed to make room. Key points into the
// store's memory and is valid only inside the function that got it.
type Evicted struct {
	Key         []byte
	ValueBytes  int
	Class       int   // as ClassOf
	Expires     int64 // absolute Unix ms; 0 never
	IdleSeconds int64 // as View.IdleSeconds
	Fetched     bool  // read at least once since it was stored
}

// SetEvicted has f called for each item that is evicted, from now on; nil: no
// more. f runs under the lock of the item's partition: it must not wait for
// anything, keep e.Key, or call the store.
func (s *Store) SetEvicted(f func(nowMillis int64, e Evicted)) {
	if f == nil {
		s.onEvict.Store(nil)
		return
	}
	s.onEvict.Store(&f)
}

// tellEvicted lets who has asked for it know of an eviction, before it happens.
func (p *partition) tellEvicted(hd *header, nowMillis int64) {
	f := p.s.onEvict.Load()
	if f == nil {
		return
	}
	(*f)(nowMillis, Evicted{
		Key:         hd.key(),
		ValueBytes:  int(hd.valLen),
		Class:       classOf(hd),
		Expires:     hd.expires(),
		IdleSeconds: hd.idleSeconds(nowMillis),
		Fetched:     hd.is(bitFetched),
	})
}
