package sim

// Plan says what may happen in a run.
type Plan struct {
	Name  string
	Keys  int // of clients; one more is local
	Parts int // partitions they share
	Steps int

	Tombs       int  // budget of tombstones; 0: no limit to speak of; -1: none
	GraveBits   int  // store.Config.GraveBits: when a grave's filter is full
	Cut         int  // how often, of 1,000 steps, a connection is cut, stalled or begun anew
	Crash       bool // kill -9 and restart
	Planned     bool // drain and restart
	Refuse      bool // processes may start with another secret than the other's
	Together    bool // both nodes may drain at once, and each is back as soon as it has gone
	Hasty       bool // every other node that drains gives up soon, and both drain at once more often
	Swap        bool // another machine takes node 1's place, and the old one returns
	Evict       bool // items are removed at random
	Flush       bool
	FlushWithin int64 // delayed flushes come within 20 times that, and 20 more, ms
	TTL         bool  // short expiries
	Big         bool  // node 0 takes items that node 1 does not
	Touchy      bool  // every other command is a touch
	Busy        bool  // clients come in at every third chance that a session at work gives them, not every twentieth
	Full        bool  // large values: the memory is always full
	NoEvict     bool  // node 1 evicts nothing, and node 0 has four times the memory
	Delay       bool  // every other command is a delayed flush
	Pieces      bool  // values of a few bytes, or of large ones, already travel in pieces
	SkewMillis  int64 // clocks differ by up to this, and by another amount after a restart
	Jump        bool  // clocks step forward
	Days        bool  // a machine's wall clock jumps by days, and comes back
	Tight       bool  // little is sent at once, and little is under way
	Slow        bool  // time goes by between steps: silence is noticed
	SameSlot    bool  // both nodes begin with the same slot
	Old         bool  // node 1 is of the first release: it has no features
	Packed      bool  // every other process compresses what it sends, however little it is
	Upgrade     bool  // each process is of one release or another: it has some of the features
	Paced       bool  // a copy takes little of the link
	Preload     int   // keys that node 0 has from the start
	Warm        bool  // a process that stops by plan writes an image, and the next one goes on from it; machines stay off for a while
	Any         bool  // also from one that is not the last, alone
	Stale       bool  // and from images that were used before, are torn, or of another machine, or from none
	Smaller     bool  // and every other process has half of the memory
}

// lossless says that nothing in the plan may lose a value.
func (p *Plan) lossless() bool { return p.mends() && !p.Crash && !p.Swap && !p.Stale && p.Tombs == 0 }

// mends says that whatever one node still holds at rest, the other one has to hold: a
// grave may take a value from both, and what only one gave up is sent to it again.
func (p *Plan) mends() bool { return !p.Evict && !p.TTL && !p.Big && !p.Full }

// refuses says that what node 0 alone holds at rest is what node 1 has refused.
func (p *Plan) refuses() bool { return (p.Big || p.NoEvict) && !p.Evict && p.Tombs == 0 }

