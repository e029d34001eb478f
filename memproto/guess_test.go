package memproto

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// guesser is a conn of an address that sends one login after the other.
type guesser struct {
	*Conn
	rest    []byte // of what was sent
	replies int
	until   int64
}

func newGuesser(s *Server, addr string) *guesser {
	c := NewConn(s)
	c.Opened(testNow, Client{Addr: netip.MustParseAddrPort(addr + ":1000")})
	return &guesser{Conn: c}
}

// at calls Process as a server does: not before the time it was told.
func (g *guesser) at(now int64, more []byte) (out string) {
	g.rest = append(g.rest, more...)
	if now < g.until {
		return ""
	}
	res := g.Process(now, g.rest, nil)
	g.rest, g.until = g.rest[res.N:], res.Until
	if len(res.Out) > 0 {
		g.replies++
	}
	return string(res.Out)
}

// guessing are the ways to log in; wrong never lets in.
var guessing = map[string]struct {
	server       func(*testing.T) *Server
	wrong, right []byte
	in           string // is in the answer to right
}{
	"text": {func(t *testing.T) *Server { return loginServer(t, someLogins) },
		[]byte("set a 0 0 10\r\nbob guess1\r\n"), []byte("set a 0 0 10\r\nbob secret\r\n"), replyStored},
	"sasl": {saslServer, auth("\x00bob\x00guess"), auth("\x00bob\x00secret"), saslDone},
}

// TestLogin_GuessesOnOneConnWaitLongerAndLonger: 20 ms more each, a second at most.
func TestLogin_GuessesOnOneConnWaitLongerAndLonger(t *testing.T) {
	for name, way := range guessing {
		t.Run(name, func(t *testing.T) {
			g := newGuesser(way.server(t), "10.0.0.1")
			tried := func(from, to int64) int {
				before := g.replies
				for now := from; now < to; now++ {
					for sent := -1; sent != g.replies && g.replies-before < 1000; { // until it has to wait
						sent = g.replies
						if len(g.rest) == 0 {
							g.at(now, way.wrong)
						} else {
							g.at(now, nil)
						}
					}
				}
				return g.replies - before
			}
			if n := tried(testNow, testNow+1000); n < 10 || n > 20 {
				t.Errorf("%d guesses in the first second", n)
			}
			tried(testNow+1000, testNow+60_000)
			if n := tried(testNow+60_000, testNow+70_000); n < 9 || n > 11 {
				t.Errorf("%d guesses in 10 s after a minute", n)
			}
			if c := g.srv.auth.delayed.Load(); c == 0 {
				t.Error("no row counts them")
			}
			if out := g.at(testNow+72_000, nil); len(g.rest) > 0 {
				t.Errorf("it still waits, %q", out)
			}
			g.at(testNow+72_000, way.right)
			if out := g.at(testNow+74_000, nil); !strings.Contains(out, way.in) {
				t.Errorf("the right password at last: %q", out)
			}
		})
	}
}

// TestLogin_GuessesOfAnAddressWaitForEachOther: on any number of conns, new ones too.
// Another address does not wait, and one of the same address not for long.
func TestLogin_GuessesOfAnAddressWaitForEachOther(t *testing.T) {
	for name, way := range guessing {
		t.Run(name, func(t *testing.T) {
			s := way.server(t)
			const conns, seconds = 60, 10
			replies, now := 0, int64(testNow)
			var all [conns]*guesser
			for ; now < testNow+1000*seconds; now++ {
				for i := range all {
					if all[i] == nil || all[i].replies > 0 { // each guess on a conn of its own
						if all[i] != nil {
							replies++
						}
						all[i] = newGuesser(s, "10.0.0.1")
						all[i].at(now, way.wrong)
					} else {
						all[i].at(now, nil)
					}
				}
			}
			if replies > 50*seconds+int(loginRules.Free) || replies < 20*seconds {
				t.Errorf("%d guesses in %d s", replies, seconds)
			}
			if out := newGuesser(s, "10.0.0.2").at(now, way.right); !strings.Contains(out, way.in) {
				t.Errorf("another address was told %q", out)
			}
			g := newGuesser(s, "10.0.0.1")
			in := strings.Contains(g.at(now, way.right), way.in)
			for end := now + loginRules.MaxTurn.Milliseconds(); now < end && !in; now++ {
				for i := range all {
					all[i].at(now, nil)
				}
				in = strings.Contains(g.at(now+1, nil), way.in)
			}
			if !in {
				t.Errorf("the right password of the same address waits for more than %v", loginRules.MaxTurn)
			}
			if out := newGuesser(s, "10.0.0.1").at(now, way.wrong); out == "" {
				t.Error("a right password does not clear its address")
			}
		})
	}
}

// TestLogin_DelaysAreTold: with the address, to whoever runs the node.
func TestLogin_DelaysAreTold(t *testing.T) {
	s := loginServer(t, someLogins)
	var from netip.Addr
	var longest time.Duration
	s.LoginDelayed = func(a netip.Addr, wait time.Duration) { from, longest = a, max(longest, wait) }
	g := newGuesser(s, "10.0.0.1")
	for now := int64(testNow); now < testNow+60_000; now += 10 {
		g.at(now, guessing["text"].wrong)
	}
	if from != netip.MustParseAddr("10.0.0.1") || longest != loginRules.MaxDelay {
		t.Errorf("told of %v, %v", from, longest)
	}
}
