package replicator

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"twincached/internal/strikes"
)

// linkRules say how long connections wait after handshakes of their address have failed. It
// may be a peer with a wrong secret, or somebody who guesses.
var linkRules = strikes.Rules{
	Free:       200, // a wrong secret in a configuration causes fewer in a minute
	Calm:       10,
	PerFailure: 20 * time.Millisecond,
	MaxDelay:   time.Second, // the other side gives up a handshake after 3 s
	Addresses:  256,
}

// addressStrikes counts the failed handshakes of each address. The zero value is ready,
// and safe for concurrent use.
type addressStrikes struct {
	book strikes.Book
	mu   sync.Mutex
	peer netip.Prefix // from where somebody who knows the secret last called; zero = nobody has
}

// sourceOf is the address that the strikes of a connection are noted against; zero = it has
// none.
func sourceOf(nc net.Conn) netip.Prefix {
	t, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return strikes.Source(t.AddrPort().Addr())
}

// failed notes one failed handshake.
func (s *addressStrikes) failed(from netip.Prefix, now int64) { s.book.Failed(&linkRules, from, now) }

// proved forgets the strikes of an address: somebody there knows the secret.
func (s *addressStrikes) proved(from netip.Prefix) {
	s.book.Clear(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer = from
}

// delay is how long a connection from an address has to wait. foreign: the peer has last
// called from another address.
func (s *addressStrikes) delay(from netip.Prefix, now int64) (wait time.Duration, foreign bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Delay(&linkRules, from, now), s.peer.IsValid() && s.peer != from
}
