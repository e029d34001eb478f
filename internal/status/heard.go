package status

import (
	"slices"

	"twincached/internal/nodelog"
)

// heard is the last events of the peer: each snapshot has some that the one before had too.
type heard struct {
	process int64 // when the process of the last ones started, Unix ms
	seq     uint64
	events  []nodelog.Event // oldest first
}

// add takes those that are new.
func (h *heard) add(s *Snapshot) {
	if s.Node.StartedMillis != h.process {
		h.process, h.seq = s.Node.StartedMillis, 0
	}
	for _, e := range slices.Backward(s.Events) {
		if e.Seq > h.seq {
			h.seq = e.Seq
			h.events = nodelog.Keep(h.events, e.Bounded())
		}
	}
}

// newest returns them newest first, in a slice of their own.
func (h *heard) newest() []nodelog.Event {
	all := slices.Clone(h.events)
	slices.Reverse(all)
	return all
}
