package store

// order is segments and large runs, first in first out. Its methods belong to arena.mu.
type order struct {
	oldest, newest int32
	bytes          int64
}

// What clients and the peer store comes into the young order. What the hand spares comes
// into the main one, and stays in it for as long as it is read. So a key that is asked for
// once goes before any that is read again. What has a run, and is much larger than others,
// is young in an order of its own: the place of one of these serves many of the others.
const (
	orderYoung uint8 = iota
	orderLarge
	orderMain
	orders
)

// Shares of the memory, above which the hand passes through an order. With a smaller young
// one, more is kept of what is always read (Zipf); with a larger one, of a hot set that moves.
const (
	youngPercent = 40 // of the young and large ones together
	largePercent = 5
	largeOf      = 2  // times the average: an item of this size is large
	smallOf      = 3  // an item this many times smaller than the average may be spared without being read
	mainTurn     = 16 // one pass in so many is through the main order, or what was once read would stay for ever
)

// youngOrder is where a segment or run goes that was just filled.
func (a *arena) youngOrder(id int32) uint8 {
	if avg := a.passedAvg.Load() >> avgShift; id > a.smallSegs && avg > 0 && a.spanOf(id) > largeOf*avg {
		return orderLarge
	}
	return orderYoung
}

// spanOf is what a segment or run counts in its order.
func (a *arena) spanOf(id int32) int64 {
	if id > a.smallSegs {
		return int64(a.segs[id].pages) * pageBytes
	}
	return int64(a.segBytes)
}

// pushLocked puts a segment or run at the young end of an order.
func (a *arena) pushLocked(id int32, in uint8) {
	s, o := &a.segs[id], &a.orders[in]
	s.order = in
	o.bytes += a.spanOf(id)
	s.prev, s.next = o.newest, 0
	if o.newest != 0 {
		a.segs[o.newest].next = id
	} else {
		o.oldest = id
	}
	o.newest = id
}

func (a *arena) unlinkLocked(id int32) {
	s := &a.segs[id]
	o := &a.orders[s.order]
	o.bytes -= a.spanOf(id)
	if s.prev != 0 {
		a.segs[s.prev].next = s.next
	} else {
		o.oldest = s.next
	}
	if s.next != 0 {
		a.segs[s.next].prev = s.prev
	} else {
		o.newest = s.prev
	}
	s.prev, s.next = 0, 0
}

// eldestLocked returns where the hand is to pass next; 0: nothing is in any order. read is
// how many large items it has just passed that clients read: then it looks everywhere.
func (a *arena) eldestLocked(read int) int32 {
	in := orderMain
	young, large := &a.orders[orderYoung], &a.orders[orderLarge]
	a.passes++
	switch {
	case read > 0:
		in = uint8(read % int(orders))
	case a.passes%mainTurn == 0:
	case large.bytes > a.limit/100*largePercent:
		in = orderLarge
	case young.bytes+large.bytes > a.limit/100*youngPercent:
		in = orderYoung
	}
	for range orders {
		if id := a.orders[in].oldest; id != 0 {
			return id
		}
		in = (in + 1) % orders
	}
	return 0
}

// mostDeadLocked returns the segment that gives most, if that is worth moving the
// rest: at least a sixteenth.
func (a *arena) mostDeadLocked() int32 {
	best, most := int32(0), int32(a.segBytes/16)
	for i := range a.orders {
		for id := a.orders[i].oldest; id != 0; id = a.segs[id].next {
			if s := &a.segs[id]; s.state == segClosed && s.dead > most {
				best, most = id, s.dead
			}
		}
	}
	return best
}

const avgShift = 8 // the average is kept in 256ths of a byte, over about 256 items

// spares reports whether the hand passes over an item: because it was read, or is so small
// that to keep it costs next to nothing. But nothing stays for ever for that: the chance that
// it goes is its share of the average size. The caller holds reclaimMu.
func (s *Store) spares(hd *header) bool {
	n, avg := int64(hd.bytes()), s.arena.passedAvg.Load()
	if avg == 0 {
		avg = n << avgShift
	}
	avg += n - avg>>avgShift
	s.arena.passedAvg.Store(avg)
	if freq := hd.bits & bitFreq; freq > 0 {
		return freq >= s.minFreq
	}
	return n*smallOf <= avg>>avgShift && s.draw(avg>>avgShift) >= n
}

// draw returns a number below n, about at random, and the same ones in each run. The caller
// holds reclaimMu.
func (s *Store) draw(n int64) int64 {
	s.lot = s.lot*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
	return int64(s.lot>>33) % n
}
