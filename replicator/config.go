package replicator

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"twincached/internal/session"
)

// Limits and times of a link.
const (
	writeBytes    = 256 << 10 // about how much goes out with one write
	restartMillis = 10_000    // a node that was restarted by plan is back after so long
	reportMillis  = 5000      // between two lines in the log about a copy

	dialTimeout  = time.Second
	backoffFirst = 50 * time.Millisecond
	backoffMost  = time.Second

	backoffDraining = 200 * time.Millisecond // the longest wait of a draining node, which needs a peer to take over

	// maxStrangers bounds the connections that have not authenticated: 32 of about 20 KiB,
	// or 30 KiB with TLS, take less than 1 MiB. When one more comes, the oldest is closed,
	// so that nobody can keep the peer out by holding connections open.
	maxStrangers = 32
)

// Config is what a Link is made from. Zero values mean the default that is
// written beside each field.
type Config struct {
	session.Config // Seeks follows from Peer; Rand: nil = the real thing

	Peer     string       // HOST:PORT to dial; "" = nobody
	Listener net.Listener // the replication port, open; the end of Run closes it; nil = none

	// TLS is called for each new connection and returns how it is secured, whichever node
	// opened it: this node's certificate, and a check of the peer's in VerifyConnection.
	// nil = connections are in the clear.
	TLS func() *tls.Config

	// Image says that an image is written when the link has ended. If this node is the last of the
	// pair, that keeps what no peer has.
	Image bool

	// Meets is called in each session before this node says what it has: no peer can have learned
	// anything from it before. An error ends the connection. It is called as well while the node is
	// Refused: somebody is there who may go on without it. Both goroutines wait for it, so it should
	// take milliseconds, and do its work once. nil = nothing is to be done.
	Meets func() error

	Now func() int64 // required: the node's steady clock, Unix ms
	Log *slog.Logger // nil = silent

	ReportMillis int64 // between two lines in the log about a copy; 0 = 5000

	// Hooks; nil = the real thing. Resolve turns a host name into addresses, Dial
	// connects to one ADDRESS:PORT.
	Resolve func(ctx context.Context, host string) ([]string, error)
	Dial    func(ctx context.Context, address string) (net.Conn, error)
}

// check fills in defaults and says what is missing or wrong.
func (c *Config) check() error {
	if c.Now == nil {
		return errors.New("replicator: config lacks the clock")
	}
	if c.Seeks = c.Peer != ""; c.Seeks {
		if _, _, err := net.SplitHostPort(c.Peer); err != nil {
			return fmt.Errorf("replicator: peer address: %w", err)
		}
	}
	c.ReportMillis = cmp.Or(c.ReportMillis, reportMillis)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.hooks()
	if err := c.Config.Check(c.Now()); err != nil {
		return fmt.Errorf("replicator: %w", err)
	}
	return nil
}
