// Package snapshot is the marugoto copy (まるごとこぴー): what a node that has
// nothing takes from its peer before it opens its client port.
package snapshot

import "twincached/store"

// Progress counts one direction of a full copy. It outlives a session, because a
// copy that was broken off goes on at its cursors. The zero value is ready. It is
// not for concurrent use: the session's lock covers it.
type Progress struct {
	owed     [store.Partitions]bool
	to       [store.Partitions]uint64 // end of the bulk walk; what is resumed has none announced
	count    [store.Partitions]uint64 // items announced
	got      [store.Partitions]uint64 // items moved so far
	owedNum  int
	items    uint64
	total    uint64
	bytes    uint64
	started  int64
	finished int64
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

// Begin opens the bulk walk of a partition over the changes up to t, about count
// items. A walk that begins again forgets what the earlier one moved.
func (p *Progress) Begin(part int, t, count uint64, nowMillis int64) {
	p.total -= p.count[part]
	p.items -= p.got[part]
	p.count[part], p.got[part] = count, 0
	p.total += count
	p.open(part, t, nowMillis)
	if t == 0 {
		p.Done(part, nowMillis)
	}
}

// Resume opens what is left of a walk that an earlier session began.
func (p *Progress) Resume(part int, t uint64, nowMillis int64) { p.open(part, t, nowMillis) }

func (p *Progress) open(part int, t uint64, nowMillis int64) {
	p.to[part] = t
	if !p.owed[part] {
		p.owed[part] = true
		p.owedNum++
	}
	if p.started == 0 {
		p.started = nowMillis
	}
	p.finished = 0
}

// Moved counts one bulk batch that reached position to. It ends the walk when to
// is its end.
func (p *Progress) Moved(part, items, bytes int, to uint64, nowMillis int64) {
	p.items += uint64(items)
	p.got[part] += uint64(items)
	p.bytes += uint64(bytes)
	if to >= p.to[part] {
		p.Done(part, nowMillis)
	}
}

// Done ends the walk of a partition. It may be called again.
func (p *Progress) Done(part int, nowMillis int64) {
	if !p.owed[part] {
		return
	}
	p.owed[part] = false
	if p.owedNum--; p.owedNum == 0 {
		p.finished = nowMillis
	}
}

// Reset forgets everything: another incarnation of the peer starts over.
func (p *Progress) Reset() { *p = Progress{} }

// Report returns the counters.
func (p *Progress) Report() Report {
	return Report{
		PartitionsOwed: p.owedNum,
		ItemsDone:      p.items,
		ItemsTotal:     max(p.total, p.items),
		Bytes:          p.bytes,
		StartedMillis:  p.started,
		FinishedMillis: p.finished,
	}
}
