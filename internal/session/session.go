package session

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"twincached/internal/wire"
	"twincached/snapshot"
	"twincached/store"
)

// Phase is how far a session has come. The words stand in logs and stats.
type Phase uint8

// The phases of a session, in their order.
const (
	PhaseDown    Phase = 0 // no connection
	PhaseHello   Phase = 1 // the peer's HELLO is awaited
	PhaseAuth    Phase = 2 // the peer's proof is awaited
	PhaseAuthed  Phase = 3 // the peer has proved who it is; nobody has elected this connection yet
	PhaseElected Phase = 4 // this connection is to be the session: Admit is awaited
	PhaseState   Phase = 5 // the peer's STATE is awaited
	PhaseCatchup Phase = 6 // data flows; one of the two BARRIERs is still to come
	PhaseStream  Phase = 7 // both sides have everything the other had at the start
	PhaseLeaving Phase = 8 // this node has said BYE PLANNED: the peer's answer is awaited
	PhaseEnded   Phase = 9 // nothing will be read any more; Pump may still write a BYE
)

var phaseNames = [...]string{"down", "hello", "auth", "auth", "auth", "state", "catchup", "stream", "stream", "down"}

// String is the phase's word in logs and stats.
func (p Phase) String() string { return phaseNames[p] }

// End is why a session ended.
type End struct {
	Code     wire.ByeCode // 0: no BYE was said, the connection just died
	Text     string
	FromPeer bool // the peer said it
}

// Error describes the end for a log line.
func (e *End) Error() string {
	switch {
	case e.Code == 0:
		return "session: " + e.Text
	case e.FromPeer:
		return fmt.Sprintf("session: peer said BYE %v: %s", e.Code, e.Text)
	}
	return fmt.Sprintf("session: BYE %v: %s", e.Code, e.Text)
}

// Word is the cause in one word, from a small set.
func (e *End) Word() string {
	if e.Code != 0 {
		return e.Code.String()
	}
	return "SILENT"
}

// Session is one connection to the peer, from the first HELLO to the last ACK. It is a
// pure state machine, without goroutines, sockets, clocks and randomness. The caller
// passes the time (Unix ms of the node's steady clock), moves the bytes, and lets one call
// run at a time. It calls OnConnect first, then OnFrame and Pump in any order, Admit once
// when WantsAdmission says so, and in the end always OnLoss.
type Session struct {
	cfg       *Config
	meter     *meter
	status    *ownStatus
	hurries   *atomic.Bool   // Core.hurries
	waits     *atomic.Bool   // gate.provisional
	in, out   *snapshot.Copy // copies in each direction; they outlive the session
	dialled   bool
	nonce     [32]byte
	phase     Phase
	end       *End
	sendBye   bool // a BYE is to be written
	sendStays bool // the peer's BYE PLANNED is to be answered

	farewell Farewell
	leftAt   int64 // when BYE PLANNED was said, Unix ms

	body *wire.Body
	dec  *wire.Decoder

	hs       handshake
	peer     wire.Hello // filled in from PhaseAuth on; believe it from PhaseAuthed on
	proto    uint32     // protocol version of this session
	proved   bool       // the peer's AUTH was right
	attached bool
	stranger bool // the peer is not the one that this node's image waits for
	barrier  bool // the peer's BARRIER has arrived

	started, lastTick, lastSend int64 // Unix ms
	brief                       bool  // PumpBriefly is at work
	lastRead                    int64 // when bytes arrived last, Unix ms; 0 = none have
	silence                     int64 // how long nothing has arrived, ms, as Tick counts it
	rx                          receiver
	tx                          *sender // nil before the peer's STATE
	clock                       offset
	lead                        int64    // clock.lead(), kept here because each item needs it
	versionsAhead               int64    // how far the two nodes' versions are ahead of this node's clock, ms: see boundVersions
	skewed                      bool     // the clocks have differed by more than clockWarnMillis
	clockRefused                bool     // and by more than this node believes
	clockNews                   []string // lines about the two clocks for the log; set before the session is established
}

// newSession makes a session for one connection. dialled: this node opened it.
func newSession(c *Core, dialled bool, nonce [32]byte, scratch *Scratch) *Session {
	scratch.dec.Unpacks = false // not before the peer is known
	return &Session{cfg: &c.cfg, meter: &c.meter, status: &c.status, hurries: &c.hurries, waits: &c.gate.provisional, in: c.in, out: c.out, dialled: dialled, nonce: nonce, body: &scratch.body, dec: &scratch.dec}
}

// Phase says how far the session has come.
func (s *Session) Phase() Phase { return s.phase }

// Peer is the other node's HELLO; believe it from PhaseAuthed on.
func (s *Session) Peer() *wire.Hello { return &s.peer }

// BarrierReceived says that the peer's BARRIER has arrived: this node has everything that
// the peer had.
func (s *Session) BarrierReceived() bool { return s.barrier }

// Events are what has happened in a session so far, as bits.
type Events uint8

// The events.
const (
	EventEstablished  Events = 1 << iota // both STATEs are known
	EventData                            // the peer has sent a numbered frame
	EventBarrier                         // the peer's BARRIER has arrived
	EventSkew                            // the clocks have differed by more than 500 ms
	EventClockRefused                    // and by more than this node believes
)

