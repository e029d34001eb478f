package session

// NodeState is what a node is doing. The words stand in logs, stats, metrics and
// on the page; the numbers travel in STATE, for people.
type NodeState uint8

// The states of a node.
const (
	Starting NodeState = 1
	Joining  NodeState = 2 // the client port is closed: a peer is looked for
	Copying  NodeState = 3 // the client port is closed: the peer's data is on its way
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
	evLinkLost                  // it is gone
	evBarrier                   // everything the peer had has arrived
	evGiveUp                    // no peer is to be had in reasonable time
	evDrain                     // asked to stop
	evStop                      // nothing more will happen
	evRefused                   // the peer is there, and refuses or is refused
	evSettled                   // that is over
)

// gateTable is every step a node can take; an event that is not listed for a state
// changes nothing. A ready node stays ready whatever the link does: losing the
// peer never closes, empties or blocks the node that is left.
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

// refusedMillis is how long the peer's host must refuse connections before a
// joining node serves alone: nobody is there, and nobody is on the way.
const refusedMillis = 1000

// gate is the one owner of readiness. It has no clock; its caller serialises.
type gate struct {
	state      NodeState
	bootWait   bool
	waitMillis int64 // how long to wait for a peer, from the last progress on
	waitSince  int64
	Absence
	denial
	bootServe         bool  // open after waitMillis even where the peer refuses
	refusedWaitMillis int64 // and else after this, where it has not proved to be the peer
	linked            bool
	partial           bool // a copy has begun and not ended
}

// Absence is what the dialler met last. The zero value: somebody, or nothing yet.
type Absence struct {
	refusing    bool // nobody listens where the peer should be
	refusedFrom int64
}

func newGate(c *Config) *gate {
	return &gate{state: Starting, bootWait: c.BootWait, bootServe: c.BootServe,
		waitMillis: c.PeerWait.Milliseconds(), refusedWaitMillis: c.RefusedWait.Milliseconds()}
}

func (g *gate) step(e gateEvent) { g.state = nextState(g.state, e) }

// start opens the gate at once if there is no peer to wait for.
func (g *gate) start(now int64, hasPeer bool) {
	g.waitSince = now
	if hasPeer {
		g.step(evSeek)
		return
	}
	g.step(evAlone)
}

// dialRefused: the peer's host answered that nobody listens.
func (g *gate) dialRefused(now int64) {
	if !g.refusing {
		g.refusing, g.refusedFrom = true, now
	}
}

// refusedFor says that nobody has listened there for long enough to be believed.
func (g *gate) refusedFor(now int64) bool {
	return g.refusing && now-g.refusedFrom >= refusedMillis
}

// answered: whatever the dialler met, it was not a refusal; or the peer called.
func (g *gate) answered() { g.refusing = false }

func (g *gate) linkUp() {
	g.linked, g.refusing = true, false
	if g.state == Joining || g.state == Refused {
		g.partial = true
	}
	g.step(evLinkUp)
}

// linkLost: progress says that the lost session brought data, which is worth
// another full wait.
func (g *gate) linkLost(now int64, progress bool) {
	g.linked = false
	if progress {
		g.waitSince = now
	}
	g.step(evLinkLost)
}

func (g *gate) barrier() {
	g.partial, g.denial = false, denial{}
	g.step(evBarrier)
}

// tick gives up waiting when it is time. establishing: a connection to the peer is
// being set up right now, so "refused" is old news.
func (g *gate) tick(now int64, establishing bool) {
	if establishing {
		return
	}
	if g.cause != "" && now-g.last >= denialMillis {
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
	// A node that holds half a copy waits longer: its peer may be restarting the
	// link only, and the copy goes on where it stopped.
	refused := g.refusedFor(now) && !g.partial
	if refused || now-g.waitSince >= g.waitMillis {
		g.step(evGiveUp)
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
