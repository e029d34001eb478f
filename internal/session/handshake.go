package session

import (
	"crypto/hmac"
	"fmt"

	"twincached/internal/wire"
	"twincached/store"
)

// handshake is what a session needs until both STATEs are known.
//
//	dialler  HELLO ->            <- HELLO  acceptor
//	         AUTH  ->            <- AUTH
//	decider  STATE ->            <- STATE  follower
//
// The acceptor proves itself only to a dialler who did. The follower elects the
// connection on which the decider's STATE arrives.
type handshake struct {
	sendHello, sendAuth, sendState bool
	myHello, peerHello             []byte      // bodies as they travelled
	own                            *wire.State // as sent
	helloOut, helloIn              int64       // when the HELLOs were sent and received, Unix ms
	peerState                      *wire.State
	pending                        store.PendingFlush // of peerState, by the peer's clock: until a PONG has measured that
}

func (s *Session) onHandshake(now int64, body []byte, b *wire.Body) error {
	switch {
	case s.phase == PhaseHello && b.Type == wire.THello:
		s.hs.peerHello = append([]byte(nil), body...)
		return s.onHello(now, &b.Hello)
	case s.phase == PhaseAuth && b.Type == wire.TAuth:
		return s.onAuth(now, &b.Auth)
	case (s.phase == PhaseAuthed || s.phase == PhaseState) && b.Type == wire.TState:
		st := b.State
		s.hs.pending = st.Pending
		st.Pending.AtMillis = s.ours(st.Pending.AtMillis)
		s.hs.peerState = &st
		if s.phase == PhaseAuthed { // the decider has elected this connection
			s.phase = PhaseElected
			return nil
		}
		return s.attach(now)
	}
	return s.fail(wire.ByeBadFrame, fmt.Sprintf("%v is out of place in phase %v", b.Type, s.phase))
}

// onHello judges whether the two nodes fit together.
func (s *Session) onHello(now int64, h *wire.Hello) error {
	c := s.cfg
	switch {
	case h.ProtoMin > wire.ProtoMax || h.ProtoMax < wire.ProtoMin:
		return s.fail(wire.ByeProto, fmt.Sprintf("protocol versions %d to %d here, %d to %d there: upgrade one node at a time",
			wire.ProtoMin, wire.ProtoMax, h.ProtoMin, h.ProtoMax))
	case h.Inc == c.Inc:
		return s.fail(wire.ByeSelf, "the peer address leads back to this node")
	case h.Cluster != c.Cluster:
		return s.fail(wire.ByeCluster, "the nodes belong to two clusters: --cluster has to be the same on both") // no name: a stranger reads this
	case h.Partitions != store.Partitions:
		return s.fail(wire.ByeProto, fmt.Sprintf("partition count %d here, %d there", store.Partitions, h.Partitions))
	case h.SteadyMillis-s.believed(now) > clockRefuseMillis && !c.Store.Untouched(): // attach looks at it again
		return s.fail(wire.ByeClock, fmt.Sprintf("the peer's clock is %d s ahead", (h.SteadyMillis-now)/1000))
	case c.PinPeerID != (store.ID{}) && h.NodeID != c.PinPeerID:
		return s.fail(wire.ByePeerTaken, "this node is pinned to another peer id")
	}
	s.peer, s.proto = *h, min(wire.ProtoMax, h.ProtoMax)
	s.phase = PhaseAuth
	s.hs.helloIn = now
	if s.dialled {
		s.hs.sendAuth = true
	} else {
		s.hs.sendHello = true
	}
	return nil
}

// onAuth checks the peer's proof. Only the acceptor still owes its own.
func (s *Session) onAuth(now int64, a *wire.Auth) error {
	if s.hs.myHello == nil {
		return s.fail(wire.ByeBadFrame, "AUTH before HELLO was answered")
	}
	want := s.mac(!s.dialled)
	if !hmac.Equal(want[:], a.MAC[:]) {
		return s.fail(wire.ByeAuth, "wrong secret")
	}
	s.phase, s.proved = PhaseAuthed, true
	s.measureHandshake(now)
	s.hs.sendAuth = s.hs.sendAuth || !s.dialled
	if s.Decides() {
		s.phase = PhaseElected
	}
	return nil
}

// measureHandshake compares the clocks before the first PONG: data may come
// earlier. The two HELLOs are a question and its answer to the dialler. The one
// who was called knows when the peer's HELLO left and when it arrived; how long it
// travelled, the way from its own HELLO to the AUTH tells, about.
func (s *Session) measureHandshake(now int64) {
	hs := &s.hs
	if ahead := s.peer.SteadyMillis - hs.helloIn; max(ahead, -ahead) > clockRefuseMillis {
		s.clock.about = ahead // one of the two is wrong, and the session is made all the same
	}
	if s.dialled {
		s.clock.sample(hs.helloOut, s.peer.SteadyMillis, s.peer.SteadyMillis, hs.helloIn)
	} else {
		s.clock.suppose(s.peer.SteadyMillis - hs.helloIn + max(now-hs.helloOut, 0)/2)
	}
	s.lead = s.clock.lead()
}

