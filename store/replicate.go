package store

import (
	"sync"
	"sync/atomic"
)

// covers reports whether the holder of the cursor has the change with this sequence.
func (c Cursor) covers(seq uint64) bool { return seq <= c.A || seq > c.T && seq <= c.B }

// open reports whether there is a gap.
func (c Cursor) open() bool { return c.A < c.T }

// norm closes a gap that is empty.
func (c *Cursor) norm() {
	if c.A >= c.T {
		c.A, c.T = c.B, c.B
	}
}

// peerState is what one partition knows of the peer. It is guarded by the
// partition's lock.
type peerState struct {
	attached bool   // a session is up
	sentMax  uint64 // highest sequence ever sent on the live lane: an item above it keeps its place when it changes
	copied   uint64 // T of the copy that was announced last: a cursor that ends below it is from before
	sent     Cursor // how far this session has sent: see setSent
	acked    Cursor // what the peer's incarnation has acknowledged
	recv     Cursor // what this node holds of the peer incarnation's changes: see setRecv
}

// setSent moves the cursor of what has been sent.
func (p *partition) setSent(c Cursor) {
	c.norm()
	if c.open() != p.peer.sent.open() {
		p.s.link.owes.put(p.id, c.open())
	}
	p.peer.sent = c
}

// setRecv moves the cursor of what has arrived.
func (p *partition) setRecv(c Cursor) {
	c.norm()
	if c.open() != p.peer.recv.open() {
		p.s.link.lacks.put(p.id, c.open())
	}
	p.peer.recv = c
}

// Owes is the partitions whose copy to the peer has not all been sent. It follows from
// their cursors. Without a session it is as the last one left it.
func (s *Store) Owes() PartSet { return s.link.owes.load() }

// Lacks is the partitions whose copy from the peer has not all arrived.
func (s *Store) Lacks() PartSet { return s.link.lacks.load() }

// linkState is what the store as a whole knows of the peer.
type linkState struct {
	mu        sync.Mutex
	inc       ID            // incarnation last replicated with; guarded by mu
	src       atomic.Uint32 // its small id, 1..3; 0: none yet
	dirty     sharedSet
	owes      sharedSet   // partitions whose copy to the peer has not all been sent
	lacks     sharedSet   // partitions whose copy from the peer has not all arrived
	signalled atomic.Bool // notify was called since the last TakeDirty
	notify    atomic.Pointer[func()]

	refused refusedList
}

func (s *Store) peerSrc() uint8 { return uint8(s.link.src.Load()) }

// SetNotify registers f, which is called when there is new work for the sender, once until
// the next TakeDirty. It is called from any goroutine, and under a partition's lock, so it
// must only signal. nil removes it.
func (s *Store) SetNotify(f func()) {
	s.link.signalled.Store(false)
	if f == nil {
		s.link.notify.Store(nil)
		return
	}
	s.link.notify.Store(&f)
}

// letIn calls Config.LetIn, which lets clients in while a session works.
func (s *Store) letIn(part int) {
	if s.cfg.LetIn != nil {
		s.cfg.LetIn(part)
	}
}

func (s *Store) markDirty(part uint8) {
	if s.link.dirty.put(part, true) {
		s.signal()
	}
}

func (s *Store) signal() {
	if f := s.link.notify.Load(); f != nil && !s.link.signalled.Load() && s.link.signalled.CompareAndSwap(false, true) {
		(*f)()
	}
}

// Signalled says whether there is new work for the sender: notify was called since the last
// TakeDirty. notify runs after Signalled has become true.
func (s *Store) Signalled() bool { return s.link.signalled.Load() }

// TakeDirty returns the partitions that got changes or graves since the last
// call, and clears the set.
func (s *Store) TakeDirty() (set PartSet) {
	s.link.signalled.Store(false)
	for i := range set {
		set[i] = s.link.dirty[i].Swap(0)
	}
	return set
}

// PendingFlush is a delayed flush that has not happened yet. The zero value is none.
type PendingFlush struct {
	Version  uint64
	AtMillis int64 // Unix ms
}

// State is what a node tells its peer at the start of a session.
type State struct {
	Clock    uint64 // the highest version made or seen
	Born     uint64 // the clock when this process started
	Flush    uint64 // values with a version up to it are flushed
	Pending  PendingFlush
	Items    uint64             // 0: empty; tombstones count
	LastPeer ID                 // incarnation last replicated with; zero: never
	HeirOf   Line               // whose image this process has loaded; zero: none. The store does not know it
	Cursors  [Partitions]Cursor // what this node holds of LastPeer's changes
}

// State returns what this node holds.
func (s *Store) State() *State {
	st := &State{Clock: s.clock.hlc.Load(), Born: s.born.Load()}
	st.Flush, _, st.Pending = s.FlushState()
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	st.LastPeer = s.link.inc
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		st.Cursors[i] = p.peer.recv
		st.Items += uint64(p.idx.count)
		p.mu.Unlock()
		s.letIn(i)
	}
	return st
}

// LastPeer is the incarnation that this store replicated with last, or the store whose image it
// was loaded with; zero: none.
func (s *Store) LastPeer() ID {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	return s.link.inc
}

// BulkStart says that the bulk lane of a partition begins: everything up to T
// will be walked. It has to be announced before any batch of the partition.
type BulkStart struct {
	Part  int
	T     uint64
	Count uint64 // items and tombstones of the partition now
}