// Plans are the configurations that are run.
var Plans = []Plan{
	{Name: "steady", Keys: 4, Parts: 1, Steps: 250},
	{Name: "cuts", Keys: 5, Parts: 2, Steps: 200, Cut: 50, Flush: true, SkewMillis: 50},
	{Name: "tight", Keys: 12, Parts: 1, Steps: 600, Cut: 25, Tight: true},
	{Name: "same slot", Keys: 3, Parts: 1, Steps: 300, Cut: 20, SameSlot: true},
	{Name: "planned", Keys: 5, Parts: 2, Steps: 250, Cut: 10, Planned: true, Flush: true, SkewMillis: 30},
	{Name: "planned together", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Planned: true, Together: true, Flush: true, SkewMillis: 30},
	{Name: "planned together, and crashes", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Tombs: 1, Planned: true, Together: true, Crash: true, Flush: true, Slow: true},
	{Name: "planned together, in haste", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Planned: true, Together: true, Hasty: true, Flush: true},
	{Name: "planned together, no room", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Planned: true, Together: true, Hasty: true, Big: true, Flush: true},
	{Name: "refusals", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Crash: true, Refuse: true, Slow: true},
	{Name: "budget", Keys: 4, Parts: 1, Steps: 250, Cut: 40, Tombs: 1, Flush: true, SkewMillis: 50},
	{Name: "saturated", Keys: 5, Parts: 1, Steps: 250, Cut: 40, Tombs: 1, GraveBits: 5, Flush: true},
	{Name: "graves cross", Keys: 4, Parts: 1, Steps: 300, Cut: 20, Tombs: -1, GraveBits: 5},
	{Name: "graves, busy clients", Keys: 20, Parts: 1, Steps: 400, Cut: 40, Tombs: -1, GraveBits: 9, Touchy: true, Busy: true},
	{Name: "eviction", Keys: 5, Parts: 2, Steps: 250, Cut: 40, Tombs: 2, Evict: true, Flush: true, SkewMillis: 200},
	{Name: "crash", Keys: 5, Parts: 2, Steps: 250, Cut: 40, Tombs: 1, Evict: true, Crash: true, Flush: true},
	{Name: "no budget", Keys: 5, Parts: 1, Steps: 250, Cut: 40, Tombs: -1, GraveBits: 9, Evict: true, Crash: true, Flush: true, SkewMillis: 500},
	{Name: "expiry", Keys: 4, Parts: 2, Steps: 300, Cut: 40, Tombs: 3, Evict: true, Crash: true, TTL: true},
	{Name: "touches", Keys: 1, Parts: 1, Steps: 300, Cut: 40, TTL: true, Touchy: true, Slow: true},
	{Name: "clocks", Keys: 4, Parts: 1, Steps: 300, Cut: 40, Crash: true, Planned: true, Flush: true, FlushWithin: 120, TTL: true, SkewMillis: 60_000, Slow: true},
	{Name: "jumps", Keys: 4, Parts: 1, Steps: 300, Cut: 40, Crash: true, Planned: true, Flush: true, FlushWithin: 120, TTL: true, SkewMillis: 5000, Jump: true, Slow: true},
	{Name: "days", Keys: 4, Parts: 1, Steps: 300, Cut: 40, Crash: true, Planned: true, Flush: true, SkewMillis: 200, Days: true, Slow: true},
	{Name: "days, expiry", Keys: 4, Parts: 1, Steps: 300, Cut: 40, Crash: true, Planned: true, Flush: true, FlushWithin: 120, TTL: true, Days: true, Slow: true, Tombs: 2},
	{Name: "sizes", Keys: 5, Parts: 1, Steps: 250, Cut: 30, Crash: true, Big: true, Flush: true},
	{Name: "copy", Keys: 40, Parts: 3, Steps: 400, Cut: 10, Preload: 40},
	{Name: "copy, paced", Keys: 40, Parts: 3, Steps: 400, Cut: 10, Preload: 40, Evict: true, Tombs: 2, Crash: true, Pieces: true, Paced: true},
	{Name: "copy broken off", Keys: 30, Parts: 2, Steps: 400, Cut: 40, Crash: true, Preload: 30, Tombs: 4},
	{Name: "slow link", Keys: 6, Parts: 2, Steps: 300, Cut: 25, Slow: true, Flush: true, TTL: true, SkewMillis: 90},
	{Name: "old peer", Keys: 5, Parts: 2, Steps: 300, Cut: 40, Tombs: 2, Crash: true, Evict: true, Flush: true, Swap: true},
	{Name: "old peer, large budget", Keys: 4, Parts: 1, Steps: 300, Cut: 40, Crash: true, Flush: true, SkewMillis: 40, Swap: true},
	{Name: "old peer, own partitions", Keys: 6, Parts: 6, Steps: 400, Cut: 60, Crash: true, Swap: true},
	{Name: "full", Keys: 50, Parts: 8, Steps: 200, Preload: 40, Cut: 30, Full: true, Crash: true, Flush: true},
	{Name: "full, small budget", Keys: 50, Parts: 8, Steps: 200, Preload: 40, Cut: 30, Tombs: 2, Full: true, Crash: true, Flush: true},
	{Name: "full, no eviction", Keys: 60, Parts: 8, Steps: 250, Preload: 55, Cut: 30, Full: true, NoEvict: true, TTL: true},
	{Name: "full, no eviction, no budget", Keys: 60, Parts: 8, Steps: 250, Preload: 55, Cut: 30, Tombs: -1, GraveBits: 9, Full: true, NoEvict: true, Crash: true, Flush: true},
	{Name: "delayed flushes", Keys: 3, Parts: 1, Steps: 300, Cut: 40, Flush: true, FlushWithin: 120, Delay: true, SkewMillis: 3000, Slow: true},
	{Name: "pieces", Keys: 4, Parts: 2, Steps: 300, Cut: 30, Tombs: 2, Evict: true, Crash: true, Planned: true, Flush: true, TTL: true, Pieces: true},
	{Name: "pieces, saturated", Keys: 4, Parts: 1, Steps: 300, Cut: 30, Tombs: -1, GraveBits: 5, Flush: true, Touchy: true, Busy: true, Pieces: true},
	{Name: "pieces, full", Keys: 50, Parts: 8, Steps: 200, Preload: 40, Cut: 30, Full: true, Crash: true, Flush: true, Busy: true, Pieces: true},
	{Name: "old release", Keys: 4, Parts: 2, Steps: 300, Cut: 20, Tombs: 2, Evict: true, Crash: true, Planned: true, Flush: true, TTL: true, Big: true, Pieces: true, Slow: true, Old: true},
	{Name: "upgrade", Keys: 4, Parts: 2, Steps: 400, Cut: 20, Planned: true, Flush: true, Pieces: true, SkewMillis: 50, Slow: true, Upgrade: true},
	{Name: "upgrade, and crashes", Keys: 4, Parts: 2, Steps: 400, Cut: 20, Tombs: 2, Crash: true, Planned: true, Evict: true, TTL: true, Pieces: true, Slow: true, Upgrade: true},
	{Name: "packed", Keys: 50, Parts: 8, Steps: 200, Preload: 40, Cut: 30, Full: true, Crash: true, Planned: true, Busy: true, Pieces: true, Packed: true, Upgrade: true},
	{Name: "asleep", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Together: true, Hasty: true, Flush: true, SkewMillis: 30, Slow: true, Warm: true},
	{Name: "asleep, any", Keys: 5, Parts: 2, Steps: 400, Cut: 15, Tombs: 2, Together: true, Hasty: true, Crash: true, Flush: true, Slow: true, Warm: true, Any: true},
	{Name: "asleep, graves", Keys: 6, Parts: 1, Steps: 400, Cut: 20, Tombs: -1, GraveBits: 9, Together: true, Hasty: true, Evict: true, Flush: true, Slow: true, Warm: true},
	{Name: "asleep, expiry", Keys: 4, Parts: 2, Steps: 400, Cut: 20, Tombs: 3, Together: true, Hasty: true, Crash: true, Evict: true, Flush: true, FlushWithin: 120, TTL: true, Touchy: true, SkewMillis: 400, Slow: true, Warm: true},
	{Name: "asleep, old images", Keys: 5, Parts: 2, Steps: 400, Cut: 20, Tombs: 2, Together: true, Hasty: true, Crash: true, Evict: true, Flush: true, Swap: true, SkewMillis: 30, Slow: true, Warm: true, Stale: true},
	{Name: "asleep, old images, pieces", Keys: 4, Parts: 2, Steps: 400, Cut: 20, Together: true, Hasty: true, Crash: true, Flush: true, TTL: true, Swap: true, Pieces: true, SkewMillis: 30, Slow: true, Warm: true, Stale: true},
	{Name: "asleep, full", Keys: 50, Parts: 8, Steps: 300, Preload: 40, Cut: 20, Tombs: 2, Together: true, Hasty: true, Full: true, Crash: true, Flush: true, Slow: true, Warm: true, Smaller: true},
	{Name: "long", Keys: 12, Parts: 3, Steps: 800, Cut: 30, Tombs: 3, Evict: true, Crash: true, Planned: true, Flush: true, TTL: true, Swap: true, SkewMillis: 100, Jump: true},
}
