package session

import "twincached/internal/wire"

const (
	// denialMillis is how long a refusal stands that is not met again: two tries take
	// 4 s each at most, when the peer says nothing, and a second lies between them.
	denialMillis = 15_000
	// calledMillis is how long a refusal that a caller met, who had proved itself,
	// counts against a dial that finds nobody.
	calledMillis = 5000
)

// denial is a refusal that stands: somebody is where the peer should be, or has
// called and proved to be the peer, and one of the two sides will not link. It keeps
// the gate of a joining node shut, because that somebody may have everything.
//
// What strangers do counts for nothing: a refusal is proved, when the other side had
// proved itself by then, or it was met where this node had dialled its peer.
type denial struct {
	cause  string // as End.Word says it; "" = none stands
	since  int64  // from when on it has been met, without a break of denialMillis, Unix ms
	last   int64  // when it was met last; 0 = never
	proved int64  // when it was last proved; 0 = never
	called int64  // and that by a caller
}

// denied is for a connection that ended because one of the two sides will not link.
func (g *gate) denied(now int64, cause string, proved, dialled bool) {
	if !proved && !dialled {
		return
	}
	if g.cause == "" && (g.last == 0 || now-g.last >= denialMillis) {
		g.denial = denial{since: now}
	}
	g.cause, g.last = cause, now
	if proved {
		g.proved = now
	}
	if proved && !dialled {
		g.called = now
	}
}

// absent: nobody is where the peer should be. That ends a refusal, unless somebody
// keeps calling who has proved to be the peer.
func (g *gate) absent(now int64) {
	if g.cause != "" && (g.called == 0 || now-g.called >= calledMillis) {
		g.settled(now)
	}
}

// settled: no refusal stands any more, and a peer is looked for as at the start. For how
// long one stood is not forgotten at once: who comes and goes is not to begin anew each time.
func (g *gate) settled(now int64) {
	g.cause, g.waitSince = "", now
	g.step(evSettled)
}

// tickDenied looks after a refusal that stands; the gate stays shut because of it.
// One that was never proved, or not for long, ends after refusedWaitMillis: whoever
// sits at the peer's address without a proof cannot hold this node for ever.
func (g *gate) tickDenied(now int64) {
	switch {
	case now-max(g.since, g.proved) >= g.refusedWaitMillis && !g.bootWait:
		g.step(evGiveUp)
	case now-g.since >= refusedMillis:
		g.step(evRefused)
	}
}

// denialOf is the cause, as End.Word says it, if a connection ended because one of its
// two sides will not link; "" if it ended otherwise. established: it was a session.
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
	case wire.ByePlanned, wire.ByeGivesUp, wire.ByeStays, wire.ByeSelf, wire.ByeDuplicate: // it leaves, twice; I leave; it is this node; another connection is kept
		return ""
	case wire.ByePeerTaken:
		if !dialled && !e.FromPeer {
			return "" // this node has a peer, and a third one has called
		}
	}
	return e.Word()
}

// Denial is a refusal that stands, for people.
type Denial struct {
	Cause  string // as End.Word says it; "" = none stands
	Proved bool   // the other side has proved to be the peer
}

// Remedy is what a person may do about it.
func (d Denial) Remedy() string {
	switch d.Cause {
	case wire.ByeClock.String():
		return "set the clocks of both machines right, then restart the node whose clock was wrong"
	case wire.ByeHistory.String():
		return "both hold items and each has replicated with somebody else: restart this node, it joins empty then"
	case wire.ByeProto.String():
		return "the two do not speak the same protocol: upgrade one of them"
	case wire.ByeAuth.String():
		return "give both nodes the same secret"
	case wire.ByeCluster.String():
		return "give both nodes the same --cluster, or -x the right address"
	case wire.ByePeerTaken.String():
		return "the other one has a peer already, or one of the two has --peer-id: stop the third node, or correct -x or --peer-id"
	case wire.ByeTLS.String():
		return "give both nodes certificates of one CA, in date (twincached cert -h), or neither any"
	case wire.ByeBadFrame.String():
		return "what answers is no node, or one that is out of order: look whether -x leads to the other node's replication port"
	}
	return "what answers hangs, or is no node: look at the other node, and whether -x leads to its replication port"
}
