package replicator

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"twincached/store"
)

// TestLink_RestartedPeerReplacesItsOldConnection: the peer died without a word and
// came back as another incarnation; this node still believes in the old one. The
// new one is linked at once, whichever node elects, and gets the full copy.
func TestLink_RestartedPeerReplacesItsOldConnection(t *testing.T) {
	for _, ids := range [][2]byte{{1, 2}, {2, 1}} {
		la := listen(t)
		a := startNode(t, ids[0], la, "", nil)
		r := startRelay(t, la.Addr().String())
		b := startNode(t, ids[1], nil, r.ln.Addr().String(), nil)
		waitLinked(t, a, b)
		a.set("k", "v")
		eventually(t, "data on b", func() bool { return b.get("k") == "v" })
		old := a.l.Stats().PeerInc
		r.halfOpen()
		b.stop()
		b = startNode(t, ids[1], nil, r.ln.Addr().String(), nil)
		waitLinked(t, a, b)
		if b.get("k") != "v" {
			t.Error("ready without the copy")
		}
		eventually(t, "the new incarnation on a", func() bool { return a.linked() && a.l.Stats().PeerInc != old })
		if n := a.refused("DUPLICATE") + a.refused("PEER_TAKEN"); n != 0 || a.l.Stats().Replaced != 0 {
			t.Errorf("ids %v: the restarted peer was refused %d times, %d others took its place", ids, n, a.l.Stats().Replaced)
		}
		b.stop()
		a.stop()
		r.stop()
	}
}

// heldListener holds back one read of its conns: the first that brings marker. So
// a reader is busy with a frame when its connection is replaced.
type heldListener struct {
	net.Listener
	marker  []byte
	once    sync.Once
	inHand  chan struct{} // closed when that read has its bytes
	release chan struct{} // closed by the test: it may return them
}

func (l *heldListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &slowReadConn{nc, l}, nil
}

type slowReadConn struct {
	net.Conn
	l *heldListener
}

func (c *slowReadConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], c.l.marker) {
		c.l.once.Do(func() {
			close(c.l.inHand)
			<-c.l.release
		})
	}
	return n, err
}

// TestLink_OldReaderIsGoneBeforeTheNewState: STATE counts what was applied. A
// reader of the old connection that still has a frame in hand ends first, so the
// frame is in the count and does not travel again.
func TestLink_OldReaderIsGoneBeforeTheNewState(t *testing.T) {
	for _, ids := range [][2]byte{{1, 2}, {2, 1}} {
		la := &heldListener{Listener: listen(t), marker: []byte("late"), inHand: make(chan struct{}), release: make(chan struct{})}
		a := startNode(t, ids[0], la, "", nil)
		r := startRelay(t, la.Addr().String())
		b := startNode(t, ids[1], nil, r.ln.Addr().String(), nil)
		waitLinked(t, a, b)
		eventually(t, "streaming", func() bool { return a.l.Stats().Link == "stream" && b.l.Stats().Link == "stream" })
		current := func() *conn {
			a.l.mu.Lock()
			defer a.l.mu.Unlock()
			return a.l.cur
		}
		old, sent := current(), b.l.Stats().Live.ItemsOut
		b.set("late", "v")
		eventually(t, "a's reader has it in hand", func() bool { return closed(la.inHand) })
		r.halfOpen()
		eventually(t, "another connection is elected on a", func() bool { c := current(); return c != nil && c != old })
		if b.linked() || a.get("late") != "" {
			t.Error("a session began before the old reader had ended")
		}
		close(la.release)
		eventually(t, "linked, and all acknowledged", func() bool { return a.linked() && b.linked() && b.st.Unacked() == 0 })
		if got := b.l.Stats().Live.ItemsOut + b.l.Stats().Bulk.ItemsOut; got != sent+1 || a.get("late") != "v" {
			t.Errorf("ids %v: the item travelled %d times, a holds %q", ids, got-sent, a.get("late"))
		}
		b.stop()
		a.stop()
		r.stop()
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestLink_WhoIsRefusedReplacesNobody: the last peer stays the last peer when
// another node, with a history of its own, is turned away.
func TestLink_WhoIsRefusedReplacesNobody(t *testing.T) {
	la, lb := listen(t), listen(t)
	a := startNode(t, 1, la, lb.Addr().String(), nil)
	b := startNode(t, 2, lb, "", nil)
	waitLinked(t, a, b)
	a.set("k", "v")
	eventually(t, "b has it", func() bool { return b.get("k") == "v" })
	b.stop()
	stranger := newTestStore(t)
	(&testNode{t: t, st: stranger}).set("k", "old")
	stranger.Attach(store.ID{0xee}, &store.State{}, false) // it had another peer once
	stranger.Detach()
	startNode(t, 3, nil, la.Addr().String(), func(c *Config) { c.Store = stranger })
	eventually(t, "refused", func() bool { return a.refused("HISTORY") > 0 })
	if st := a.l.Stats(); st.Replaced != 0 || st.PeerID != (store.ID{2}) || a.log.has("takes the place") {
		t.Errorf("%d replaced, the last peer is %x", st.Replaced, st.PeerID)
	}
}
