package store

import "fmt"

// CheckInvariants walks everything and returns the first contradiction it finds,
// for tests and simulations. The store must be quiet meanwhile.
func (s *Store) CheckInvariants() error {
	var tombBytes, markerBytes, indexBytes, graveBytes int64
	inSegment := map[int32]int64{}
	runs := 0
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		err := p.check(inSegment, &runs)
		for _, t := range p.tombs {
			for h := t.head; h != 0; h = s.arena.at(h).links().next {
				n := int64(s.arena.round(s.arena.at(h).bytes()))
				tombBytes += n
				if s.arena.at(h).is(bitFetched) {
					markerBytes += n
				}
			}
		}
		indexBytes += tableBytes(len(p.idx.slots))
		graveBytes += int64(len(p.grave.filter) + len(p.announced.filter))
		p.mu.Unlock()
		if err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
	}
	if got, markers := s.tombBytes.Load(), s.markerBytes.Load(); got != tombBytes || markers != markerBytes {
		return fmt.Errorf("tombstone bytes are counted as %d, of markers %d, but there are %d and %d", got, markers, tombBytes, markerBytes)
	}
	if budget := s.tombBudget.Load(); tombBytes > budget {
		return fmt.Errorf("tombstones take %d bytes of a budget of %d", tombBytes, budget)
	}
	if got := s.filters.Load() * FilterBytes; got != graveBytes {
		return fmt.Errorf("the filters of graves are counted as %d bytes, but take %d", got, graveBytes)
	}
	return s.arena.check(inSegment, runs, indexBytes, graveBytes)
}

func (p *partition) check(inSegment map[int32]int64, runs *int) error {
	a := p.s.arena
	var seq, items, bytes uint64
	var prev handle
	n, tombs, refused := 0, 0, uint64(0)
	lives := p.list.live == 0
	for h := p.list.head; h != 0; h = a.at(h).next {
		hd := a.at(h)
		switch {
		case hd.prev != prev:
			return fmt.Errorf("the change list's links disagree at %d", h)
		case hd.seq() <= seq || hd.seq() > p.list.seq:
			return fmt.Errorf("sequence %d after %d, of %d", hd.seq(), seq, p.list.seq)
		case hd.is(bitDead) || hd.part != p.id || PartitionOf(hd.key()) != int(p.id):
			return fmt.Errorf("item %q does not belong here (bits %b, partition %d)", hd.key(), hd.bits, hd.part)
		case p.find(p.s.tag(hd.key()), hd.key()) != h:
			return fmt.Errorf("the index does not find %q", hd.key())
		case hd.version > p.s.clock.hlc.Load() || hd.expVersion() > p.s.clock.hlc.Load():
			return fmt.Errorf("%q has a version above the clock", hd.key())
		case a.isRun(h) && hd.shape() != shapeAll, p.s.cfg.NoEviction && !hd.is(bitTomb) && !hd.holds(shapeTouched):
			return fmt.Errorf("%q has no room for a touch", hd.key())
		case hd.is(bitTomb) && hd.source() != 0:
			return fmt.Errorf("a tombstone of the peer is kept for %q", hd.key())
		}
		if a.isRun(h) {
			*runs++
		} else {
			inSegment[int32(int64(h)<<a.shift/int64(a.segBytes))] += int64(a.round(hd.bytes()))
		}
		if hd.is(bitTomb) {
			tombs++
		} else {
			items++
			bytes += uint64(hd.bytes())
		}
		if hd.refused() {
			refused++
		}
		prev, seq = h, hd.seq()
		lives = lives || h == p.list.live
		n++
	}
	switch {
	case p.list.tail != prev:
		return fmt.Errorf("the change list's tail is %d, not %d", p.list.tail, prev)
	case !lives:
		return fmt.Errorf("the live lane stands at %d, which is not in the change list", p.list.live)
	case p.peer.attached && p.list.live != p.firstAfter(p.peer.sent.B):
		return fmt.Errorf("the live lane stands at %d and has sent up to %d", p.list.live, p.peer.sent.B)
	case has(&p.s.link.owes, p.id) != p.peer.sent.open(), has(&p.s.link.lacks, p.id) != p.peer.recv.open():
		return fmt.Errorf("the sets of what is owed and lacking do not say what the cursors %+v and %+v do", p.peer.sent, p.peer.recv)
	case n != p.idx.count:
		return fmt.Errorf("the index counts %d, the list %d", p.idx.count, n)
	case refused != p.refused:
		return fmt.Errorf("%d items that the peer refused are counted as %d", refused, p.refused)
	case tombs != p.tombN:
		return fmt.Errorf("%d tombstones are counted as %d", tombs, p.tombN)
	case items != p.stats.items || bytes != p.stats.bytes:
		return fmt.Errorf("%d items of %d bytes are counted as %d of %d", items, bytes, p.stats.items, p.stats.bytes)
	}
	return p.checkTombs()
}

func has(s *sharedSet, part uint8) bool {
	set := s.load()
	return set[part/64]>>(part%64)&1 != 0
}

func (p *partition) checkTombs() error {
	a, n := p.s.arena, 0
	for list, t := range p.tombs {
		prev := handle(0)
		for h := t.head; h != 0; h = a.at(h).links().next {
			hd := a.at(h)
			if !hd.is(bitTomb) || hd.bits&bitFreq != uint8(list) || hd.links().prev != prev {
				return fmt.Errorf("tombstone list %d is broken at %q", list, hd.key())
			}
			prev = h
			n++
		}
		if t.tail != prev {
			return fmt.Errorf("tombstone list %d ends at %d, not %d", list, t.tail, prev)
		}
	}
	if n != p.tombN {
		return fmt.Errorf("%d tombstones are in lists, %d exist", n, p.tombN)
	}
	return nil
}

func (a *arena) check(inSegment map[int32]int64, runs int, indexBytes, graveBytes int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	committed, dead := indexBytes+graveBytes, int64(0)
	for id := int32(1); id <= a.smallSegs; id++ {
		s := &a.segs[id]
		if s.state == segFree {
			if inSegment[id] != 0 {
				return fmt.Errorf("free segment %d holds items", id)
			}
			continue
		}
		committed += int64(a.segBytes)
		dead += int64(s.dead)
		if live := int64(s.used - s.dead); live != inSegment[id] {
			return fmt.Errorf("segment %d counts %d live bytes and holds %d", id, live, inSegment[id])
		}
	}
	for i := range a.orders {
		sum, o := int64(0), &a.orders[i]
		for id := o.oldest; id != 0; id = a.segs[id].next {
			sum += a.spanOf(id)
		}
		if sum != o.bytes {
			return fmt.Errorf("order %d has %d bytes, counted as %d", i, sum, o.bytes)
		}
	}
	committed += int64(len(a.free)) * int64(a.segBytes)
	for _, s := range a.segs[a.smallSegs+1:] {
		committed += int64(s.pages) * pageBytes
		if s.state == segRun {
			runs--
		}
	}
	switch {
	case runs != 0:
		return fmt.Errorf("%d large items more than runs", runs)
	case committed != a.committed:
		return fmt.Errorf("%d bytes are committed, counted as %d", committed, a.committed)
	case dead != a.dead:
		return fmt.Errorf("%d bytes are dead, counted as %d", dead, a.dead)
	case a.committed > a.limit+graveBytes: // a full store has filters all the same, until the next reclaim
		return fmt.Errorf("%d bytes are committed, over the limit of %d", a.committed, a.limit)
	}
	return nil
}
