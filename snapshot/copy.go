package snapshot

import "twincached/store"

// Copy is the full copy in one direction. It outlives a session: when the link breaks, the
// next session goes on where this one stopped. It is not for concurrent use: the session's
// lock covers it.
type Copy struct {
	owed      func() store.PartSet // what the store's cursors say
	largePart int                  // 1 + the partition of a large value that is being sent in pieces; 0 = none
	at        int                  // the partition whose walk is under way

	announced [store.Partitions]uint64 // items announced
	moved     [store.Partitions]uint64 // items moved so far
	items     uint64
	total     uint64
	bytes     uint64
	started   int64
	finished  int64
	over      bool // it had ended when the session began: what is walked now is another walk

	walked     store.PartSet // announced to be walked
	again      bool          // this walk is not the first one with the process
	last       Report        // of the full copy before this walk
	lastWalked store.PartSet // its partitions
}

// To is the copy from a store to the peer.
func To(st *store.Store) *Copy { return &Copy{owed: st.Owes} }

// From is the copy from the peer to a store.
func From(st *store.Store) *Copy { return &Copy{owed: st.Lacks} }

// Owed is the partitions whose walk has not ended.
func (c *Copy) Owed() store.PartSet {
	owed := c.owed()
	if c.largePart != 0 {
		owed.Add(c.largePart - 1)
	}
	return owed
}

// Attach begins a session. The store has attached the peer before. same: the peer is the
// process that the last session was with. For another process the counters begin at 0, and
// so they do when something is walked again after a copy that had ended.
func (c *Copy) Attach(same bool, nowMillis int64) {
	if !same {
		*c = Copy{owed: c.owed}
	}
	c.at, c.largePart, c.over = 0, 0, c.finished != 0
	c.UpdateTimes(nowMillis)
}

// Begin tells that the walk of a partition begins, over about count items. If it begins
// again, what the earlier walk has moved does not count any more. The store's cursor stands
// at the start already.
func (c *Copy) Begin(part int, count uint64, nowMillis int64) {
	c.noteStart(nowMillis)
	c.total += count - c.announced[part]
	c.items -= c.moved[part]
	c.announced[part], c.moved[part] = count, 0
	c.walked.Add(part)
	c.UpdateTimes(nowMillis)
}

func (c *Copy) noteStart(nowMillis int64) {
	if c.over {
		last, walked := c.last, c.lastWalked
		if c.full() {
			last, walked = c.Report(), c.walked
		}
		*c = Copy{owed: c.owed, at: c.at, largePart: c.largePart, again: true, last: last, lastWalked: walked}
	}
	if c.started == 0 {
		c.started = nowMillis
	}
	c.finished = 0
}

// full tells whether this is a full copy, and no addition to one: after a short cut only
// partitions that were empty until then are walked.
func (c *Copy) full() bool {
	missing := c.lastWalked.Without(&c.walked)
	return !c.again || missing.Empty() && !c.lastWalked.Empty() || c.walked.Size() == store.Partitions
}

// Next is the partition to go on with; -1 = there is none. Partitions in parked have to
// wait. The walk of one partition ends before the walk of the next one begins.
func (c *Copy) Next(parked *store.PartSet) int {
	owed := c.Owed()
	owed = owed.Without(parked)
	part := owed.Next(c.at)
	if part >= 0 {
		c.at = part
	}
	return part
}

// BeginLarge tells that the walk sends a large value in pieces from now on. The partition is
// owed until EndLarge, although the store's cursor has passed the value.
func (c *Copy) BeginLarge(part int) { c.largePart = part + 1 }

// EndLarge tells that the value has been sent, or will not be.
func (c *Copy) EndLarge() { c.largePart = 0 }

// Moved counts one bulk batch. The store's cursor has passed it.
func (c *Copy) Moved(part, items, bytes int, nowMillis int64) {
	c.items += uint64(items)
	c.moved[part] += uint64(items)
	c.bytes += uint64(bytes)
	c.UpdateTimes(nowMillis)
}

// UpdateTimes notes when the copy began and when it ended, as soon as it has.
func (c *Copy) UpdateTimes(nowMillis int64) {
	owed := c.Owed()
	switch {
	case !owed.Empty():
		c.noteStart(nowMillis)
	case c.started != 0 && c.finished == 0:
		c.finished = nowMillis
	}
}

// Report is the counters of a Copy, for people.
type Report struct {
	PartitionsOwed int    // partitions whose walk has not ended
	ItemsDone      uint64 // items moved on the bulk lane
	ItemsTotal     uint64 // items announced, about; never below ItemsDone
	Bytes          uint64 // frame bytes moved on the bulk lane
	StartedMillis  int64  // Unix ms; 0: no copy has been needed
	FinishedMillis int64  // Unix ms; 0: not started or still going on
}

// Report returns the counters of what is under way, or of the last full copy: an addition to
// it that has ended does not take its place.
func (c *Copy) Report() Report {
	owed := c.Owed()
	if c.finished != 0 && !c.full() {
		r := c.last
		r.PartitionsOwed = owed.Size()
		return r
	}
	return Report{
		PartitionsOwed: owed.Size(),
		ItemsDone:      c.items,
		ItemsTotal:     max(c.total, c.items),
		Bytes:          c.bytes,
		StartedMillis:  c.started,
		FinishedMillis: c.finished,
	}
}

// Left is about how many items are still to be moved.
func (c *Copy) Left() uint64 {
	if owed := c.Owed(); owed.Empty() {
		return 0
	}
	return max(c.total, c.items) - c.items
}
