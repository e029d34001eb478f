package snapshot

import "twincached/store"

// Barrier decides when a session sends BARRIER. Three things must be true by then. The
// copy is done. The live lane has passed the tails that all partitions had when the copy
// was done. What was buried until then is announced.
//
// The tails are noted twice. An item that an earlier session has sent may change after
// the first time. It moves to the tail, behind the place that was noted, and the peer
// still has its old state. Once the cursors have passed the first note, an item that has
// not been sent keeps its place, so the second note misses none. BARRIER does not wait
// for what is buried or deleted after that. Otherwise a node that buries all the time
// would never let its peer serve.
//
// The zero value is ready, at the start of a session. It is not for concurrent use.
type Barrier struct {
	stage    stage
	unsent   store.PartSet // partitions whose live cursor has not passed the tail that was noted
	tails    [store.Partitions]uint64
	graveGen [store.Partitions]uint64 // the graves that must be announced before BARRIER; 0 = none
	anyGrave bool                     // there is one of them: the peer drops items for it, and gets them again before BARRIER
}

// stage is what is to be done next. It is done once the live lane has passed the tails
// that were noted last.
type stage uint8

const (
	stageTails      stage = iota // note the tails
	stageTailsAgain              // note them again
	stageGraves                  // all changes up to there are sent, buried or flushed: note the graves
	stageAnnounce                // announce those graves. Then note the tails, because what the peer dropped for them is sent again
	stageSend                    // send BARRIER
	stageSent
)

// Task is what the session has to do for its BARRIER.
type Task uint8

// The tasks.
const (
	Wait     Task = 0 // nothing: something is still to be sent
	Announce Task = 1 // announce the graves that are due, then call Announced
	Send     Task = 2 // send the last flush and BARRIER, then call Sent
)

// Next does what is due, and says what the session has to do after that. copying: the copy
// has not all been sent. largePart is the partition of a large value that the live lane is
// sending in pieces; -1 = there is none.
func (b *Barrier) Next(st *store.Store, copying bool, largePart int) Task {
	for {
		switch {
		case b.stage == stageSent:
			return Wait
		case copying:
			b.stage, b.unsent = stageTails, store.PartSet{} // the walk of a partition has begun again, and has to end first
			return Wait
		case !b.unsent.Empty():
			return Wait
		}
		switch b.stage {
		case stageTails:
			b.stage = stageTailsAgain
			b.noteTails(st, largePart)
		case stageTailsAgain:
			b.stage = stageGraves
			b.noteTails(st, largePart)
		case stageGraves:
			b.stage = stageAnnounce
			b.noteGraves(st)
		case stageAnnounce:
			return Announce
		case stageSend:
			return Send
		}
	}
}

// Unsent is the partitions in which the live lane still has to send something that BARRIER
// waits for.
func (b *Barrier) Unsent() *store.PartSet { return &b.unsent }

// Passed tells that the live lane of a partition has come to the sequence to. more: it has
// more to send.
func (b *Barrier) Passed(part int, to uint64, more bool) {
	if !more || to >= b.tails[part] {
		b.unsent.Remove(part)
	}
}

// Announced says whether all graves that BARRIER waits for have been announced. gens is
// the generation of the grave that was announced last in each partition; 0 = none was.
func (b *Barrier) Announced(st *store.Store, gens *[store.Partitions]uint64, largePart int) bool {
	for part, gen := range b.graveGen {
		if gens[part] < gen {
			return false
		}
	}
	b.stage = stageSend
	if b.anyGrave {
		b.noteTails(st, largePart)
	}
	return true
}

// Sent tells that BARRIER has been written.
func (b *Barrier) Sent() { b.stage = stageSent }

// IsSent says whether BARRIER has been written.
func (b *Barrier) IsSent() bool { return b.stage == stageSent }

// Notes is how often the tails have been noted: 0, 1 or 2.
func (b *Barrier) Notes() int { return int(min(b.stage, stageGraves)) }

// noteGraves notes the grave of every partition that has one.
func (b *Barrier) noteGraves(st *store.Store) {
	b.anyGrave = false
	for part := range store.Partitions {
		b.graveGen[part] = st.GraveGen(part)
		b.anyGrave = b.anyGrave || b.graveGen[part] != 0
	}
}

// noteTails notes the newest change of every partition, and which partitions have not
// sent theirs.
func (b *Barrier) noteTails(st *store.Store, largePart int) {
	b.unsent = store.PartSet{}
	for part := range store.Partitions {
		b.tails[part] = st.Tail(part)
		if part == largePart || st.SentCursor(part).B < b.tails[part] {
			b.unsent.Add(part)
		}
	}
}
