package strikes

import (
	"net/netip"
	"sync"
	"time"
)

// Rules turn failures into waiting.
type Rules struct {
	Free       int64         // failures that cost an address nothing
	Calm       int64         // failures that are forgotten again in a second
	PerFailure time.Duration // what each above Free costs
	MaxDelay   time.Duration // what they cost together, at most
	Gap        time.Duration // between two turns of an address that waits; 0: turns do not wait for each other
	MaxTurn    time.Duration // how long a turn may be off, with those before it; not used without Gap
	Addresses  int           // remembered, about 80 bytes each
}

// most is the failures that are counted, in thousandths.
func (r *Rules) most() int64 { return (r.Free + int64(r.MaxDelay/r.PerFailure)) * 1000 }

// Book holds the failures of each address. The zero Book is empty and ready; any
// goroutine may use it, with the same Rules.
type Book struct {
	mu     sync.Mutex
	byFrom map[netip.Prefix]strike
}

// strike is how much an address has failed, as of a moment.
type strike struct {
	milli int64 // thousandths of a failure
	at    int64 // Unix ms
	turn  int64 // Unix ms: the last turn given
}

// now is what is left of s.
func (s strike) now(r *Rules, now int64) int64 {
	return max(0, s.milli-max(0, now-s.at)*r.Calm)
}

// Source is what an address counts for: of IPv6 the network, as a machine has as
// many addresses in it as it likes; the zero Prefix for the zero Addr.
func Source(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // without a zone
	return p
}

// Failed counts one failure.
func (b *Book) Failed(r *Rules, from netip.Prefix, now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byFrom == nil {
		b.byFrom = make(map[netip.Prefix]strike)
	}
	old, known := b.byFrom[from]
	if !known && len(b.byFrom) >= r.Addresses {
		b.forgetLocked(r, now)
	}
	b.byFrom[from] = strike{min(old.now(r, now)+1000, r.most()), now, old.turn}
}

// forgetLocked makes room: whoever has failed least goes.
func (b *Book) forgetLocked(r *Rules, now int64) {
	var least netip.Prefix
	fewest := int64(-1)
	for from, k := range b.byFrom {
		if n := k.now(r, now); fewest < 0 || n < fewest {
			least, fewest = from, n
		}
	}
	delete(b.byFrom, least)
}

// Clear forgets an address: somebody there was right.
func (b *Book) Clear(from netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byFrom, from)
}

// Delay is how long somebody from an address waits now.
func (b *Book) Delay(r *Rules, from netip.Prefix, now int64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.delay(b.byFrom[from].now(r, now))
}

// delay is what milli thousandths of a failure cost: MaxDelay at most, as no more are counted.
func (r *Rules) delay(milli int64) time.Duration {
	return max(0, time.Duration(milli-r.Free*1000)*r.PerFailure/1000)
}

// Turn is when, in Unix ms, somebody from an address may try: now where it has
// failed little. Else a turn is taken: each waits for the delay, and for those
// before it, but for MaxTurn at most. own is a delay of the caller's own.
func (b *Book) Turn(r *Rules, from netip.Prefix, now int64, own time.Duration) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, known := b.byFrom[from]
	wait := max(r.delay(s.now(r, now)), own)
	if wait == 0 || !known {
		return now + wait.Milliseconds()
	}
	s.turn = min(max(now+wait.Milliseconds(), s.turn+r.Gap.Milliseconds()), now+r.MaxTurn.Milliseconds())
	b.byFrom[from] = s
	return s.turn
}

// Len is how many addresses are remembered.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.byFrom)
}
