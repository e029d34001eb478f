package replicator

import (
	"fmt"
	"sync/atomic"

	"twincached/internal/session"
	"twincached/store"
)

// counters count what becomes of a link's connections. Safe for concurrent use.
type counters struct{ dials, fails, delayed, replaced, skews atomic.Uint64 }

// Stats is a snapshot of a link. Counters grow over all sessions.
type Stats struct {
	State     session.NodeState // of the node
	Qualifier string            // "alone" or "partial" for a ready node without its peer or the rest of its data, else ""
	Denial    session.Denial    // why one of the two nodes refuses to link, while it does

	PeerID      store.ID // while down, of the last peer; zero = there was none
	PeerAddress string   // "" while down
	Features    uint64   // what this node says that it understands: see wire.Hello
	Slot        uint8    // of this node: the low 6 bits of the versions it makes

	session.Counts                      // of all sessions
	Lag            session.LagHistogram // from sending a frame to its ACK, the same
	Replaced       uint64               // times another node took the place of the last peer
	Skews          uint64               // sessions whose clocks differed by more than 500 ms
	Dials          uint64               // dials of the peer
	DialFails      uint64               // dials that found nobody
	Delayed        uint64               // connections that waited because their address fails the handshake over and over

	session.Report // of the session. While the link is down (Link: "down"), only CopyIn, CopyOut and ContactMillis, of the last session

	Unacked             uint64 // items that the peer may lack: the exact number while they are few, else about
	NotOnPeer           uint64 // of those, items that the peer has said it does not store
	VersionsAheadMillis int64  // how far the versions are ahead of this node's clock, because a clock was wrong once; 0 = they are not
	LinkMillis          int64  // how long the link has been up; 0 while down

	Refused            map[string]uint64 // connections refused or ended, failed dials and warnings, by cause
	LastError          string            // why the link is down: the cause of the last warning in one word, and the warning; "" = the link is up, or nothing is wrong
	LastErrorAgeMillis int64             // how long ago that was; 0 without one
}

// Stats returns a snapshot. It looks at every partition: call it a few times a
// second at most.
func (l *Link) Stats() Stats {
	st := Stats{
		Slot: l.cfg.Store.Slot(), Features: l.core.Features(), Counts: l.core.Counts(), Lag: l.core.Lag(),
		Replaced: l.counters.replaced.Load(), Skews: l.counters.skews.Load(), Dials: l.counters.dials.Load(), DialFails: l.counters.fails.Load(), Delayed: l.counters.delayed.Load(),
		Report: session.Report{Link: session.PhaseDown.String(), RTTMillis: -1, ContactMillis: -1},
	}
	var last trouble
	st.Refused, last = l.refusals.counts()
	now := l.cfg.Now()
	l.mu.Lock()
	c := l.cur
	established := c != nil && c.established != 0
	st.State, st.Qualifier, st.Denial = l.core.State(), l.core.Qualifier(), l.core.Denial()
	st.PeerID = l.core.LastPeer()
	st.CopyIn, st.CopyOut = l.copies[0], l.copies[1]
	if l.lastContact != 0 {
		st.ContactMillis = max(now-l.lastContact, 0)
	}
	if established {
		st.LinkMillis = max(now-c.since, 0)
	} else if last.text != "" {
		st.LastError, st.LastErrorAgeMillis = last.text, max(now-last.at, 0)
	}
	l.mu.Unlock()
	st.VersionsAheadMillis = max(store.VersionMillis(l.cfg.Store.Clock())-now, 0)
	st.Unacked = l.cfg.Store.UnackedAbout()
	st.NotOnPeer = l.cfg.Store.Refused()
	if established {
		c.mu.Lock()
		if r, ok := c.s.Report(now); ok {
			st.Report, st.PeerAddress = r, c.raw.RemoteAddr().String()
		}
		c.mu.Unlock()
	}
	return st
}

// Lag is Stats.Lag alone. It costs next to nothing.
func (l *Link) Lag() session.LagHistogram { return l.core.Lag() }

// String is one line for a log or a terminal.
func (s Stats) String() string {
	state := s.State.String()
	if s.Qualifier != "" {
		state += " (" + s.Qualifier + ")"
	}
	return fmt.Sprintf("%s, link %s, backlog %d, lag %d ms", state, s.Link, s.Backlog, s.LagMillis)
}