// Attach begins a session with the incarnation inc, whose STATE was st.
// resumable says that st's cursors are about this start of this node. They count only if inc
// is also the incarnation that this node replicated with last, or its heir. The result lists the
// partitions whose copy starts anew. The others go on where the peer is.
func (s *Store) Attach(inc ID, st *State, resumable bool) []BulkStart {
	s.clock.observe(st.Clock)
	s.ApplyFlush(st.Flush, 0)
	s.ApplyFlushAt(st.Pending)
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	heir := st.HeirOf.Has(s.link.inc)
	if heir {
		s.link.inc = inc // the process that this node met last goes on in its heir, and what each of them has counts
	}
	last := s.link.inc
	foreign := last != ID{} && last != inc
	if last != inc {
		s.link.inc = inc
		s.nextSrc()
		s.TakeRefused() // that was another peer's
	}
	var starts []BulkStart
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		if last != inc {
			p.setRecv(Cursor{})
			p.peer.acked = Cursor{}
		}
		p.recallGrave()
		if foreign {
			p.meetForeign(st)
		}
		p.peer.attached = true
		if c := st.Cursors[i]; resumable && last == inc && p.valid(c) {
			p.resume(c)
		} else if b, ok := p.startBulk(); ok {
			starts = append(starts, b)
		}
		p.resortTombs()
		p.mu.Unlock()
		s.letIn(i)
	}
	if heir {
		s.OfferAgain() // it may have been started with another -I, -m or --local-keys
	}
	for i := range s.link.dirty {
		s.link.dirty[i].Store(^uint64(0))
	}
	s.signal()
	return starts
}

// valid reports whether the peer may go on at a cursor that it named. One that is
// empty, or ends below the announcement of the last copy, tells that not even that has
// arrived: the copy begins anew then, as the live lane may leave out values that an
// earlier peer had, and this one gave up for a grave or never got.
func (p *partition) valid(c Cursor) bool {
	arrived := (c.B > 0 || p.list.seq == 0) && c.B >= p.peer.copied
	return c.B <= p.list.seq && c.A <= c.T && c.T <= c.B && arrived
}

// nextSrc gives the new peer incarnation a small id that no item carries. The sweep
// frees the ids of earlier ones; where none is free, all items are walked now.
func (s *Store) nextSrc() {
	w := &s.sweep
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 1
	for n <= mixSource && w.carried[n] {
		n++
	}
	if n > mixSource {
		s.walkAll(func(p *partition, h handle) { p.s.arena.at(h).setSource(0) })
		w.carried, n = [mixSource + 1]bool{}, 1
	}
	w.carried[n], w.freeing = true, Partitions+1
	s.link.src.Store(uint32(n))
}

// meetForeign is for a peer that holds data and is not the last one: it may be an
// older peer that returns. Where it began before a delete that was acknowledged by
// the last one and forgotten here, only burying everything protects that delete.
func (p *partition) meetForeign(st *State) {
	if st.Items > 0 && st.Born <= p.forgotMax {
		p.buryAll(p.forgotMax)
	}
}

// resume goes on at a cursor. Millions may have changed since: the live lane's place is
// looked for near where it was.
func (p *partition) resume(c Cursor) {
	p.peer.acked = c
	p.setSent(c)
	p.list.live = p.firstAfterFrom(p.list.live, c.B)
	p.list.bulk = 0
	if c.open() {
		p.list.bulk = p.firstAfter(c.A)
	}
}

// startBulk begins the walk from the start; a partition that never held anything
// has nothing to copy. The walk takes a sequence of its own, which no cursor from before
// reaches.
func (p *partition) startBulk() (BulkStart, bool) {
	if p.list.seq > 0 {
		p.list.seq++
	}
	t := p.list.seq
	p.peer.acked = Cursor{T: t, B: t} // whatever is still under way was sent before it
	p.setSent(p.peer.acked)
	p.peer.sentMax, p.peer.copied = max(p.peer.sentMax, t), t
	p.list.live, p.list.bulk = 0, p.list.head
	return BulkStart{Part: int(p.id), T: t, Count: uint64(p.idx.count)}, t > 0
}

// Detach ends the session: what was sent and not acknowledged will be sent again.
func (s *Store) Detach() {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		p.peer.attached = false
		p.list.bulk = 0
		p.mu.Unlock()
	}
}

// Tail returns the newest sequence of a partition.
func (s *Store) Tail(part int) uint64 {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list.seq
}

// SentCursor returns how far the session has sent a partition.
func (s *Store) SentCursor(part int) Cursor {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peer.sent
}

// Acked takes the peer's acknowledgement of a batch whose Sent.Cursor was c. Of one
// from before the copy was announced only the tombstones count: the peer may have given
// up for a grave what it had.
func (s *Store) Acked(part int, c Cursor) {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.B >= p.peer.copied {
		p.peer.acked = c
	}
	p.purgeTombs(c)
}

// Clock is the highest version made or seen here.
func (s *Store) Clock() uint64 { return s.clock.hlc.Load() }

// Born is the clock when this process started.
func (s *Store) Born() uint64 { return s.born.Load() }

// Observe lifts the clock above v: the bound that was kept over a restart.
func (s *Store) Observe(v uint64) { s.clock.observe(v) }

// walkAll visits every item and tombstone, a partition at a time under its lock.
func (s *Store) walkAll(f func(p *partition, h handle)) {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		for h := p.list.head; h != 0; {
			next := s.arena.at(h).next
			f(p, h)
			h = next
		}
		p.mu.Unlock()
	}
}

// Walk calls f for every state of a partition, oldest change first, under its
// lock: for checks and tests. The record dies when f returns.
func (s *Store) Walk(part int, f func(*Record)) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := p.list.head; h != 0; h = s.arena.at(h).next {
		var r Record
		p.fill(&r, s.arena.at(h), Bulk)
		f(&r)
	}
}
