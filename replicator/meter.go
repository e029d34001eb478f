package replicator

import "sync/atomic"

// Which counter a frame goes to; the first two are store.Live and store.Bulk.
const laneOther = 2

// meter counts over all sessions of a link. Safe for concurrent use.
type meter struct {
	bytesOut, bytesIn     [3]atomic.Uint64 // live, bulk, other
	itemsOut, itemsIn     [2]atomic.Uint64 // live, bulk
	framesOut, framesIn   atomic.Uint64
	sessions              atomic.Uint64
	resumes, bulkStarts   atomic.Uint64
	gravesOut             atomic.Uint64
	slotClashes, replaced atomic.Uint64
	skews                 atomic.Uint64
	refusedOut            atomic.Uint64 // values of the peer that are not stored here, each time it was told so
	refusedBy             atomic.Uint64 // and the other way
	dials, dialFails      atomic.Uint64
	delayed               atomic.Uint64

	flushHeard atomic.Uint64 // no count: the newest flush that the last peer has acknowledged, or sent
}
