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
// The acceptor proves itself only after the dialler has. The follower takes the connection
// on which the decider's STATE arrives.
type handshake struct {
	sendHello, sendAuth, sendState bool
	myHello, peerHello             []byte      // bodies of the frames
	own                            *wire.State // this node's STATE, as it was sent
	helloOut, helloIn              int64       // when the HELLOs were sent and received, Unix ms
	peerState                      *wire.State
	pending                        store.PendingFlush // of peerState, by the peer's clock; zero once a PONG has measured that clock
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
	case h.SteadyMillis-s.latestBelievable(now) > clockRefuseMillis && !c.Store.Untouched(): // checkClocks looks at it again
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

// onAuth checks the peer's proof. The acceptor sends its own then; the dialler has.
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

// measureHandshake compares the clocks before the first PONG, because data may come
// earlier. For the dialler the two HELLOs are a question and its answer. The acceptor knows
// when the peer's HELLO was sent and when it arrived. It guesses the time on the way: half
// of the time from its own HELLO to the peer's AUTH.
func (s *Session) measureHandshake(now int64) {
	hs := &s.hs
	if ahead := s.peer.SteadyMillis - hs.helloIn; max(ahead, -ahead) > clockRefuseMillis {
		s.clock.expected = ahead // one of the two clocks is wrong; checkClocks decides whether there is a session all the same
	}
	if s.dialled {
		s.clock.sample(hs.helloOut, s.peer.SteadyMillis, s.peer.SteadyMillis, hs.helloIn)
	} else {
		s.clock.suppose(s.peer.SteadyMillis - hs.helloIn + max(now-hs.helloOut, 0)/2)
	}
	s.lead = s.clock.lead()
}

// mac is the proof of the dialler, or of the acceptor.
func (s *Session) mac(dialler bool) [32]byte {
	first, second := s.hs.myHello, s.hs.peerHello
	if !s.dialled {
		first, second = second, first
	}
	return wire.AuthMAC(s.cfg.Secret, dialler, first, second)
}

// Admit makes this connection the session. OnLoss of every earlier session must have been
// called, because STATE says what has been applied so far. nodeState is for the peer's
// stats.
func (s *Session) Admit(now int64, nodeState NodeState) error {
	if s.phase != PhaseElected {
		return s.end
	}
	if s.farAhead(now, s.cfg.Store.Clock()) && s.cfg.Store.Rewind(now) {
		s.clockNews = append(s.clockNews, "this node's versions began far ahead of its clock, as --state-dir says: it holds nothing, and begins anew at its clock")
	}
	s.separateSlots() // STATE's clock is above every version with the old slot
	st := s.cfg.Store.State()
	st.HeirOf = s.cfg.HeirOf
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
	if s.waits.Load() && !means(own.LastPeer, s.peer.Inc, st.HeirOf) && !means(s.cfg.awaited, s.peer.Inc, st.HeirOf) {
		s.stranger = true
		return s.fail(wire.ByeGivesUp, "this node starts anew without its image, which counts only together with another process")
	}
	if twoHistories(own, st, s.cfg.Inc, s.peer.Inc) {
		return s.fail(wire.ByeHistory, "both nodes hold items and each has replicated with somebody else: restart the one that shall join empty, without --warm")
	}
	if err := s.checkClocks(now, own, st); err != nil {
		return err
	}
	s.boundVersions(now, own.Clock, st.Clock)
	if err := s.checkState(now, st); err != nil {
		return err
	}
	// The peer's cursors count if they are about this incarnation, or the one whose heir it is.
	// The store checks that the two also met each other last.
	resumable := means(st.ForInc, s.cfg.Inc, s.cfg.HeirOf)
	if own.Pending.Version >= st.Pending.Version {
		s.hs.pending = store.PendingFlush{} // this node has it already, by its own clock
	}
	starts := s.cfg.Store.Attach(s.peer.Inc, &st.State, resumable)
	same := means(own.LastPeer, s.peer.Inc, st.HeirOf)
	s.in.Attach(same, now)
	s.out.Attach(same, now)
	s.attached = true
	s.dec.Unpacks = s.both(wire.FeaturePacked)
	s.phase = PhaseCatchup
	s.tx = newSender(s, own, st, starts, now)
	s.meter.sessions.Add(1)
	if resumable {
		s.meter.resumes.Add(1)
	}
	s.hs.peerHello, s.hs.myHello, s.hs.peerState = nil, nil, nil
	return nil
}

// separateSlots keeps the two nodes from making the same version. If both have the same
// slot, the follower takes another one before it makes a version in this session. Each
// node knows the other's slot from its HELLO, so both come to the same result.
func (s *Session) separateSlots() {
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

// otherSlot is a slot that differs from slot. The id chooses which one.
func otherSlot(slot uint8, id store.ID) uint8 {
	return (slot + 1 + id[1]%store.MaxSlot) & store.MaxSlot
}

// twoHistories says that both nodes hold items, and each has replicated with somebody else
// last. To merge them could bring back what was deleted long ago.
func twoHistories(own, peer *wire.State, inc, peerInc store.ID) bool {
	none := store.ID{}
	return own.Items > 0 && peer.Items > 0 &&
		own.LastPeer != none && peer.LastPeer != none &&
		!means(own.LastPeer, peerInc, peer.HeirOf) && !means(peer.LastPeer, inc, own.HeirOf)
}

// pumpHandshake writes the frames of the handshake that are due.
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
