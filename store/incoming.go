package store

import "fmt"

// Incoming is a large value that the peer sends in pieces. It takes memory as they come,
// under no partition's lock. It is not for concurrent use.
type Incoming struct {
	s       *Store
	key     []byte
	version uint64
	bytes   int // of the whole value
	got     int
	draft   *Draft // nil: the value is not wanted, or there is no memory for it
	held    bool   // this version, or a later one, is here already
}

// Incoming begins a value of a key of partition part, which must be what the key
// belongs to. The owner calls Drop in the end.
func (s *Store) Incoming(part int, key []byte, version uint64, bytes int) (*Incoming, error) {
	return s.newIncoming(part, key, version, bytes, !s.isLocal(key))
}

// newIncoming is that. Without wanted the pieces are only counted.
func (s *Store) newIncoming(part int, key []byte, version uint64, bytes int, wanted bool) (*Incoming, error) {
	if got := PartitionOf(key); got != part {
		return nil, fmt.Errorf("store: a piece for partition %d has a key of partition %d", part, got)
	}
	s.clock.observe(version)
	in := &Incoming{s: s, key: append([]byte(nil), key...), version: version, bytes: bytes}
	p, tag := s.partition(key)
	p.mu.Lock()
	h := p.find(tag, key)
	in.held = h != 0 && s.arena.at(h).version >= version
	p.mu.Unlock()
	if wanted && !in.held && version > s.flushedTo.Load() && ItemBytes(len(key), bytes) <= s.cfg.MaxItemBytes {
		in.draft = s.NewDraft(len(key), bytes)
	}
	return in, nil
}

// Add takes the next piece. An error says that it does not fit.
func (in *Incoming) Add(nowMillis int64, key []byte, version uint64, bytes, at int, piece []byte) error {
	switch {
	case in == nil:
		return fmt.Errorf("store: a piece at %d of a value without a beginning", at)
	case string(key) != string(in.key) || version != in.version || bytes != in.bytes:
		return fmt.Errorf("store: a piece of another value")
	case at != in.got || len(piece) > in.bytes-in.got:
		return fmt.Errorf("store: a piece of %d bytes at %d, behind %d of %d", len(piece), at, in.got, in.bytes)
	}
	in.got += len(piece)
	if in.draft != nil && !in.draft.Fill(nowMillis, piece) {
		in.draft.Drop()
		in.draft = nil
	}
	return nil
}

// Drop gives the memory back, unless an item has taken it.
func (in *Incoming) Drop() {
	if in != nil && in.draft != nil {
		in.draft.Drop()
	}
}

// ApplyIncoming is ApplyBatch for the item whose value came in pieces. An error says
// that the two do not belong together.
func (s *Store) ApplyIncoming(nowMillis int64, part int, lane Lane, to uint64, r *Record, in *Incoming) error {
	if in == nil || in.got != in.bytes || string(r.Key) != string(in.key) || r.Version != in.version {
		return fmt.Errorf("store: the value that came in pieces is not complete, or another one")
	}
	q := *r
	q.Op, q.in = RecordValue, in
	if in.draft != nil {
		q.Value = in.draft.Value()
	} else if in.held {
		q.Op = RecordTouch // of the value only the expiry can be news
	}
	return s.ApplyBatch(nowMillis, part, lane, to, []Record{q})
}
