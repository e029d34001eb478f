package store

import (
	"bytes"
	"fmt"
)

// ApplyBatch merges what the peer sent on a lane of a partition, and moves the
// received cursor to to. A key of another partition is an error, and nothing of
// the batch counts then.
func (s *Store) ApplyBatch(nowMillis int64, part int, lane Lane, to uint64, recs []Record) error {
	batch := [1]Batch{{Part: part, To: to, Records: recs}}
	return s.ApplyBatches(nowMillis, lane, batch[:])
}

// ApplyBatches does that with several batches. After an error nothing of any of them counts.
func (s *Store) ApplyBatches(nowMillis int64, lane Lane, batches []Batch) error {
	highest := uint64(0)
	for i := range batches {
		b := &batches[i]
		if err := checkBatch(b.Part, b.Records); err != nil {
			return err
		}
		for j := range b.Records {
			highest = max(highest, b.Records[j].Version, b.Records[j].ExpVersion)
		}
	}
	s.clock.observe(highest)
	s.dueFlush(nowMillis)
	for i := range batches {
		b := &batches[i]
		s.applyBatch(nowMillis, b.Part, lane, b.To, b.Records)
	}
	return nil
}

func (s *Store) applyBatch(nowMillis int64, part int, lane Lane, to uint64, recs []Record) {
	s.letIn(part)
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range recs {
		r := &recs[i]
		for !p.merge(r, nowMillis) {
			short := p.short
			p.mu.Unlock()
			ok := s.reclaim(nowMillis, short)
			s.letIn(part)
			p.mu.Lock()
			if !ok {
				p.noMemory(r)
				break
			}
		}
	}
	c := p.peer.recv
	if lane == Live {
		c.B = to
	} else {
		c.A = to
	}
	p.setRecv(c)
}

// merge is the join: the larger of two states of a key wins, whichever came
// first. done is false, and nothing has changed, when memory has to be reclaimed.
func (p *partition) merge(r *Record, nowMillis int64) (done bool) {
	p.stats.Received++
	p.s.overrule(r)
	if p.s.isLocal(r.Key) {
		p.stats.ApplyLocal++
		p.notStored(r, RefusedLocal)
		return true // the peer replicates what this node keeps to itself
	}
	if r.Version <= p.s.flushedTo.Load() {
		return true
	}
	tag := p.s.tag(r.Key)
	h := p.find(tag, r.Key)
	var hd *header
	if h != 0 {
		hd = p.s.arena.at(h)
		if !hd.is(bitTomb) && hd.version <= p.s.flushedTo.Load() {
			p.unlink(h)
			h, hd = 0, nil
		}
	}
	if r.Op == RecordTouch {
		return p.mergeTouch(h, hd, r)
	}
	expired := past(r.Expires, nowMillis)
	tomb := r.Op == RecordTombstone
	gone := tomb || expired // what has expired replaces what it supersedes, and is not stored
	if hd == nil {
		if !gone && p.buried(r.Key, r.Version) {
			p.stats.GraveRejects++
			return true
		}
	} else {
		order := compare(r, tomb, hd)
		p.countConflict(order, hd, r)
		if order == 0 && !tomb {
			if src := p.sourceOf(r); src != 0 {
				hd.setSource(src) // the peer has it too
			}
		}
		if order <= 0 {
			return true
		}
	}
	if gone {
		// Receivers keep no tombstones: the sender remembers until this is acknowledged.
		p.forgot(r.Version, r.ExpVersion)
		if h != 0 {
			p.unlink(h)
		}
		return true
	}
	if ItemBytes(len(r.Key), r.valueBytes()) > p.s.cfg.MaxItemBytes {
		p.stats.ApplyTooLarge++
		p.notStored(r, RefusedTooLarge)
		p.dropOlder(r)
		return true
	}
	if r.in != nil && r.in.draft == nil {
		p.noMemory(r)
		return true
	}
	return p.put(tag, h, &change{key: r.Key, value: r.Value, draft: r.draft(), version: r.Version, expVersion: r.ExpVersion,
		expires: r.Expires, flags: r.Flags, marks: r.Marks, src: p.sourceOf(r), access: accessCode(VersionMillis(r.Version)/1000, nowMillis/1000)}) != 0
}