// mac is the proof of the side that dialled, or of the other.
func (s *Session) mac(dialler bool) [32]byte {
	first, second := s.hs.myHello, s.hs.peerHello
	if !s.dialled {
		first, second = second, first
	}
	return wire.AuthMAC(s.cfg.Secret, dialler, first, second)
}

// Admit makes this connection the session to its peer. Every earlier session has
// seen its OnLoss: STATE counts what was applied until now. nodeState is what this
// node is, for the peer's stats.
func (s *Session) Admit(now int64, nodeState NodeState) error {
	if s.phase != PhaseElected {
		return s.end
	}
	if s.farAhead(now, s.cfg.Store.Clock()) && s.cfg.Store.Rewind(now) {
		s.news = append(s.news, "this node's versions began far ahead of its clock, as --state-dir says: it holds nothing, and begins anew at its clock")
	}
	s.partSlots() // STATE's clock is above every version with the old slot
	st := s.cfg.Store.State()
	s.hs.own = &wire.State{State: *st, ForInc: st.LastPeer, NodeState: uint8(nodeState)}
	s.hs.sendState = true
	s.phase = PhaseState
	s.silence, s.lastTick = 0, now
	if s.hs.peerState != nil {
		return s.attach(now)
	}
	return nil
}

// attach begins the exchange of data: both STATEs are known.
func (s *Session) attach(now int64) error {
	own, st := s.hs.own, s.hs.peerState
	if twoHistories(own, st, s.cfg.Inc, s.peer.Inc) {
		return s.fail(wire.ByeHistory, "both nodes hold items and each has replicated with somebody else: restart the one that shall join empty")
	}
	if err := s.checkClocks(now, own, st); err != nil {
		return err
	}
	s.boundVersions(now, own.Clock, st.Clock)
	if err := s.checkState(now, st); err != nil {
		return err
	}
	// A cursor counts the changes of one incarnation, as one incarnation received
	// them. That the two met last is for the store to know.
	resumable := st.ForInc == s.cfg.Inc
	if own.Pending.Version >= st.Pending.Version {
		s.hs.pending = store.PendingFlush{} // known here, by our own clock
	}
	starts := s.cfg.Store.Attach(s.peer.Inc, &st.State, resumable)
	same := own.LastPeer == s.peer.Inc
	s.in.Attach(same, now)
	s.out.Attach(same, now)
	s.attached = true
	s.phase = PhaseCatchup
	s.tx = newSender(s, own, st, starts, now)
	s.meter.sessions.Add(1)
	if resumable {
		s.meter.resumes.Add(1)
	}
	s.hs.peerHello, s.hs.myHello, s.hs.peerState = nil, nil, nil
	return nil
}

// partSlots keeps the two nodes from making the same version: where both have one
// slot, the one with the larger id takes another before it makes a version in this
// session. What the peer's slot is, its HELLO said; if the peer is the one to
// change, it knows ours from our HELLO, and does.
func (s *Session) partSlots() {
	st := s.cfg.Store
	slot := st.Slot()
	if s.peer.Slot != slot {
		return
	}
	s.meter.slotClashes.Add(1)
	if !s.Decides() {
		st.SetSlot(otherSlot(slot, s.cfg.NodeID))
	}
}

// otherSlot is a slot that is not slot: which, the id says.
func otherSlot(slot uint8, id store.ID) uint8 {
	return (slot + 1 + id[1]%store.MaxSlot) & store.MaxSlot
}

// twoHistories says that both sides hold data which grew with somebody else. To
// merge such silently could bring back what was deleted years ago.
func twoHistories(own, peer *wire.State, inc, peerInc store.ID) bool {
	none := store.ID{}
	return own.Items > 0 && peer.Items > 0 &&
		own.LastPeer != none && peer.LastPeer != none &&
		own.LastPeer != peerInc && peer.LastPeer != inc
}

// pumpHandshake writes what is due before data flows.
func (s *Session) pumpHandshake(now int64, w *wire.Writer) {
	if s.hs.sendHello {
		s.hs.sendHello, s.hs.helloOut = false, now
		h := s.cfg.hello(now, s.nonce)
		start := w.Len()
		w.Hello(&h)
		s.hs.myHello = append([]byte(nil), w.Bytes()[start+wire.HeadBytes:]...)
	}
	if s.hs.sendAuth {
		s.hs.sendAuth = false
		w.Auth(&wire.Auth{MAC: s.mac(s.dialled)})
	}
	if s.hs.sendState {
		s.hs.sendState = false
		w.State(s.hs.own)
	}
}
