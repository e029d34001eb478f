package snapshot

import "twincached/store"

// Copy is one direction of a full copy. It outlives a session, because a copy that was
// broken off goes on at its cursors. It is not for concurrent use: the session's lock
// covers it.
type Copy struct {
	owed func() store.PartSet // by the store's cursors
	lent int                  // 1 + the partition of a value that the walk has passed and that has not all been sent; 0: none
	at   int                  // the partition that the walk is in

	count    [store.Partitions]uint64 // items announced
	got      [store.Partitions]uint64 // items moved so far
	items    uint64
	total    uint64
	bytes    uint64
	started  int64
	finished int64
}

// To is the copy from a store to the peer.
func To(st *store.Store) *Copy { return &Copy{owed: st.Owes} }

// From is the copy from the peer to a store.
func From(st *store.Store) *Copy { return &Copy{owed: st.Lacks} }

// Owed is the partitions whose walk has not ended.
func (c *Copy) Owed() store.PartSet {
	owed := c.owed()
	if c.lent != 0 {
		owed.Add(c.lent - 1)
	}
	return owed
}

// Attach begins a session, once the store has. same: with the process of the peer that
// the last one was with; another one's copy begins with nothing.
func (c *Copy) Attach(same bool, nowMillis int64) {
	if !same {
		*c = Copy{owed: c.owed}
	}
	c.at, c.lent = 0, 0
	c.Look(nowMillis)
}

// Begin is for the announcement of a partition's walk, over about count items. A walk that
// begins again forgets what the earlier one moved. The store's cursor is there already.
func (c *Copy) Begin(part int, count uint64, nowMillis int64) {
	c.total += count - c.count[part]
	c.items -= c.got[part]
	c.count[part], c.got[part] = count, 0
	c.open(nowMillis)
	c.Look(nowMillis)
}

func (c *Copy) open(nowMillis int64) {
	if c.started == 0 {
		c.started = nowMillis
	}
	c.finished = 0
}

// Next is the partition that the walk goes on with, of those that are not parked; -1:
// there is none. The walk of one partition ends before that of the next one begins.
func (c *Copy) Next(parked *store.PartSet) int {
	owed := c.Owed()
	owed = owed.Without(parked)
	part := owed.Next(c.at)
	if part >= 0 {
		c.at = part
	}
	return part
}

// Lend says that the walk has passed a large value that is sent in pieces from now on: its
// partition is owed until Arrived.
func (c *Copy) Lend(part int) { c.lent = part + 1 }

// Arrived says that the last piece has been sent, or none will be.
func (c *Copy) Arrived() { c.lent = 0 }

// Moved counts one bulk batch, which the store's cursor has passed.
func (c *Copy) Moved(part, items, bytes int, nowMillis int64) {
	c.items += uint64(items)
	c.got[part] += uint64(items)
	c.bytes += uint64(bytes)
	c.Look(nowMillis)
}

// Look notes when the copy has begun, and when it has come to its end.
func (c *Copy) Look(nowMillis int64) {
	owed := c.Owed()
	switch {
	case !owed.Empty():
		c.open(nowMillis)
	case c.started != 0 && c.finished == 0:
		c.finished = nowMillis
	}
}

// Report is a copy of the counters for people.
type Report struct {
	PartitionsOwed int    // partitions whose bulk walk has not ended
	ItemsDone      uint64 // items moved on the bulk lane
	ItemsTotal     uint64 // items announced, about; never below ItemsDone
	Bytes          uint64 // frame bytes moved on the bulk lane
	StartedMillis  int64  // Unix ms; 0: no copy has been needed
	FinishedMillis int64  // Unix ms; 0: not started or still going on
}

// Report returns the counters.
func (c *Copy) Report() Report {
	owed := c.Owed()
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
