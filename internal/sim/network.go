package sim

import (
	"errors"

	"twincached/internal/session"
	"twincached/internal/wire"
	"twincached/internal/wire/strictv1"
	"twincached/store"
)

// end is one side of a connection: the session there, and what travels to it.
type end struct {
	n       *node
	s       *session.Session
	other   *end
	serial  int
	dialled bool
	events  session.Events // what the core knows has happened in the session
	frames  [][]byte
	buf     []byte // has arrived, and is not a whole frame yet
	stalled bool   // nothing arrives
	closed  bool   // the stream's end is behind what travels
	gone    bool
	clock   uint64                 // of the peer's STATE
	empty   bool                   // the peer's STATE said that it held nothing
	none    [store.Partitions]bool // and that it has nothing of these partitions
	mine    bool                   // and that its cursors count this process's changes
	owes    [store.Partitions]bool // partitions that the peer has to announce by BULK before anything of them

	contract strictv1.Conn // what the protocol allows this side to send

	body wire.Body // the oracle's own look at what arrives
	dec  wire.Decoder
}

// connect begins a connection. Those before it may go on for a while.
func (w *world) connect() {
	if w.nodes[0].stopped || w.nodes[1].stopped {
		return
	}
	w.conns++
	w.counts.Connects++
	dialler := w.r.IntN(2)
	w.nodes[dialler].core.DialAnswered()
	a := &end{n: w.nodes[0], serial: w.conns}
	b := &end{n: w.nodes[1], serial: w.conns, other: a}
	a.other = b
	w.logf("connection %d, dialled by n%d", w.conns, dialler)
	for i, e := range []*end{a, b} {
		e.contract.Window = e.n.window
		e.s, e.dialled = e.n.core.Connect(e.n.now(), i == dialler, &session.Scratch{}), i == dialler
		e.n.ends = append(e.n.ends, e)
	}
}

// lose is the node seeing the end of a connection. The other side sees it behind
// what travels to it.
func (n *node) lose(e *end, why string) { n.over(e, why, nil) }

// over is that, with the session's own word for it.
func (n *node) over(e *end, why string, end *session.End) {
	if e.gone {
		return
	}
	e.gone = true
	n.w.logf("%s loses connection %d: %s", n.name, e.serial, why)
	e.s.OnLoss(n.now())
	n.core.Ended(n.now(), e.s, end, e.events, false)
	if !n.mayGo && e.s.MayGo() {
		n.mayGo, n.reliesOn = true, e.other.n
	}
	if end.PeerLeft() {
		n.staysFor = e.other.n
	}
	if n.mayGo && e.s.Farewell() == session.FarewellAnswered && !n.read {
		n.w.failf("%s goes, and its peer has never read its BYE", n.name)
	}
	if n.admit == e {
		n.admit, n.promise, n.notes = nil, promise{}, 0
	}
	for i, o := range n.ends {
		if o == e {
			n.ends = append(n.ends[:i:i], n.ends[i+1:]...)
			break
		}
	}
	e.other.closed = true
}

// pump lets a session say what it has to say.
func (n *node) pump(e *end) bool {
	if e.gone {
		return false
	}
	n.writer.Reset()
	n.work(func() { e.s.Pump(n.now(), n.writer) })
	if n.writer.Len() == 0 {
		return false
	}
	if flying, _ := e.s.InFlight(); flying > n.windowMost {
		n.w.failf("%s has %d bytes under way, limit %d", n.name, flying, n.windowMost)
	}
	for out := n.writer.Bytes(); len(out) > 0; {
		size := wire.FrameNeed(out)
		e.sends(out[:size])
		if !e.other.gone {
			e.other.travel(append([]byte(nil), out[:size]...))
		}
		out = out[size:]
	}
	return true
}

// travel puts a frame on its way to e.
func (e *end) travel(frame []byte) {
	e.frames = append(e.frames, frame)
}

// deliver passes at most most bytes of what travels to the session.
func (n *node) deliver(e *end, most int) bool {
	switch {
	case e.gone || e.stalled:
		return false
	case len(e.frames) == 0 && e.closed:
		e.s.OnEnd()
		n.lose(e, "the other side has closed it")
		return true
	case len(e.frames) == 0:
		return false
	}
	for most > 0 && len(e.frames) > 0 {
		f := e.frames[0]
		k := min(most, len(f))
		e.buf = append(e.buf, f[:k]...)
		most -= k
		if e.frames[0] = f[k:]; k == len(f) {
			e.frames = e.frames[1:]
		}
	}
	e.s.OnRead(n.now())
	for !e.gone && n.w.fail == "" {
		body, size, err := wire.Split(e.buf, e.s.FrameLimit())
		if err != nil {
			n.w.failf("%s: a frame of connection %d: %v", n.name, e.serial, err)
			return true
		}
		if size == 0 {
			break
		}
		n.take(e, body)
		e.buf = e.buf[size:]
	}
	if !e.gone {
		e.s.OnIdle(n.now())
	}
	return true
}