// Events is what has happened so far.
func (s *Session) Events() (e Events) {
	if s.attached {
		e |= EventEstablished
	}
	if s.rx.n > 0 {
		e |= EventData
	}
	if s.barrier {
		e |= EventBarrier
	}
	if s.skewed {
		e |= EventSkew
	}
	if s.clockRefused {
		e |= EventClockRefused
	}
	return e
}

// FrameLimit is the largest body that may be read now, in bytes.
func (s *Session) FrameLimit() int {
	if s.phase < PhaseAuthed {
		return wire.MaxHandshakeBytes
	}
	peers := int(min(s.peer.MaxItem, store.MaxItemLimitBytes)) // whatever the peer says of itself
	return wire.MaxFrameBytes(max(s.cfg.Store.MaxItemBytes(), peers))
}

// OnConnect begins the handshake.
func (s *Session) OnConnect(now int64) {
	s.phase = PhaseHello
	s.started, s.lastTick, s.lastSend = now, now, now
	s.hs.sendHello = s.dialled // the node that was called says who it is only after it has seen a HELLO that fits
}

// OnRead tells that bytes have arrived. Their frame may not be complete yet.
func (s *Session) OnRead(now int64) { s.silence, s.lastTick, s.lastRead = 0, now, now }

// OnFrame takes the body of one frame, and keeps nothing of it. An error is an *End: the
// session is over, and Pump may have a BYE to write.
func (s *Session) OnFrame(now int64, body []byte) error {
	if s.phase == PhaseEnded {
		return s.end
	}
	s.OnRead(now)
	b := s.body
	if err := s.dec.Decode(body, b); err != nil {
		return s.fail(wire.ByeBadFrame, err.Error())
	}
	switch {
	case b.Unknown:
		return nil
	case b.Type == wire.TBye:
		s.onBye(b.Bye.Code)
		return s.finish(&End{Code: b.Bye.Code, Text: b.Bye.Text, FromPeer: true})
	case s.phase == PhaseLeaving:
		return nil // the peer sent this before it read the BYE: it will send it again in its next session
	case s.phase < PhaseCatchup:
		return s.onHandshake(now, body, b)
	}
	return s.onData(now, b, len(body)+wire.HeadBytes)
}

// WantsAdmission says that this connection is to become the session. The caller ends the
// session before it, calls OnLoss of that one, and then Admit of this one. Until then it
// passes in no more frames.
func (s *Session) WantsAdmission() bool { return s.phase == PhaseElected }

// Tick is called when NextTick says so, or sooner. It ends a session whose peer takes too
// long. An error is an *End.
func (s *Session) Tick(now int64) error {
	if s.phase == PhaseEnded {
		return s.end
	}
	// This process may have been stopped itself, and could not read meanwhile. So the time
	// between two calls counts for little more than NextTick allows.
	s.silence += min(max(now-s.lastTick, 0), lookMillis+TickMillis)
	s.lastTick = now
	if s.tx != nil {
		s.lookAtPace(now) // for WantsWrite, which has no clock
	}
	switch {
	case s.phase < PhaseState && now-s.started >= HelloMillis:
		return s.finish(&End{Text: fmt.Sprintf("handshake not finished after %d ms", HelloMillis)})
	case s.phase == PhaseLeaving && now-s.leftAt >= leavingMillis:
		return s.finish(&End{Text: fmt.Sprintf("the peer has not answered BYE for %d ms", leavingMillis)})
	case s.phase >= PhaseState && s.silence >= silenceMillis:
		return s.finish(&End{Text: fmt.Sprintf("nothing heard for %d ms", silenceMillis)})
	}
	return nil
}

// Leave ends the session from this side. Pump writes the BYE. It returns why the session
// has ended, which is an earlier reason if there is one.
func (s *Session) Leave(code wire.ByeCode, text string) error { return s.fail(code, text) }

// OnLoss tells that the connection is gone. The next session sends again what was not
// acknowledged in this one.
func (s *Session) OnLoss(now int64) {
	_ = s.finish(&End{Text: "connection lost"})
	s.rx.drop()
	if s.attached {
		s.attached = false
		if l := s.tx.parcel.loan; l != nil {
			l.Close()
			s.out.EndLarge()
		}
		s.cfg.Store.PutRefused(s.rx.notices.list)
		s.cfg.Store.Detach()
	}
}

// fail ends the session with a BYE to the peer.
func (s *Session) fail(code wire.ByeCode, text string) error {
	if s.phase != PhaseEnded {
		s.sendBye = true
	}
	return s.finish(&End{Code: code, Text: text})
}

// finish notes the first reason why the session ended and returns it.
func (s *Session) finish(e *End) error {
	if s.phase != PhaseEnded {
		s.phase, s.end = PhaseEnded, e
	}
	return s.end
}

// Decides says that this node is the decider: it elects which of several connections
// between the two is kept. The other node follows. So two connections that were opened at
// the same time can never end each other.
func (s *Session) Decides() bool {
	return lowerNode(s.cfg.NodeID, s.cfg.Inc, s.peer.NodeID, s.peer.Inc)
}

// lowerNode says that the first node has the smaller id. If one node runs with a copy of
// the other's id, the incarnations decide.
func lowerNode(id, inc, peerID, peerInc store.ID) bool {
	if c := bytes.Compare(id[:], peerID[:]); c != 0 {
		return c < 0
	}
	return bytes.Compare(inc[:], peerInc[:]) < 0
}
