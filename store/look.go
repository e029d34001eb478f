package store

// Presence says what stands under a key.
type Presence uint8

// What a lookup finds. Flushed and Lapsed are misses of which something is left.
const (
	Absent  Presence = iota
	Present          // a client may see it
	Flushed          // a flush_all made it invisible
	Lapsed           // it has expired
)

// Look is what stands under a key, as those see it who watch the node at work.
type Look struct {
	Presence   Presence
	Class      int // as ClassOf; 0 unless Present
	ValueBytes int // 0 unless Present
}

// Look tells what stands under key. It changes nothing and counts as nothing;
// by the time it returns, another conn may have changed the key.
func (s *Store) Look(nowMillis int64, key []byte) Look {
	s.dueFlush(nowMillis)
	p, tag := s.partition(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.find(tag, key)
	if h == 0 {
		return Look{}
	}
	hd := s.arena.at(h)
	switch {
	case hd.is(bitTomb):
		return Look{}
	case hd.version <= s.flushedTo.Load():
		return Look{Presence: Flushed}
	case dead(hd.expires(), nowMillis):
		return Look{Presence: Lapsed}
	}
	return Look{Presence: Present, Class: classOf(hd), ValueBytes: int(hd.valLen)}
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
