package replicator

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// An address that fails handshakes over and over waits before it is heard: it
// costs little then, whether it is a peer with a wrong secret or somebody who
// guesses. It only waits, and it is never shut out, because the true peer may have
// the same address: both behind one router, or on one machine.
const (
	freeFailures    = 200                   // that cost an address nothing: more than any mistake makes in a minute
	calmPerSecond   = 10                    // failures that are forgotten again in a second
	delayPerFailure = 20 * time.Millisecond // for each above freeFailures
	maxDelay        = time.Second           // a peer waits 3 s for the whole handshake
	mostFailures    = freeFailures + int64(maxDelay/delayPerFailure)
	maxAddresses    = 256 // remembered; about 16 KiB
)

// strikes counts the failed handshakes of each address. The zero value is ready,
// and safe for concurrent use.
type strikes struct {
	mu     sync.Mutex
	byFrom map[netip.Prefix]strike
	peer   netip.Prefix // where somebody who knew the secret last called from; zero: nobody has
}

// strike is how much an address has failed, as of a moment.
type strike struct {
	milli int64 // thousandths of a failure
	at    int64 // Unix ms
}

// now is what is left of s.
func (s strike) now(now int64) int64 {
	return max(0, s.milli-max(0, now-s.at)*calmPerSecond)
}

// sourceOf is the address that a connection counts for: of IPv6 the network, as a
// machine has as many addresses in it as it likes.
func sourceOf(nc net.Conn) netip.Prefix {
	t, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	from := t.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if from.Is6() {
		bits = 64
	}
	p, _ := from.Prefix(bits) // the zero one for an address that is none
	return p
}

// failed counts one handshake that came to nothing.
func (s *strikes) failed(from netip.Prefix, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byFrom == nil {
		s.byFrom = make(map[netip.Prefix]strike)
	}
	old, known := s.byFrom[from]
	if !known && len(s.byFrom) >= maxAddresses {
		s.forgetLocked(now)
	}
	s.byFrom[from] = strike{min(old.now(now)+1000, mostFailures*1000), now}
}

// forgetLocked makes room: whoever has failed least goes.
func (s *strikes) forgetLocked(now int64) {
	var least netip.Prefix
	fewest := int64(-1)
	for from, k := range s.byFrom {
		if n := k.now(now); fewest < 0 || n < fewest {
			least, fewest = from, n
		}
	}
	delete(s.byFrom, least)
}

// proved clears an address: somebody there knows the secret.
func (s *strikes) proved(from netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byFrom, from)
	s.peer = from
}

// delay is how long a connection from an address waits. foreign: the peer is known
// to be somewhere else.
func (s *strikes) delay(from netip.Prefix, now int64) (wait time.Duration, foreign bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := s.byFrom[from].now(now) - freeFailures*1000
	return min(max(0, time.Duration(over)*delayPerFailure/1000), maxDelay), s.peer.IsValid() && s.peer != from
}
