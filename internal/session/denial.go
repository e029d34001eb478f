package session

import "twincached/internal/wire"

const (
	// denialMillis is how long a refusal stands if it is not met again. Two dials take 4 s
	// each at most, if the peer says nothing, and a second lies between them.
	denialMillis = 15_000
	// calledMillis: if a caller that proved to be the peer was refused, a dial that finds
	// nobody does not end the refusal for so long.
	calledMillis = 5000
)

// denial is a refusal that stands: somebody is at the peer's address, or has called and
// proved to be the peer, and one of the two sides will not link. It keeps the gate of a
// joining node shut, because that somebody may have everything.
//
// Strangers that call cannot cause one: only a dial of this node can, or a caller that has
// proved to be the peer.
type denial struct {
	cause       string // as End.Word says it; "" = none stands
	deniedSince int64  // when the first refusal was met, Unix ms; a break of denialMillis begins anew
	lastDenied  int64  // when one was met last, Unix ms; 0 = never
	lastProved  int64  // when the other side had last proved to be the peer, Unix ms; 0 = never
	lastCalled  int64  // the same, if it had called this node
}

// denied notes a connection that ended because one of the two sides will not link. proved:
// the other side had proved to be the peer. dialled: this node had opened the connection.
func (g *gate) denied(now int64, cause string, proved, dialled bool) {
	if !proved && !dialled {
		return
	}
	if g.cause == "" && (g.lastDenied == 0 || now-g.lastDenied >= denialMillis) {
		g.denial = denial{deniedSince: now}
	}
	g.cause, g.lastDenied = cause, now
	if proved {
		g.lastProved = now
	}
	if proved && !dialled {
		g.lastCalled = now
	}
}

// absent notes that nobody is at the peer's address. That ends a refusal, unless somebody
// who has proved to be the peer calls again and again.
func (g *gate) absent(now int64) {
	if g.cause != "" && (g.lastCalled == 0 || now-g.lastCalled >= calledMillis) {
		g.settled(now)
	}
}

// settled ends a refusal: the peer is looked for as at the start. deniedSince stays, so that
// somebody who comes and goes does not begin a new wait each time.
func (g *gate) settled(now int64) {
	g.cause, g.waitSince = "", now
	g.handle(evSettled)
}

// tickDenied is tick while a refusal stands, which keeps the gate shut. After
// refusedWaitMillis without a proof the gate opens all the same, so that somebody who sits
// at the peer's address and proves nothing cannot hold this node for ever.
func (g *gate) tickDenied(now int64) {
	switch {
	case now-max(g.deniedSince, g.lastProved) >= g.refusedWaitMillis && !g.bootWait:
		g.giveUp()
	case now-g.deniedSince >= sureMillis:
		g.handle(evRefused)
	}
}

// opens is when tickDenied gives up if nothing changes, Unix ms; 0 = never, as whoever is
// there has proved to be the peer, or nobody has to wait.
func (g *gate) opens() int64 {
	shut := g.state == Joining || g.state == Refused
	if g.cause == "" || !shut || g.bootWait || g.bootServe || g.lastProved != 0 {
		return 0
	}
	return g.deniedSince + g.refusedWaitMillis
}

// denialOf is the cause, as End.Word says it, if a connection ended because one of its two
// sides will not link; "" if it ended for another reason. established: it was a session.
func denialOf(e *End, dialled, established bool) string {
	switch {
	case e == nil:
		return ""
	case e.Code == 0:
		if established {
			return ""
		}
		return e.Word()
	}
	switch e.Code {
	// The peer leaves (two ways), this node leaves, it called itself, another connection is kept.
	case wire.ByePlanned, wire.ByeGivesUp, wire.ByeStays, wire.ByeSelf, wire.ByeDuplicate:
		return ""
	case wire.ByePeerTaken:
		if !dialled && !e.FromPeer {
			return "" // this node has a peer, and a third node has called
		}
	}
	return e.Word()
}

// Denial is a refusal that stands, for people.
type Denial struct {
	Cause  string // as End.Word says it; "" = none stands
	Proved bool   // the other side has proved to be the peer
	Opens  int64  // when the gate opens all the same, Unix ms; 0 = not before the refusal is over, or it is open
}

// Remedy is what a person can do about it, in whole sentences.
func (d Denial) Remedy() string {
	switch d.Cause {
	case wire.ByeClock.String():
		return "Set the clocks of both machines right, then restart the node whose clock was wrong."
	case wire.ByeHistory.String():
		return "Both hold items and each has replicated with somebody else: restart this node, it joins empty then."
	case wire.ByeProto.String():
		return "The two do not speak the same protocol: upgrade one of them."
	case wire.ByeAuth.String():
		return "Give both nodes the same secret."
	case wire.ByeCluster.String():
		return "Give both nodes the same --cluster, or -x the right address."
	case wire.ByePeerTaken.String():
		return "The other one has a peer already, or one of the two has --peer-id: stop the third node, or correct -x or --peer-id."
	case wire.ByeTLS.String():
		return "Give both nodes certificates of one CA, in date (twincached cert -h), or neither any."
	case wire.ByeBadFrame.String():
		return "What answers is no node, or one that is out of order: look whether -x leads to the other node's replication port."
	}
	return "What answers hangs, or is no node: look at the other node, and whether -x leads to its replication port."
}
