package store

import (
	"sync"
	"sync/atomic"
)

// Loan is a large value that the session sends in pieces: it stays readable though the
// item changes or goes. A writer that finds no memory may take one of an item that is gone.
type Loan struct {
	Record        // without Value; its Key is a copy
	Bytes  int    // of the value
	run    int32  // 0: value is a copy
	value  []byte // nil: revoked, or given back
	mu     sync.Mutex
	s      *Store

	overruled atomic.Bool // see Overruled
}

// lend borrows the value of h for the session, which has none. The partition's lock is held.
func (p *partition) lend(h handle, lane Lane) *Loan {
	a, hd := p.s.arena, p.s.arena.at(h)
	l := &Loan{s: p.s, Bytes: int(hd.valLen)}
	p.fill(&l.Record, hd, lane)
	l.Key, l.value, l.Value = append([]byte(nil), l.Key...), l.Value, nil
	if !a.isRun(h) {
		l.value = append([]byte(nil), l.value...) // it may move
	} else {
		a.mu.Lock()
		l.run = a.runOf(h)
		a.segs[l.run].pins++
		a.mu.Unlock()
	}
	p.s.loan.Store(l)
	return l
}

// Read calls f with the bytes of the value from at on, n at most. false: the value has
// been taken back, and f is not called.
func (l *Loan) Read(at, n int, f func(piece []byte)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value == nil {
		return false
	}
	f(l.value[at:min(at+n, len(l.value))])
	return true
}

// Overruled says that the peer has sent something newer of the key, since the value was
// lent. Once that is acknowledged the peer may forget it, if it is a delete, and must not
// be sent the value any more.
func (l *Loan) Overruled() bool { return l.overruled.Load() }

// overrule notes what the peer has sent of a key.
func (s *Store) overrule(r *Record) {
	l := s.loan.Load()
	if l == nil || l.Version > r.Version || string(l.Key) != string(r.Key) {
		return
	}
	if l.Version < r.Version || r.Op == RecordTombstone || l.ExpVersion < r.ExpVersion {
		l.overruled.Store(true)
	}
}

// overruleAll notes a grave that the peer has sent.
func (s *Store) overruleAll(part int, g *Grave) {
	if l := s.loan.Load(); l != nil && PartitionOf(l.Key) == part && g.Covers(l.Key, l.Version) {
		l.overruled.Store(true)
	}
}

// Close gives the value back. Until then no other one is lent.
func (l *Loan) Close() {
	l.end()
	l.s.loan.CompareAndSwap(l, nil)
}

// end gives back what is lent; false: that has been done.
func (l *Loan) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value == nil {
		return false
	}
	l.value = nil
	if l.run != 0 {
		a := l.s.arena
		a.mu.Lock()
		defer a.mu.Unlock()
		a.unpinLocked(l.run)
	}
	return true
}

// revoke takes back what is lent, if its item is gone and it takes more than leave bytes.
// Where clients read it too, its memory comes when they are done.
func (s *Store) revoke(leave int64) bool {
	l := s.loan.Load()
	if l == nil || l.run == 0 {
		return false
	}
	a := s.arena
	a.mu.Lock()
	r := &a.segs[l.run]
	gone := r.state == segGone && r.pins > 0 && int64(r.pages)*pageBytes > leave
	a.mu.Unlock()
	return gone && l.end()
}
