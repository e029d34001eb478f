package snapshot

import "twincached/store"

// Barrier decides when a session says BARRIER: the peer has everything that this node
// had. That is when the copy is done, the live lane has passed the tails of all
// partitions as they were at such a moment, and what was buried of them is announced.
//
// The tails are noted twice. An item that an earlier session had sent moves to the
// tail when it changes, and so out of the first note's reach, with the peer still
// at the state before it. Once the cursors have passed the first note, whatever
// has not been sent keeps its place: nothing escapes the second one. What is buried
// later than that is no more BARRIER's business than what is deleted later: else a
// node that buries all the time would never let its peer serve.
//
// The zero value is ready, at the start of a session. It is not for concurrent use.
type Barrier struct {
	step    step
	behind  store.PartSet // partitions whose live cursor has not passed its tail
	tails   [store.Partitions]uint64
	owedGen [store.Partitions]uint64 // graves that go before BARRIER; 0 = none
	took    bool                     // there were such graves: what they take from the peer goes back to it before BARRIER
}

// step is what is to be done next, each time the live lane has passed the tails that
// were noted last.
type step uint8

const (
	stepBegin  step = iota // the tails are to be noted
	stepOnce               // and once more
	stepTwice              // all that they stood for has been sent, buried or flushed: the graves are to be noted
	stepGraves             // those graves are to be announced, and the tails noted behind what they took
	stepBehind             // it may go
	stepSent
)

// Task is what the session has to do for its BARRIER.
type Task uint8

// The tasks.
const (
	Wait     Task = 0 // nothing: something is still to be sent
	Announce Task = 1 // announce the graves that are due, and call Announced
	Send     Task = 2 // tell of the last flush, send BARRIER, and call Sent
)

// Next takes the steps that are due, and says what the session has to do for the next
// one. open: the copy has not all been sent. lent is the partition of a large value on
// the live lane that has not all been sent; -1: there is none.
func (b *Barrier) Next(st *store.Store, open bool, lent int) Task {
	for {
		switch {
		case b.step == stepSent:
			return Wait
		case open:
			b.step, b.behind = stepBegin, store.PartSet{} // a walk that began again has to end first
			return Wait
		case !b.behind.Empty():
			return Wait
		}
		switch b.step {
		case stepBegin:
			b.step = stepOnce
			b.noteTails(st, lent)
		case stepOnce:
			b.step = stepTwice
			b.noteTails(st, lent)
		case stepTwice:
			b.step = stepGraves
			b.noteGraves(st)
		case stepGraves:
			return Announce
		case stepBehind:
			return Send
		}
	}
}

// Behind is what the live lane has to look at: partitions with something to send that
// BARRIER waits for.
func (b *Barrier) Behind() *store.PartSet { return &b.behind }

// Passed says that the live lane of a partition has come to a position. more: it has more.
func (b *Barrier) Passed(part int, to uint64, more bool) {
	if !more || to >= b.tails[part] {
		b.behind.Remove(part)
	}
}

// Announced takes which grave of each partition was announced last, and says whether
// those that BARRIER waits for are among them.
func (b *Barrier) Announced(st *store.Store, gens *[store.Partitions]uint64, lent int) bool {
	for part, gen := range b.owedGen {
		if gens[part] < gen {
			return false
		}
	}
	b.step = stepBehind
	if b.took {
		b.noteTails(st, lent)
	}
	return true
}

// Sent says that BARRIER is on its way.
func (b *Barrier) Sent() { b.step = stepSent }

// IsSent says that it has been sent.
func (b *Barrier) IsSent() bool { return b.step == stepSent }

// Notes counts how often the tails have been noted, of the two times.
func (b *Barrier) Notes() int { return int(min(b.step, stepTwice)) }

// noteGraves looks at what every partition has buried.
func (b *Barrier) noteGraves(st *store.Store) {
	b.took = false
	for part := range store.Partitions {
		b.owedGen[part] = st.GraveGen(part)
		b.took = b.took || b.owedGen[part] != 0
	}
}

// noteTails looks at every partition's newest change, and which of them are still
// to be sent.
func (b *Barrier) noteTails(st *store.Store, lent int) {
	b.behind = store.PartSet{}
	for part := range store.Partitions {
		b.tails[part] = st.Tail(part)
		if part == lent || st.SentCursor(part).B < b.tails[part] {
			b.behind.Add(part)
		}
	}
}