// noMemory gives up a value that there is no room for.
func (p *partition) noMemory(r *Record) {
	p.stats.ApplyNoMemory++
	p.notStored(r, RefusedNoMemory)
	p.dropOlder(r)
}

// valueBytes is the size of the value, also where that is not here.
func (r *Record) valueBytes() int {
	if r.in != nil {
		return r.in.bytes
	}
	return len(r.Value)
}

// draft is the memory that the value is in already; nil: it is to be copied.
func (r *Record) draft() *Draft {
	if r.in != nil {
		return r.in.draft
	}
	return nil
}

// sourceOf is the source of an item that is now as the peer sent it. One that this
// node's grave covers the peer is going to evict: it travels back, as if made here.
func (p *partition) sourceOf(r *Record) uint8 {
	if p.buried(r.Key, r.Version) {
		return 0
	}
	return p.s.peerSrc()
}

// compare orders a received state against the one held, by (version, tombstone,
// expiry version, value): 1 the received one wins, 0 they are the same, -1 it loses.
func compare(r *Record, tomb bool, hd *header) int {
	switch {
	case r.Version != hd.version:
		return sign(r.Version > hd.version)
	case tomb != hd.is(bitTomb):
		return sign(tomb)
	case tomb:
		return 0
	case r.ExpVersion != hd.expVersion():
		return sign(r.ExpVersion > hd.expVersion())
	}
	return bytes.Compare(r.Value, hd.value())
}

func sign(greater bool) int {
	if greater {
		return 1
	}
	return -1
}

// mergeTouch merges a new expiry without the value. Where this node lacks the
// touched version it drops what is older: the value will not come any more.
func (p *partition) mergeTouch(h handle, hd *header, r *Record) bool {
	switch {
	case hd == nil:
		p.stats.TouchUnknown++
		p.forgot(r.Version, r.ExpVersion)
	case hd.version > r.Version || hd.version == r.Version && (hd.is(bitTomb) || hd.expVersion() >= r.ExpVersion):
	case hd.version == r.Version:
		if h = p.touchable(h); h == 0 {
			return false
		}
		hd = p.s.arena.at(h)
		p.retouch(h, r.ExpVersion, r.Expires, hd.marks()&MarkStale|r.Marks&MarkWon, p.sourceOf(r), 0)
	default:
		p.stats.TouchUnknown++
		p.forgot(r.Version, r.ExpVersion)
		p.unlink(h)
	}
	return true
}

// dropOlder removes what this node holds of a key that the peer has a newer
// state of, which cannot be stored here.
func (p *partition) dropOlder(r *Record) {
	h := p.find(p.s.tag(r.Key), r.Key)
	if h == 0 || p.s.arena.at(h).version > r.Version {
		return
	}
	p.forgot(r.Version, r.ExpVersion)
	p.unlink(h)
}

// countConflict counts writes of both nodes that neither had seen of the other.
func (p *partition) countConflict(order int, hd *header, r *Record) {
	if order == 0 || hd.version == r.Version || p.acked(hd) {
		return
	}
	if order > 0 {
		p.stats.ConflictsLost++
	} else {
		p.stats.ConflictsWon++
	}
}

// BulkBegun takes the announcement that the peer copies a partition from the start.
func (s *Store) BulkBegun(part int, t uint64) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setRecv(Cursor{T: t, B: t})
}

// BulkDone takes the announcement that the copy of a partition is complete.
func (s *Store) BulkDone(part int) {
	p := &s.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setRecv(Cursor{A: p.peer.recv.T, T: p.peer.recv.T, B: p.peer.recv.B})
}

// checkBatch refuses a batch with a key of another partition, or without a value that was
// to come before.
func checkBatch(part int, recs []Record) error {
	for i := range recs {
		if recs[i].Op == RecordPieced {
			return fmt.Errorf("store: the item of a value that came in pieces is not alone in its batch")
		}
		if got := PartitionOf(recs[i].Key); got != part {
			return fmt.Errorf("store: a batch for partition %d has a key of partition %d", part, got)
		}
	}
	return nil
}
