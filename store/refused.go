package store

import "sync"

// A value may be refused: one node has sent it, and the other one cannot store it. The node
// that refuses keeps a list for its session, which tells the peer. The node that holds the
// item marks it as refused, until the item changes, goes or is sent again.

// Refused is a value that the peer sent and that is not stored here.
type Refused struct {
	Part    int
	Key     []byte
	Version uint64
	Why     Refusal
}

// refusedList is the refused values that the session has not taken yet.
type refusedList struct {
	mu   sync.Mutex
	list []Refused
}

// notStored notes that a value of the peer is not stored here. The partition's lock is held.
func (p *partition) notStored(r *Record, why Refusal) {
	if r.Op != RecordValue {
		return
	}
	l := &p.s.link.refused
	l.mu.Lock()
	l.list = append(l.list, Refused{Part: int(p.id), Key: append([]byte(nil), r.Key...), Version: r.Version, Why: why})
	l.mu.Unlock()
}

// TakeRefused returns what was refused since the last call, oldest first. The
// list belongs to the caller then.
func (s *Store) TakeRefused() []Refused {
	l := &s.link.refused
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// PutRefused puts back what TakeRefused has returned and the peer may not have read.
func (s *Store) PutRefused(list []Refused) {
	l := &s.link.refused
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(list, l.list...)
}

// PeerRefused notes that the peer has not stored this version of a key: only this node has
// it. false: this node does not have it any more.
func (s *Store) PeerRefused(part int, key []byte, version uint64) bool {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.find(s.tag(key), key)
	if h == 0 {
		return false
	}
	hd := s.arena.at(h)
	if hd.version != version || hd.is(bitTomb) || hd.is(bitLocal) {
		return false
	}
	if !hd.refused() {
		hd.seqHi |= seqRefused
		p.refused++
	}
	return true
}

// unrefuse takes the mark from an item that changes, goes, or is sent again.
func (p *partition) unrefuse(hd *header) {
	if hd.refused() {
		hd.seqHi &^= seqRefused
		p.refused--
	}
}

// Refused counts the items that the peer has said it does not store.
func (s *Store) Refused() (n uint64) {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		n += p.refused
		p.mu.Unlock()
	}
	return n
}

// OfferAgain sends the items that the peer has not stored once more: it may have room for
// them now. It walks over the partitions that have any.
func (s *Store) OfferAgain() {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		if p.refused > 0 {
			end := p.list.seq
			for h := p.list.head; h != 0 && s.arena.at(h).seq() <= end; {
				hd := s.arena.at(h)
				next := hd.next
				if hd.refused() {
					hd.setSource(0)
					p.bump(h, false)
				}
				h = next
			}
		}
		p.mu.Unlock()
	}
}
