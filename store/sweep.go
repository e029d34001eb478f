package store

import (
	"sync"
	"sync/atomic"
)

// sweeper walks all partitions for items that expired or were flushed, or still carry
// the id of a peer that is gone.
type sweeper struct {
	mu     sync.Mutex
	part   int                       // where the walk stands
	left   int                       // partitions until a hurried round is complete
	items  int                       // passed in the last round
	passed int                       // in this one
	at     int64                     // when the last Tick was, Unix ms; 0: there was none
	clock  uint64                    // the store's clock then
	hurry  atomic.Bool               // a flush left much to reclaim
	crawl  atomic.Bool               // somebody asked for a hurried round, and it is not finished
	found  [SizeClasses]int64        // Unix ms of the oldest access of each class in this round; 0: none
	old    [SizeClasses]atomic.Int64 // and in the round before

	carried [mixSource + 1]bool // ids of peer incarnations that items may carry
	freeing int                 // partitions until only that of the last one is carried
}

const (
	tickMillis      = 100  // from one Tick to the next
	calmTicks       = 10   // that a calm store can do without
	sweepItems      = 2048 // looked at in one Tick, at least: a few ms a second of one core at ten Ticks a second
	sweepTicks      = 2000 // Ticks that a round may take, whatever there is: less than accessFineMaxSec
	sweepHurryItems = 1 << 17
	sweepChunk      = 256  // items under one lock hold
	sweepLateMillis = 2000 // an expired item is left for so long to whoever asks for it, so that get_expired counts: as memcached's crawler does
)

// Tick does what time demands: a due flush, and a slice of the sweep for expired
// items. Call it about ten times a second. calm: nothing was written since the last call, and
// nothing is due, so a second may pass before the next one. Its slice is larger then.
func (s *Store) Tick(nowMillis int64) (calm bool) {
	s.dueFlush(nowMillis)
	shrinking := s.shrink(nowMillis)
	s.giveAll()
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	if s.sweep.hurry.Swap(false) {
		s.sweep.left = Partitions + 1
	}
	s.sweepSlice(nowMillis)
	clock, at := s.clock.hlc.Load(), s.pendingAt.Load()
	calm = clock == s.sweep.clock && s.sweep.left == 0 && !shrinking && (at == 0 || at-nowMillis > (calmTicks+1)*tickMillis)
	s.sweep.at, s.sweep.clock = nowMillis, clock
	return calm
}

// sweepSlice looks at the next items: as many as are due since the last Tick. The sweeper's
// lock is held.
func (s *Store) sweepSlice(nowMillis int64) {
	budget := max(sweepItems, s.sweep.items/sweepTicks)
	if s.sweep.at > 0 {
		budget *= int(min(max((nowMillis-s.sweep.at)/tickMillis, 1), calmTicks))
	}
	if s.sweep.left > 0 {
		budget = sweepHurryItems
	}
	for visited := 0; budget > 0 && visited < Partitions; {
		n, end := s.parts[s.sweep.part].sweepSome(nowMillis, &s.sweep.found)
		budget -= max(n, 1)
		s.sweep.passed += n
		if end {
			if s.sweep.part == Partitions-1 {
				s.sweep.items, s.sweep.passed = s.sweep.passed, 0
				s.sweep.publish()
			}
			s.sweep.part = (s.sweep.part + 1) % Partitions
			if s.sweep.freeing = max(0, s.sweep.freeing-1); s.sweep.freeing == 0 {
				s.sweep.carried = [mixSource + 1]bool{}
				s.sweep.carried[s.peerSrc()] = true
			}
			if s.sweep.left = max(0, s.sweep.left-1); s.sweep.left == 0 && !s.sweep.hurry.Load() {
				s.sweep.crawl.Store(false)
			}
			visited++
		}
	}
}

// sweepSome looks at the next items of the partition; end reports that it came to
// the end of the list. oldest takes each class's oldest access.
func (p *partition) sweepSome(nowMillis int64, oldest *[SizeClasses]int64) (n int, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, l := p.s.arena, &p.list
	if l.sweep == 0 {
		l.sweep = l.head
	}
	flushed := p.s.flushedTo.Load()
	expired := nowMillis - sweepLateMillis
	if p.s.sweep.crawl.Load() { // somebody asked for it
		expired = nowMillis
	}
	for ; n < sweepChunk && l.sweep != 0; n++ {
		h := l.sweep
		hd := a.at(h)
		l.sweep = hd.next
		if hd.is(bitTomb) {
			continue
		}
		if src := hd.source(); src != 0 && src != p.s.peerSrc() {
			hd.setSource(0)
		}
		class := classOf(hd)
		row := &p.stats.class[class]
		row.CrawlerChecked++
		switch {
		case hd.version <= flushed:
			row.CrawlerReclaimed++
			p.unlink(h)
		case past(hd.expires(), expired):
			p.expire(h, &row.CrawlerReclaimed)
		default:
			hd.ageAccess(nowMillis)
			if at := nowMillis - hd.idleSeconds(nowMillis)*1000; oldest[class] == 0 || at < oldest[class] {
				oldest[class] = at
			}
		}
	}
	return n, l.sweep == 0
}

// publish ends a round of what was found about the classes.
func (w *sweeper) publish() {
	for i := range w.found {
		w.old[i].Store(w.found[i])
		w.found[i] = 0
	}
}

// Crawl makes the sweep pass everything once without its usual pauses: in the
// Ticks that follow. Crawling tells when it has.
func (s *Store) Crawl() {
	s.sweep.hurry.Store(true)
	s.sweep.crawl.Store(true)
}

// Crawling reports whether the pass that Crawl asked for is still to be finished.
func (s *Store) Crawling() bool { return s.sweep.crawl.Load() }