// take passes one frame in, and lets the oracle see what came of it.
func (n *node) take(e *end, body []byte) {
	e.dec.Unpacks = true
	if body[1] == byte(wire.TPacked) {
		n.w.counts.Packed++
	}
	if err := e.dec.Decode(body, &e.body); err != nil {
		n.w.failf("%s: %v", n.name, err)
		return
	}
	e.reads(body)
	n.w.counts.Frames++
	if e != n.ends[len(n.ends)-1] {
		n.w.counts.Late++
	}
	leaving := e.s.Phase() == session.PhaseLeaving // it has said BYE: nothing counts any more
	if !leaving {
		n.before(&e.body)
	}
	var err error
	n.work(func() { err = e.s.OnFrame(n.now(), body) })
	if err != nil {
		n.ended(e, err)
		return
	}
	if leaving {
		return
	}
	n.checkStatus(e)
	n.after(e)
	if e.s.WantsAdmission() {
		n.admission(e)
	}
	n.reached(e)
	n.w.check(n)
}

// ending is a session's own word for its end; nil: there is none.
func ending(err error) (end *session.End) {
	errors.As(err, &end)
	return end
}

// ended is a session's own word that it is over. Only two histories may end one
// here, clocks that are days apart, and a peer that leaves.
func (n *node) ended(e *end, err error) {
	end := ending(err)
	if end != nil && end.Code == wire.ByeClock && n.mayRefuse(e) {
		n.w.apart(e)
		n.over(e, "clocks apart", end)
		return
	}
	switch {
	case end != nil && end.Code == wire.ByeGivesUp && !end.FromPeer && n.waitsFor(e.other.n):
		n.pump(e)
		n.over(e, "that is not the one that its image waits for", end)
	case end == nil, end.Code != wire.ByeHistory && end.Code != wire.ByeStays && (end.Code != wire.ByeAuth || !n.w.plan.Refuse) && (end.Code != wire.ByePlanned && end.Code != wire.ByeGivesUp || !end.FromPeer):
		n.w.failf("%s: %v", n.name, err)
	case end.Code == wire.ByeAuth && n.w.plan.Refuse:
		n.w.counts.Refusals++
		n.pump(e)
		if e.dialled {
			n.denied = denied{by: e.other.n, at: n.w.now}
		}
		n.over(e, "another secret", end)
	case end.Code == wire.ByeStays:
		n.over(e, "the peer stays", end)
	case end.Code == wire.ByeGivesUp:
		if e.s.Farewell() != session.FarewellNone {
			n.w.counts.Crossed++
		}
		n.over(e, "the peer gives up", end)
	case end.Code == wire.ByePlanned:
		e.other.n.read = true
		n.pump(e) // the answer
		n.over(e, "the peer leaves", end)
	default:
		n.w.counts.Histories++
		n.w.twoHistories = true
		n.over(e, "two histories", end)
	}
}

// admission makes a connection the session. The one before it has ended then.
func (n *node) admission(e *end) {
	for len(n.ends) > 0 && n.ends[0] != e {
		n.lose(n.ends[0], "another one replaces it")
	}
	n.admit, n.promise, n.notes, n.admitted = e, promise{}, 0, true
	var err error
	n.mayRewind = n.st.Clock()
	n.work(func() { err = e.s.Admit(n.now(), n.core.State()) })
	n.rewound()
	n.mayRewind = 0
	if err != nil {
		n.ended(e, err)
	}
}

// reached tells the gate how far a session has come, and the oracle.
func (n *node) reached(e *end) {
	if e.gone {
		return
	}
	before := e.events
	e.events = n.core.NoteEvents(e.s, e.events)
	if before == 0 && e.events != 0 {
		same := n.metLast(e.other.n)
		n.awaited = !n.waitsFor(e.other.n)
		e.other.n.knownTo = n
		if !same || !e.mine {
			for part := range e.other.owes {
				e.other.owes[part] = n.held[part]
			}
		}
		for part := range e.none { // nothing has arrived of the copy before
			e.other.owes[part] = e.other.owes[part] || e.none[part] && n.held[part]
		}
		if n.lastPeer = e.other.n; !same {
			clear(n.from)
			clear(n.free)
			if e.empty {
				copy(n.free, n.known)
			}
		}
		n.seen = max(n.seen, e.clock)
		n.learnFlush()
		n.w.logf("%s is linked with %s", n.name, e.other.n.name)
	}
}

// tick is what a node does a few times a second.
func (n *node) tick() {
	if n.stopped {
		n.wake()
		return
	}
	if n.clock != nil {
		n.clock.Check()
	}
	establishing := false
	for _, e := range append([]*end(nil), n.ends...) {
		establishing = establishing || !e.s.Established()
		if err := e.s.Tick(n.now()); err != nil {
			n.w.counts.Silences++
			n.over(e, "silence", ending(err))
		}
	}
	if n.w.nodes[1-n.id].stopped {
		n.core.DialFailed(n.now(), false, true)
	}
	n.core.Tick(n.now(), establishing)
	if n.core.Forsaken() {
		n.w.forsake(n)
		return
	}
	n.sayStatus()
	if n.draining {
		n.depart(establishing)
		return
	}
	if n.opened && !n.serves() {
		n.w.failf("%s has shut its gate: %v", n.name, n.core.State())
	}
	n.checkGate()
	if n.serves() && !n.opened {
		n.w.checkLast(n)
	}
	n.opened = n.serves()
}
