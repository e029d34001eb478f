package session

import (
	"bytes"
	"fmt"

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
	PhaseAuthed  Phase = 3 // the peer is who it says; nobody has elected this connection yet
	PhaseElected Phase = 4 // this connection shall be the session: Admit is awaited
	PhaseState   Phase = 5 // the peer's STATE is awaited
	PhaseCatchup Phase = 6 // data flows; one of the two BARRIERs is still to come
	PhaseStream  Phase = 7 // both sides have everything the other had at the start
	PhaseLeaving Phase = 8 // BYE PLANNED is said: the peer's own, or the end of its stream, is awaited
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

// Session is one connection to the peer, from the first HELLO to the last ACK: a
// pure state machine. It has no goroutine, socket, clock or randomness; the
// caller passes the time (Unix ms of the node's steady clock) and moves bytes,
// and serialises all calls. Life: OnConnect, then OnFrame and Pump in any order,
// Admit once when WantsAdmission says so, OnLoss at the end, always.
type Session struct {
	cfg     *Config
	meter   *meter
	in, out *snapshot.Copy // copies in each direction; they outlive the session
	dialled bool
	nonce   [32]byte
	phase   Phase
	end     *End
	bye     bool // a BYE is to be written
	answer  bool // the peer's BYE PLANNED is to be answered

	farewell Farewell
	leftAt   int64 // when BYE PLANNED was said, Unix ms

	body *wire.Body
	dec  *wire.Decoder

	hs       handshake
	peer     wire.Hello // valid from PhaseAuth on, to be believed from PhaseAuthed on
	proto    uint32     // protocol version of this session
	proved   bool       // the peer's AUTH was right
	attached bool
	barrier  bool // the peer's BARRIER has arrived

	started, lastTick, lastSend int64
	heard                       int64 // when bytes arrived last
	silence                     int64 // ms that nothing was heard, as counted by Tick
	rx                          receiver
	tx                          *sender // nil before the peer's STATE
	clock                       offset
	lead                        int64    // clock.lead(), for each item
	ahead                       int64    // how far the two nodes' versions are ahead of this node's clock, ms: see boundVersions
	skewed                      bool     // the clocks were once seen to differ by too much
	astray                      bool     // and by more than is believed
	news                        []string // of clocks, for the log: set before the session is established
}

// newSession makes a session for one connection. dialled: this node opened it.
func newSession(c *Core, dialled bool, nonce [32]byte, room *Scratch) *Session {
	return &Session{cfg: &c.cfg, meter: &c.meter, in: c.in, out: c.out, dialled: dialled, nonce: nonce, body: &room.body, dec: &room.dec}
}

// Phase says how far the session has come.
func (s *Session) Phase() Phase { return s.phase }

// Peer is the other node's HELLO; believe it from PhaseAuthed on.
func (s *Session) Peer() *wire.Hello { return &s.peer }

// BarrierReceived says that everything the peer had at the start is here.
func (s *Session) BarrierReceived() bool { return s.barrier }

// Marks are what a session has reached, as bits.
type Marks uint8

// The marks.
const (
	MarkEstablished Marks = 1 << iota // both STATEs are known
	MarkData                          // the peer sent something that counts
	MarkBarrier                       // everything the peer had has arrived
	MarkSkew                          // the clocks differ by more than is healthy
	MarkAstray                        // and by more than is believed
)

// Marks is what the session has reached.
func (s *Session) Marks() (m Marks) {
	if s.attached {
		m |= MarkEstablished
	}
	if s.rx.n > 0 {
		m |= MarkData
	}
	if s.barrier {
		m |= MarkBarrier
	}
	if s.skewed {
		m |= MarkSkew
	}
	if s.astray {
		m |= MarkAstray
	}
	return m
}

// FrameLimit is the largest body that may be read now, in bytes.
func (s *Session) FrameLimit() int {
	if s.phase < PhaseAuthed {
		return wire.MaxHandshakeBytes
	}
	peers := int(min(s.peer.MaxItem, store.MaxItemLimitBytes)) // whatever it says of itself
	return wire.MaxFrameBytes(max(s.cfg.Store.MaxItemBytes(), peers))
}

// OnConnect begins the handshake.
func (s *Session) OnConnect(now int64) {
	s.phase = PhaseHello
	s.started, s.lastTick, s.lastSend = now, now, now
	s.hs.sendHello = s.dialled // the one who was called names itself to a true caller only
}

// OnRead tells that bytes arrived, of a frame that may not be complete yet.
func (s *Session) OnRead(now int64) { s.silence, s.lastTick, s.heard = 0, now, now }

// OnFrame takes the body of one frame. It keeps nothing of it. An error is an
// *End: the session is over, and Pump may have a BYE to write.
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
		s.heardBye(b.Bye.Code)
		return s.finish(&End{Code: b.Bye.Code, Text: b.Bye.Text, FromPeer: true})
	case s.phase == PhaseLeaving:
		return nil // sent before the peer knew: it will send it to whom it links with next
	case s.phase < PhaseCatchup:
		return s.onHandshake(now, body, b)
	}
	return s.onData(now, b, len(body)+wire.HeadBytes)
}

// WantsAdmission says that this connection is to become the session to its peer:
// end the one before it, see its OnLoss happen, then call Admit. Until then no
// more frames may be passed in.
func (s *Session) WantsAdmission() bool { return s.phase == PhaseElected }

// Tick looks at the time, a few times a second. An error is an *End.
func (s *Session) Tick(now int64) error {
	if s.phase == PhaseEnded {
		return s.end
	}
	// A process that was stopped itself has heard nothing and knows nothing: one
	// look at the clock counts for a few ticks at most.
	s.silence += min(max(now-s.lastTick, 0), 4*TickMillis)
	s.lastTick = now
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

// Leave ends the session from this side with a BYE, which Pump writes. It returns why
// the session has ended: the first reason counts.
func (s *Session) Leave(code wire.ByeCode, text string) error { return s.fail(code, text) }

// OnLoss ends the session: the connection is gone. What was sent and not
// acknowledged will be sent again by the next session.
func (s *Session) OnLoss(now int64) {
	_ = s.finish(&End{Text: "connection lost"})
	s.rx.drop()
	if s.attached {
		s.attached = false
		if l := s.tx.parcel.loan; l != nil {
			l.Close()
			s.out.Arrived()
		}
		s.cfg.Store.PutRefused(s.rx.told.list)
		s.cfg.Store.Detach()
	}
}

// fail ends the session with a BYE to the peer.
func (s *Session) fail(code wire.ByeCode, text string) error {
	if s.phase != PhaseEnded {
		s.bye = true
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

// Decides says that this node elects which of several connections between the
// two is kept. One node decides and the other follows, so that two connections
// opened at the same time can never end each other.
func (s *Session) Decides() bool {
	return lowerNode(s.cfg.NodeID, s.cfg.Inc, s.peer.NodeID, s.peer.Inc)
}

// lowerNode orders nodes by id; a copied id is told apart by the incarnation.
func lowerNode(id, inc, peerID, peerInc store.ID) bool {
	if c := bytes.Compare(id[:], peerID[:]); c != 0 {
		return c < 0
	}
	return bytes.Compare(inc[:], peerInc[:]) < 0
}
