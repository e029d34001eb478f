package store

import "strconv"

// Do carries out one mutation: the one place where clients change data,
// whatever protocol they speak.
func (s *Store) Do(nowMillis int64, r *Request) Result {
	s.dueFlush(nowMillis)
	if r.Refused {
		p, tag := s.partition(r.Key)
		return p.refuse(tag, nowMillis, r)
	}
	if len(r.Value) > s.cfg.LargeBytes && r.Draft == nil {
		return s.doLarge(nowMillis, r)
	}
	return s.doNow(nowMillis, r)
}

func (s *Store) doNow(nowMillis int64, r *Request) Result {
	p, tag := s.partition(r.Key)
	for range maxAttempts {
		p.mu.Lock()
		res, done := p.do(tag, nowMillis, r)
		short := p.short
		if !done {
			p.stats.requested(r).DirectReclaims++
		}
		p.mu.Unlock()
		if done {
			return res
		}
		if !s.reclaim(nowMillis, short) {
			break
		}
	}
	return p.refuse(tag, nowMillis, r)
}

// maxAttempts bounds how often a writer reclaims memory that other writers then take. Its
// client gets an out-of-memory error after that, which may happen if ten thousand write at
// once.
const maxAttempts = 1000

// do decides and acts in one critical section. done is false, and nothing has
// changed, when memory has to be reclaimed first.
func (p *partition) do(tag uint32, nowMillis int64, r *Request) (res Result, done bool) {
	h, hd := p.lookup(tag, r.Key, nowMillis, r.Look)
	expired := hd == nil && p.isExpired(h)
	if res, done = p.act(tag, h, hd, nowMillis, r); done && expired {
		p.cameTooLate(h, p.find(tag, r.Key), nowMillis)
	}
	return res, done
}

// cameTooLate counts a command that found an expired item, old, and removes that if
// what the command left there, now, is still it.
func (p *partition) cameTooLate(old, now handle, nowMillis int64) {
	if now == old && past(p.s.arena.at(old).expires(), nowMillis) {
		p.dropExpired(old)
		return
	}
	p.stats.GetExpired++
}

