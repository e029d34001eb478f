package memproto

import (
	"net/netip"
	"time"

	"twincached/internal/strikes"
)

// Who fails to log in over and over waits, before the next try is looked at: one
// that is right as well, or whoever guesses would only have to hang up on what takes
// time. A conn pays for its own failures, an address for those of all its conns.
var loginRules = strikes.Rules{
	Free:       10, // a person who mistypes, and a few processes that were started with an old password
	Calm:       1,
	PerFailure: 20 * time.Millisecond,
	MaxDelay:   time.Second,
	Gap:        20 * time.Millisecond, // 50 tries a second for an address, until 100 conns wait
	MaxTurn:    2 * time.Second,       // a client of the same address is let in by then
	Addresses:  256,
}

// freeOwnFailures cost a conn nothing; a client that fails this often has no other
// password to try.
const freeOwnFailures = 3

// tries is what a conn knows of its client's logins, until one succeeds.
type tries struct {
	loginBytes  int   // bytes of the text login that are to come; 0: its line
	saslStarted bool  // an auth without a value: a step follows
	failures    int   // logins that failed since the last that did not; not counted far
	turn        int64 // Unix ms at which the login at the start of the input may be looked at; 0: not asked yet
}

// trying is c.tries, which begin now if there are none.
func (c *Conn) trying() *tries {
	if c.tries == nil {
		c.tries = new(tries)
	}
	return c.tries
}

// mayTry tells whether a login may be looked at now. If not, c.until says when.
func (c *Conn) mayTry() bool {
	t := c.trying()
	if t.turn == 0 {
		own := min(time.Duration(max(0, t.failures-freeOwnFailures))*loginRules.PerFailure, loginRules.MaxDelay)
		t.turn = c.srv.guesses.Turn(&loginRules, c.source(), c.now, own)
		if wait := t.turn - c.now; wait > 0 {
			c.srv.auth.delayed.Add(1)
			if c.srv.LoginDelayed != nil {
				c.srv.LoginDelayed(c.client.address(), time.Duration(wait)*time.Millisecond)
			}
		}
	}
	if c.now < t.turn {
		c.until = t.turn
		return false
	}
	t.turn = 0
	return true
}

// tried notes what came of a login.
func (c *Conn) tried(ok bool) {
	if ok {
		c.tries = nil
		c.srv.guesses.Clear(c.source())
		return
	}
	t := c.trying()
	t.failures = min(t.failures+1, freeOwnFailures+int(loginRules.MaxDelay/loginRules.PerFailure))
	c.srv.guesses.Failed(&loginRules, c.source(), c.now)
}

// source is what the conn's failures count for. Clients of a unix socket are one.
func (c *Conn) source() netip.Prefix { return strikes.Source(c.client.address()) }
