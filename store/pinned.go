package store

// PinBytes is the smallest value that is read where it stands (see Pinned): a copy of a
// smaller one costs less than the trouble.
const PinBytes = 16 << 10

// Pinned is a value that a reader keeps in place while its client takes it: the item may
// change or go meanwhile, its bytes stay, and count against the limit. It costs no copy,
// however many readers there are. The zero value holds nothing; it is not for concurrent use.
type Pinned struct {
	// At is where in the reply the value belongs; the Render that is shown the value sets it.
	At    int
	value []byte
	s     *Store
	run   int32
}

// Value is the value; nil where nothing is held. v may be nil.
func (v *Pinned) Value() []byte {
	if v == nil {
		return nil
	}
	return v.value
}

// Release gives the value back, if one is held. v may be nil.
func (v *Pinned) Release() {
	if v == nil || v.value == nil {
		return
	}
	a := v.s.arena
	a.mu.Lock()
	a.unpinLocked(v.run)
	a.mu.Unlock()
	*v = Pinned{}
}

// Take moves what v holds to where the caller keeps it; v holds nothing afterwards.
func (v *Pinned) Take() (taken Pinned) {
	taken, *v = *v, Pinned{}
	return taken
}

// pin makes the view's value one that v holds, where it is large enough and stands in
// memory of its own: what is small may move. The partition's lock is held.
func (v *Pinned) pin(s *Store, h handle, view *View) {
	if v == nil || len(view.Value) < PinBytes || !s.arena.isRun(h) {
		return
	}
	a := s.arena
	a.mu.Lock()
	run := a.runOf(h)
	a.segs[run].pins++
	a.mu.Unlock()
	*v = Pinned{value: view.Value, s: s, run: run}
	view.Pinned = v
}

// readLocked tells whether clients read the run, the session aside.
func (s *Store) readLocked(run int32) bool {
	pins := s.arena.segs[run].pins
	if l := s.loan.Load(); l != nil && l.run == run {
		pins--
	}
	return pins > 0
}

// ShortMillis is when somebody was last refused memory for a value, in Unix ms; 0: never.
func (s *Store) ShortMillis() int64 { return s.shortAt.Load() }
