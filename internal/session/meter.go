package session

import (
	"sync/atomic"

	"twincached/store"
)

// laneOther is the counter of frames that carry no items. The counters before it are those
// of store.Live and store.Bulk.
const laneOther = 2

// meter counts over all sessions of a link. Safe for concurrent use.
type meter struct {
	bytesOut, bytesIn   [3]atomic.Uint64 // live, bulk, other
	itemsOut, itemsIn   [2]atomic.Uint64 // live, bulk
	framesOut, framesIn atomic.Uint64

	unpackedOut, packedOut atomic.Uint64 // bytes of frames of items that were sent while Compress was in use: before and after
	sessions               atomic.Uint64
	resumes, bulkStarts    atomic.Uint64
	gravesOut              atomic.Uint64
	slotClashes            atomic.Uint64
	refusedOut             atomic.Uint64 // REFUSED frames sent: values of the peer that are not stored here
	refusedBy              atomic.Uint64 // REFUSED frames received that the store noted: values that the peer does not store
	lag                    lagMeter

	flushAcked atomic.Uint64 // not a counter: version of the newest flush that the last peer has acknowledged, or made itself
}

// LaneCounts is what went over one lane in all sessions.
type LaneCounts struct {
	BytesOut, BytesIn uint64 // frames, heads included
	ItemsOut, ItemsIn uint64
}

// Counts grow over all sessions of a link.
type Counts struct {
	Sessions    uint64 // sessions established
	Resumes     uint64 // sessions that went on where an earlier one stopped
	BulkStarts  uint64 // partitions whose bulk walk to the peer began, or began again
	Graves      uint64 // graves announced
	SlotClashes uint64 // sessions whose peer had the same slot: one of the two took another
	RefusedOut  uint64 // times the peer was told that a value of its own is not stored here
	RefusedBy   uint64 // times the peer said that it does not store a value of this node

	Live, Bulk          LaneCounts
	OtherOut, OtherIn   uint64 // bytes of frames that carry no items
	FramesOut, FramesIn uint64 // of established sessions

	UnpackedOut uint64 // bytes of frames of items that were sent while Config.Compress was in use, before compression
	PackedOut   uint64 // and after it; they are part of Live and Bulk
}

// Counts is the counters as they are now.
func (c *Core) Counts() Counts {
	m := &c.meter
	return Counts{
		Sessions: m.sessions.Load(), Resumes: m.resumes.Load(), BulkStarts: m.bulkStarts.Load(), Graves: m.gravesOut.Load(),
		SlotClashes: m.slotClashes.Load(), RefusedOut: m.refusedOut.Load(), RefusedBy: m.refusedBy.Load(),
		Live: m.lane(store.Live), Bulk: m.lane(store.Bulk),
		OtherOut: m.bytesOut[laneOther].Load(), OtherIn: m.bytesIn[laneOther].Load(),
		FramesOut: m.framesOut.Load(), FramesIn: m.framesIn.Load(),
		UnpackedOut: m.unpackedOut.Load(), PackedOut: m.packedOut.Load(),
	}
}

// Sessions is how many sessions have been established.
func (c *Core) Sessions() uint64 { return c.meter.sessions.Load() }

func (m *meter) lane(lane store.Lane) LaneCounts {
	return LaneCounts{
		BytesOut: m.bytesOut[lane].Load(), BytesIn: m.bytesIn[lane].Load(),
		ItemsOut: m.itemsOut[lane].Load(), ItemsIn: m.itemsIn[lane].Load(),
	}
}