// act is do on what lookup found.
func (p *partition) act(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (res Result, done bool) {
	switch r.Op {
	case OpIncr, OpDecr:
		return p.delta(tag, h, hd, nowMillis, r)
	case OpDelete, OpDrop:
		return p.delete(tag, h, hd, nowMillis, r)
	case OpTouch:
		if hd == nil {
			p.stats.TouchMisses++
			return Result{Status: NotFound}, true
		}
		row := p.stats.row(hd)
		if !p.touch(tag, h, nowMillis, r.Expires, false, false) {
			return Result{}, false
		}
		row.TouchHits++
		return Result{Status: Touched}, true
	case OpMark:
		return p.mark(tag, h, hd, nowMillis, r)
	}
	return p.store(tag, h, hd, nowMillis, r)
}

// store is the set family.
func (p *partition) store(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	if status := p.refuses(hd, nowMillis, r); status != 0 {
		p.stats.requested(r).CmdSet++
		return Result{Status: status}, true
	}
	value, flags, expires := r.Value, r.Flags, r.Expires
	var tail []byte
	var marks Marks
	switch {
	case r.Op == OpAppend || r.Op == OpPrepend:
		if hd == nil {
			expires = r.CreateExpires
			break
		}
		flags, expires = hd.flags(), hd.expires()
		if r.Op == OpAppend {
			value, tail = hd.value(), r.Value
		} else {
			tail = hd.value()
		}
	case r.Op == OpCAS && r.CAS != hd.version: // outdated, and welcome all the same
		expires, marks = hd.expires(), hd.marks()|MarkStale
	}
	size := len(value) + len(tail)
	if ItemBytes(len(r.Key), size) > p.s.cfg.MaxItemBytes {
		p.stats.requested(r).CmdSet++
		p.stats.StoreTooLarge++
		return Result{Status: TooLarge}, true
	}
	var old *classRow // the class of what is replaced: put may write over it
	if r.compares() && hd != nil {
		old = p.stats.row(hd)
	}
	c := change{key: r.Key, value: value, tail: tail, expires: expires, flags: flags, marks: marks, draft: r.Draft}
	if !p.putNew(tag, h, nowMillis, &c) {
		return Result{}, false
	}
	p.stats.requested(r).CmdSet++
	p.stats.TotalItems++
	if old != nil {
		old.CasHits++
	}
	return Result{Status: Stored, Version: c.version, Number: uint64(size)}, true
}

// compares tells whether an op of the set family needs its CAS to match.
func (r *Request) compares() bool { return r.Op == OpCAS || r.Compare && r.Op != OpAdd }

// refuses tells why a request of the set family cannot be carried out on what is
// there (nil: nothing); 0: it can.
func (p *partition) refuses(hd *header, nowMillis int64, r *Request) Status {
	compare := r.compares()
	switch {
	case r.Op == OpAdd && hd != nil:
		hd.countAccess(nowMillis) // memcached moves the item up as well
		return NotStored
	case hd == nil && (r.Op == OpReplace || (r.Op == OpAppend || r.Op == OpPrepend) && !r.Create):
		return NotStored
	case hd == nil && (r.Op == OpCAS || compare && !r.Create): // what it creates has nothing to compare with
		p.stats.CasMisses++
		return NotFound
	case hd == nil:
	case compare && hd.version != r.CAS && !(r.Op == OpCAS && r.Invalidate && 0 < r.CAS && r.CAS < hd.version):
		p.stats.row(hd).CasBadval++
		return Exists
	}
	return 0
}

// mark gives the item that is there a new version that says something about its
// value: that it is stale, or that it is gone.
func (p *partition) mark(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	switch {
	case hd == nil:
		p.stats.DeleteMisses++
		return Result{Status: NotFound}, true
	case r.Compare && hd.version != r.CAS:
		p.stats.DeleteMisses++
		return Result{Status: Exists}, true
	}
	row := p.stats.row(hd)
	c := change{key: r.Key, value: hd.value(), flags: hd.flags(), expires: hd.expires()}
	if r.Empty {
		c.value, c.flags, c.expires = nil, r.Flags, 0
	} else {
		c.keepHistory(hd)
	}
	if r.Touch {
		c.expires = r.Expires
	}
	if r.Invalidate {
		c.marks = MarkStale
	}
	if !p.putNew(tag, h, nowMillis, &c) {
		return Result{}, false
	}
	if !r.Invalidate {
		row.DeleteHits++
	}
	return Result{Status: Stored, Version: c.version, Number: uint64(len(c.value))}, true
}

// putNew stores what a client wrote under a new version, which it notes in c: now,
// and made here. What has expired already makes the key absent. It returns false,
// having changed nothing but c, when memory has to be reclaimed first.
func (p *partition) putNew(tag uint32, h handle, nowMillis int64, c *change) (ok bool) {
	if past(c.expires, nowMillis) {
		c.version, ok = p.erase(tag, h, nowMillis, c.key)
		return ok
	}
	c.version = p.s.clock.next(nowMillis)
	c.expVersion = c.version
	if !c.history {
		c.access = accessNow(nowMillis)
	}
	return p.put(tag, h, c) != 0
}

// keepHistory is for a change of an item that stays the same one, to memcached: when it
// was read, and that it was, is as before.
func (c *change) keepHistory(hd *header) {
	c.history, c.access, c.fetched = true, hd.accessCode(), hd.is(bitFetched)
}

// past reports whether an expiry has passed.
func past(expires, nowMillis int64) bool { return expires != 0 && expires <= nowMillis }

func (p *partition) delete(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	if hd != nil && r.Compare && hd.version != r.CAS {
		return Result{Status: Exists}, true
	}
	var row *classRow
	if hd != nil {
		row = p.stats.row(hd)
	}
	if _, ok := p.erase(tag, h, nowMillis, r.Key); !ok {
		return Result{}, false
	}
	return p.deleted(row, r), true
}

// deleted counts and answers a delete; row is the class of what was there, nil: nothing.
func (p *partition) deleted(row *classRow, r *Request) Result {
	switch {
	case r.Op == OpDrop:
		p.stats.StoreTooLarge++
	case row == nil:
		p.stats.DeleteMisses++
		return Result{Status: NotFound}
	default:
		row.DeleteHits++
	}
	return Result{Status: Deleted}
}

// erase makes a key absent by a new version, also where it is absent already:
// the peer may hold a copy that this node has evicted.
func (p *partition) erase(tag uint32, h handle, nowMillis int64, key []byte) (version uint64, ok bool) {
	v := p.s.clock.next(nowMillis)
	if !p.s.cfg.Replicated || p.s.isLocal(key) {
		if h != 0 {
			p.unlink(h)
		}
		return v, true
	}
	return v, p.put(tag, h, &change{key: key, version: v, expVersion: v, tomb: true}) != 0
}

// touch gives a live item a new expiry and, where wins says so, notes that a reader
// was told to renew the value. The version, and with it the cas, stays. quiet: it is
// not noted as a read. It returns false, having changed nothing, when memory has to
// be reclaimed first.
func (p *partition) touch(tag uint32, h handle, nowMillis, expires int64, wins, quiet bool) bool {
	if past(expires, nowMillis) {
		_, ok := p.erase(tag, h, nowMillis, p.s.arena.at(h).key())
		return ok
	}
	if h = p.touchable(h); h == 0 {
		return false
	}
	hd := p.s.arena.at(h)
	// Decided before the change: only a value that the peer acknowledged may travel
	// as an expiry without the value.
	bit := uint8(0)
	if p.acked(hd) {
		bit = bitTouch
	}
	marks := hd.marks()
	if wins {
		marks |= MarkWon
	}
	if !quiet {
		hd.countRead(nowMillis)
	}
	p.retouch(h, p.s.clock.next(nowMillis), expires, marks, 0, bit)
	return true
}

const maxUint64Digits = 20

// delta is incr and decr. As memcached does, a result that got shorter keeps the
// old length with spaces after it.
func (p *partition) delta(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	if hd == nil && r.Create {
		return p.createCounter(tag, h, nowMillis, r)
	}
	if hd == nil {
		if r.Op == OpIncr {
			p.stats.IncrMisses++
		} else {
			p.stats.DecrMisses++
		}
		return Result{Status: NotFound}, true
	}
	if r.Compare && hd.version != r.CAS {
		return Result{Status: Exists}, true
	}
	n, ok := parseCounter(hd.value())
	if !ok {
		return Result{Status: NonNumeric}, true
	}
	switch {
	case r.Op == OpIncr:
		n += r.Delta
	case n < r.Delta:
		n = 0
	default:
		n -= r.Delta
	}
	var room [maxUint64Digits]byte
	text := strconv.AppendUint(room[:0], n, 10)
	if len(text) < int(hd.valLen) && int(hd.valLen) <= maxUint64Digits {
		for len(text) < int(hd.valLen) {
			text = append(text, ' ')
		}
	}
	row := p.stats.row(hd)
	c := change{key: r.Key, value: text, expires: hd.expires(), flags: hd.flags(), marks: hd.marks()}
	if len(text) == int(hd.valLen) {
		c.keepHistory(hd)
	}
	hd.countAccess(nowMillis)
	if r.Touch {
		c.expires = r.Expires
	}
	if !p.putNew(tag, h, nowMillis, &c) {
		return Result{}, false
	}
	if r.Op == OpIncr {
		row.IncrHits++
	} else {
		row.DecrHits++
	}
	return Result{Status: Stored, Version: c.version, Number: n, Expires: max(c.expires, 0)}, true
}

// createCounter makes the counter that incr or decr did not find.
func (p *partition) createCounter(tag uint32, h handle, nowMillis int64, r *Request) (Result, bool) {
	var room [maxUint64Digits]byte
	text := strconv.AppendUint(room[:0], r.Initial, 10)
	c := change{key: r.Key, value: text, expires: r.CreateExpires}
	if !p.putNew(tag, h, nowMillis, &c) {
		return Result{}, false
	}
	p.stats.TotalItems++
	return Result{Status: Created, Version: c.version, Number: r.Initial, Expires: max(c.expires, 0)}, true
}

// parseCounter reads a decimal uint64 with spaces after it, as decr leaves them.
func parseCounter(b []byte) (n uint64, ok bool) {
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	if len(b) == 0 || len(b) > maxUint64Digits {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}
