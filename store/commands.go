package store

import "strconv"

// Do carries out one mutation: the one place where clients change data,
// whatever protocol they speak.
func (s *Store) Do(nowMillis int64, r *Request) Result {
	s.dueFlush(nowMillis)
	p, tag := s.partition(r.Key)
	for range maxAttempts {
		p.mu.Lock()
		res, done := p.do(tag, nowMillis, r)
		short := p.short
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

// maxAttempts bounds how often a writer reclaims memory that others then take
// before it: with ten thousand writers at once the last one may be told so.
const maxAttempts = 1000

// refuse answers a request that no memory can be had for. A set that fails must
// not leave the older value to be read.
func (p *partition) refuse(tag uint32, nowMillis int64, r *Request) Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.StoreNoMemory++
	if r.Op == OpSet || r.Op == OpDelete || r.Op == OpDrop {
		p.eraseWithoutMemory(tag, p.find(tag, r.Key), nowMillis, r.Key)
	}
	return Result{Status: NoMemory}
}

// present returns the memory that stands for a key (0: none), and its header if a
// client may see the item: not a tombstone, not flushed, not expired.
func (p *partition) present(tag uint32, key []byte, nowMillis int64) (handle, *header) {
	h := p.find(tag, key)
	if h == 0 {
		return 0, nil
	}
	hd := p.s.arena.at(h)
	switch {
	case hd.is(bitTomb):
		return h, nil
	case hd.version <= p.s.flushedTo.Load():
		p.stats.GetFlushed++
		p.unlink(h)
		return 0, nil
	case hd.expires() != 0 && hd.expires() <= nowMillis:
		return h, nil
	}
	return h, hd
}

// do decides and acts in one critical section. done is false, and nothing has
// changed, when memory has to be reclaimed first.
func (p *partition) do(tag uint32, nowMillis int64, r *Request) (res Result, done bool) {
	h, hd := p.present(tag, r.Key, nowMillis)
	switch r.Op {
	case OpIncr, OpDecr:
		return p.delta(tag, h, hd, nowMillis, r)
	case OpDelete, OpDrop:
		return p.delete(tag, h, hd, nowMillis, r)
	case OpTouch:
		if hd == nil {
			p.stats.CmdTouch++
			p.stats.TouchMisses++
			return Result{Status: NotFound}, true
		}
		if !p.touch(tag, h, nowMillis, r.Expires) {
			return Result{}, false
		}
		p.stats.CmdTouch++
		p.stats.TouchHits++
		return Result{Status: Touched}, true
	}
	return p.store(tag, h, hd, nowMillis, r)
}

// store is the set family.
func (p *partition) store(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	value, flags, expires := r.Value, r.Flags, r.Expires
	var status Status
	switch {
	case r.Op == OpAdd && hd != nil:
		hd.countRead() // memcached moves the item up as well
		status = NotStored
	case hd == nil && (r.Op == OpReplace || r.Op == OpAppend || r.Op == OpPrepend):
		status = NotStored
	case hd == nil && (r.Op == OpCAS || r.CAS != 0):
		p.stats.CasMisses++
		status = NotFound
	case (r.Op == OpCAS || r.CAS != 0) && hd.version != r.CAS:
		p.stats.CasBadval++
		status = Exists
	}
	if status != 0 {
		p.stats.CmdSet++
		return Result{Status: status}, true
	}
	if r.Op == OpAppend || r.Op == OpPrepend {
		flags, expires = hd.flags, hd.expires()
		buf := p.s.scratch.Get().(*[]byte)
		defer p.s.scratch.Put(buf)
		if r.Op == OpAppend {
			*buf = append(append((*buf)[:0], hd.value()...), r.Value...)
		} else {
			*buf = append(append((*buf)[:0], r.Value...), hd.value()...)
		}
		value = *buf
	}
	if ItemBytes(len(r.Key), len(value)) > p.s.cfg.MaxItemBytes {
		p.stats.CmdSet++
		p.stats.StoreTooLarge++
		return Result{Status: TooLarge}, true
	}
	var v uint64
	var ok bool
	if expires != 0 && expires <= nowMillis {
		v, ok = p.erase(tag, h, nowMillis, r.Key) // stored, and expired at once
	} else {
		v = p.s.clock.next(nowMillis)
		ok = p.put(tag, h, &change{key: r.Key, value: value, version: v, ever: v, expires: expires, flags: flags}) != 0
	}
	if !ok {
		return Result{}, false
	}
	p.stats.CmdSet++
	p.stats.TotalItems++
	if r.CAS != 0 {
		p.stats.CasHits++
	}
	return Result{Status: Stored, Version: v}, true
}

func (p *partition) delete(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	if hd != nil && r.CAS != 0 && hd.version != r.CAS {
		return Result{Status: Exists}, true
	}
	if _, ok := p.erase(tag, h, nowMillis, r.Key); !ok {
		return Result{}, false
	}
	if r.Op == OpDrop {
		p.stats.StoreTooLarge++
		return Result{Status: Deleted}, true
	}
	if hd == nil {
		p.stats.DeleteMisses++
		return Result{Status: NotFound}, true
	}
	p.stats.DeleteHits++
	return Result{Status: Deleted}, true
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
	return v, p.put(tag, h, &change{key: key, version: v, ever: v, tomb: true}) != 0
}

// eraseWithoutMemory is erase for when nothing can be allocated: the tombstone
// takes over the item's own memory, or the delete is buried.
func (p *partition) eraseWithoutMemory(tag uint32, h handle, nowMillis int64, key []byte) {
	if !p.s.cfg.Replicated || p.s.isLocal(key) {
		if h != 0 {
			p.unlink(h)
		}
		return
	}
	v := p.s.clock.next(nowMillis)
	if h != 0 && p.put(tag, h, &change{key: key, version: v, ever: v, tomb: true, inPlace: true}) != 0 {
		return
	}
	p.bury(v)
	if h != 0 {
		p.unlink(h)
	}
}

// touch gives a live item a new expiry. The version, and with it the cas, stays.
func (p *partition) touch(tag uint32, h handle, nowMillis, expires int64) bool {
	hd := p.s.arena.at(h)
	if expires != 0 && expires <= nowMillis {
		_, ok := p.erase(tag, h, nowMillis, hd.key())
		return ok
	}
	// Decided before the change: only a value that the peer acknowledged may travel
	// as an expiry without the value.
	bit := uint8(0)
	if p.clean(hd) {
		bit = bitTouch
	}
	hd.countRead()
	p.retouch(h, p.s.clock.next(nowMillis), expires, 0, bit)
	return true
}

const maxUint64Digits = 20

// delta is incr and decr. As memcached does, a result that got shorter keeps the
// old length with spaces behind it.
func (p *partition) delta(tag uint32, h handle, hd *header, nowMillis int64, r *Request) (Result, bool) {
	hits, misses := &p.stats.IncrHits, &p.stats.IncrMisses
	if r.Op == OpDecr {
		hits, misses = &p.stats.DecrHits, &p.stats.DecrMisses
	}
	if hd == nil {
		*misses++
		return Result{Status: NotFound}, true
	}
	if r.CAS != 0 && hd.version != r.CAS {
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
	v := p.s.clock.next(nowMillis)
	hd.countRead()
	if p.put(tag, h, &change{key: r.Key, value: text, version: v, ever: v, expires: hd.expires(), flags: hd.flags}) == 0 {
		return Result{}, false
	}
	*hits++
	return Result{Status: Stored, Version: v, Number: n}, true
}

// parseCounter reads a decimal uint64 with spaces behind it, as decr leaves them.
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

// Get appends render(view) to dst for a live item. A miss returns dst unchanged and false.
func (s *Store) Get(nowMillis int64, key, dst []byte, render Render) ([]byte, bool) {
	s.dueFlush(nowMillis)
	p, tag := s.partition(key)
	p.mu.Lock()
	h, hd := p.present(tag, key, nowMillis)
	p.stats.CmdGet++
	if hd == nil {
		p.stats.GetMisses++
		p.dropExpired(h)
		p.mu.Unlock()
		return dst, false
	}
	p.stats.GetHits++
	hd.countRead()
	dst = p.render(hd, dst, render)
	p.mu.Unlock()
	return dst, true
}

// GetAndTouch is Get that also gives the item a new expiry (absolute ms, 0 never).
func (s *Store) GetAndTouch(nowMillis int64, key []byte, expires int64, dst []byte, render Render) ([]byte, bool) {
	s.dueFlush(nowMillis)
	p, tag := s.partition(key)
	before := len(dst)
	for range maxAttempts {
		p.mu.Lock()
		h, hd := p.present(tag, key, nowMillis)
		if hd == nil {
			p.stats.CmdGet++
			p.stats.CmdTouch++
			p.stats.GetMisses++
			p.stats.TouchMisses++
			p.mu.Unlock()
			return dst, false
		}
		dst = p.render(hd, dst[:before], render)
		ok := p.touch(tag, h, nowMillis, expires)
		if ok {
			p.stats.CmdGet++
			p.stats.CmdTouch++
			p.stats.GetHits++
			p.stats.TouchHits++
		}
		short := p.short
		p.mu.Unlock()
		if ok {
			return dst, true
		}
		if !s.reclaim(nowMillis, short) {
			break
		}
	}
	p.refuse(tag, nowMillis, &Request{Op: OpDelete, Key: key})
	return dst, true
}

func (p *partition) render(hd *header, dst []byte, render Render) []byte {
	p.view = View{Key: hd.key(), Value: hd.value(), Flags: hd.flags, Version: hd.version, Expires: hd.expires()}
	dst = render(dst, &p.view)
	p.view = View{}
	return dst
}

// dropExpired removes what present found expired, where h is that.
func (p *partition) dropExpired(h handle) {
	if h == 0 || p.s.arena.at(h).is(bitTomb) {
		return
	}
	p.stats.GetExpired++
	p.expire(h, false)
}

// expire removes an expired item. Without memory for a marker it stays: unseen,
// and for the sweep or the cleaner to remove.
func (p *partition) expire(h handle, cleaner bool) {
	fetched := p.s.arena.at(h).is(bitFetched)
	if p.removeLocal(h, cleaner) {
		p.stats.Reclaimed++
		if !fetched {
			p.stats.ExpiredUnfetched++
		}
	}
}
