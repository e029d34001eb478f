package replicator

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"twincached/internal/strikes"
)

// linkRules are about handshakes that fail: a peer with a wrong secret, or somebody
// who guesses.
var linkRules = strikes.Rules{
	Free:       200, // more than any mistake makes in a minute
	Calm:       10,
	PerFailure: 20 * time.Millisecond,
	MaxDelay:   time.Second, // a peer waits 3 s for the whole handshake
	Addresses:  256,
}

// struck counts the failed handshakes of each address. The zero value is ready,
// and safe for concurrent use.
type struck struct {
	book strikes.Book
	mu   sync.Mutex
	peer netip.Prefix // where somebody who knew the secret last called from; zero: nobody has
}

// sourceOf is the address that a connection counts for, zero for one that has none.
func sourceOf(nc net.Conn) netip.Prefix {
	t, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return strikes.Source(t.AddrPort().Addr())
}

// failed counts one handshake that came to nothing.
func (s *struck) failed(from netip.Prefix, now int64) { s.book.Failed(&linkRules, from, now) }

// proved clears an address: somebody there knows the secret.
func (s *struck) proved(from netip.Prefix) {
	s.book.Clear(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer = from
}

// delay is how long a connection from an address waits. foreign: the peer is known
// to be somewhere else.
func (s *struck) delay(from netip.Prefix, now int64) (wait time.Duration, foreign bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Delay(&linkRules, from, now), s.peer.IsValid() && s.peer != from
}
