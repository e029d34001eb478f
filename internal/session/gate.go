package session

import "sync/atomic"

// NodeState is what a node is doing. The words stand in logs, stats, metrics and
// on the page; the numbers travel in STATE, for people.
type NodeState uint8

// The states of a node.
const (
	Starting NodeState = 1
	Joining  NodeState = 2 // the client port is closed: the node looks for its peer
	Copying  NodeState = 3 // the client port is closed: the peer is sending its data
	Ready    NodeState = 4 // the client port is open, with or without a peer
	Draining NodeState = 5
	Stopped  NodeState = 6
	Refused  NodeState = 7 // the client port is closed: the peer is there, and one of the two will not link
)

var stateNames = [...]string{"unknown", "starting", "joining", "copying", "ready", "draining", "stopped", "refused"}

// String is the state's word.
func (n NodeState) String() string {
	if int(n) < len(stateNames) {
		return stateNames[n]
	}
	return stateNames[0]
}

// gateEvent is what moves a node from one state to the next.
type gateEvent uint8

const (
	evAlone    gateEvent = iota // started, and no peer is configured
	evSeek                      // started, and a peer is configured
	evLinkUp                    // a session is established
	evLinkLost                  // the session is over
	evBarrier                   // the peer's BARRIER has arrived
	evGiveUp                    // the node has waited long enough
	evDrain                     // asked to stop
	evStop                      // the node has stopped
	evRefused                   // the peer is there, and refuses or is refused
	evSettled                   // nobody refuses any more
)

// gateTable is every change of state. An event that is not listed for a state changes
// nothing. A ready node stays ready whatever the link does: losing the peer never closes,
// empties or blocks the node that is left.
var gateTable = map[NodeState]map[gateEvent]NodeState{
	Starting: {evAlone: Ready, evSeek: Joining, evDrain: Draining, evStop: Stopped},
	Joining:  {evLinkUp: Copying, evGiveUp: Ready, evRefused: Refused, evDrain: Draining, evStop: Stopped},
	Refused:  {evLinkUp: Copying, evGiveUp: Ready, evSettled: Joining, evDrain: Draining, evStop: Stopped},
	Copying:  {evBarrier: Ready, evLinkLost: Joining, evDrain: Draining, evStop: Stopped},
	Ready:    {evDrain: Draining, evStop: Stopped},
	Draining: {evStop: Stopped},
}

// nextState is the state machine of a node: a pure function.
func nextState(n NodeState, e gateEvent) NodeState {
	if to, ok := gateTable[n][e]; ok {
		return to
	}
	return n
}

// sureMillis is how long something must last before the gate acts on it: that nobody
// listens at the peer's address, or that a refusal stands.
const sureMillis = 1000

// gate decides when the client port may open; nothing else does. It has no clock and no
// lock: its caller lets one call run at a time.
type gate struct {
	state      NodeState
	bootWait   bool
	waitMillis int64 // how long to wait for a peer, from waitSince on
	waitSince  int64 // the start, or when a session last brought data, a refusal ended or WaitAnew was called, Unix ms
	Absence
	denial
	bootServe         bool  // the gate opens after waitMillis even if one of the two refuses
	refusedWaitMillis int64 // without bootServe it opens after this, if the other side has not proved to be the peer
	linked            bool  // a session is established
	partial           bool  // a copy to this node has begun and not ended
	forsaken          bool  // this node is to drop its image: see Core.Forsaken

	provisional atomic.Bool // what the store was loaded with counts only together with the peer. Sessions read it too
}

// Absence is what dials say of whether the peer is there. The zero value: the last dial met
// somebody, or there was none.
type Absence struct {
	noListener      bool // nobody listens at the peer's address
	noListenerSince int64
}

func newGate(c *Config) *gate {
	g := &gate{state: Starting, bootWait: c.BootWait, bootServe: c.BootServe,
		waitMillis: c.PeerWait.Milliseconds(), refusedWaitMillis: c.RefusedWait.Milliseconds()}
	g.provisional.Store(c.Provisional)
	return g
}

// handle moves the node to its next state.
func (g *gate) handle(e gateEvent) {
	if !g.forsaken || e == evDrain || e == evStop {
		g.state = nextState(g.state, e)
	}
}

// giveUp opens the gate without the peer, or never.
func (g *gate) giveUp() {
	if g.provisional.Load() {
		g.forsaken = true
		return
	}
	g.handle(evGiveUp)
}

// start begins the search for a peer. Without one to look for, the gate opens at once.
func (g *gate) start(now int64, hasPeer bool) {
	g.waitSince = now
	if hasPeer || g.provisional.Load() {
		g.handle(evSeek)
		return
	}
	g.handle(evAlone)
}

// foundNoListener notes that the peer's host has answered a dial: nobody listens there.
func (g *gate) foundNoListener(now int64) {
	if !g.noListener {
		g.noListener, g.noListenerSince = true, now
	}
}

// longNoListener says that nobody has listened there for long enough to be sure.
func (g *gate) longNoListener(now int64) bool {
	return g.noListener && now-g.noListenerSince >= sureMillis
}

// foundSomebody notes that a dial did not meet that answer, or that the peer has called.
func (g *gate) foundSomebody() { g.noListener = false }

// linkUp notes that a session is established.
func (g *gate) linkUp() {
	g.linked, g.noListener = true, false
	if g.state == Joining || g.state == Refused {
		g.partial = true
	}
	g.handle(evLinkUp)
}

// linkLost notes that the session is over. progress: it had brought data; then the wait for
// a peer begins anew.
func (g *gate) linkLost(now int64, progress bool) {
	g.linked = false
	if progress {
		g.waitSince = now
	}
	g.handle(evLinkLost)
}

// barrier notes that the peer's BARRIER has arrived.
func (g *gate) barrier() {
	g.partial, g.denial = false, denial{}
	if !g.forsaken {
		g.provisional.Store(false)
	}
	g.handle(evBarrier)
}

// tick gives up waiting when it is time. establishing: a connection to the peer is being
// set up, so nothing is decided before its end.
func (g *gate) tick(now int64, establishing bool) {
	if establishing {
		return
	}
	if g.cause != "" && now-g.lastDenied >= denialMillis {
		g.settled(now)
	}
	switch {
	case g.state != Joining && g.state != Refused:
		return
	case g.cause != "" && !g.bootServe:
		g.tickDenied(now)
		return
	case g.bootWait:
		return
	}
	// A node that holds half a copy waits its full time: if its peer comes back, the copy
	// goes on where it stopped. So does one whose image is of use only together with its peer,
	// which may be about to be started as well.
	absent := g.longNoListener(now) && !g.partial && !g.provisional.Load()
	if absent || now-g.waitSince >= g.waitMillis {
		g.giveUp()
	}
}

// qualifier is "alone" or "partial" for a ready node that lacks its peer, or the
// rest of its peer's data; else "".
func (g *gate) qualifier() string {
	switch {
	case g.state != Ready || g.linked:
		return ""
	case g.partial:
		return "partial"
	}
	return "alone"
}
