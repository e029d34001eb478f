package node

import (
	"context"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/store"
)

// Asked delivers once when a client has asked for the end of the node; whoever
// runs the node stops it then, as planned. Without Config.AllowShutdown: never.
func (n *Node) Asked() <-chan struct{} { return n.asked }

// shutdown is what the client command does; nil: it is refused.
func (n *Node) shutdown() func() {
	if !n.cfg.AllowShutdown {
		return nil
	}
	return func() {
		select {
		case n.asked <- struct{}{}:
		default: // it has been asked for already
		}
	}
}

// Drain stops the node as planned: the client port closes, requests that have
// arrived are answered, the peer gets and acknowledges everything, both links
// end. It returns 0 when a live peer has everything, or an image that the next process is
// sure to use, or for a node alone that keeps no image; else how many items are nowhere else. It takes
// Config.DrainTimeout at most, about, and as long as it takes to write the image.
func (n *Node) Drain() (left uint64) {
	n.end.Do(func() {
		n.ending.Store(true)
		deadline := time.Now().Add(n.cfg.DrainTimeout)
		// A client that does not take its replies may not use up the peer's time.
		n.shutClients(n.cfg.DrainTimeout / 2)
		if l := n.link.Load(); l != nil {
			ctx, cancel := context.WithDeadline(n.haste, deadline)
			left = l.Drain(ctx)
			cancel()
		}
		n.finish(func() { left = n.keepImage(left) })
	})
	return left
}

// Hasten makes a Drain wait for the peer no longer: what that has not got by now is in the
// image. false: there will be none, and nothing has changed.
func (n *Node) Hasten() bool {
	if n.image.file == nil {
		return false
	}
	n.hasten()
	return true
}

// Close stops the node at once. What the peer does not have is lost with it.
// After Drain it does nothing.
func (n *Node) Close() {
	n.end.Do(func() {
		n.ending.Store(true)
		n.shutClients(0)
		n.finish(func() {})
	})
}

// shutClients closes the client port for good; grace 0 cuts the clients off.
func (n *Node) shutClients(grace time.Duration) {
	n.gate.Lock()
	defer n.gate.Unlock()
	n.shut = true
	n.bound.Close()
	s := n.clients.Load()
	if s == nil {
		return
	}
	if grace <= 0 {
		s.Close()
		return
	}
	if cut := s.Drain(grace); cut > 0 {
		n.log.Warn("clients were cut off while draining", nodelog.ClientsCutOff, "conns", cut)
	}
}

// finish ends the goroutines, calls still when nothing moves any more, keeps the clock and
// gives the memory back.
func (n *Node) finish(still func()) {
	n.cancel()
	n.wg.Wait()
	n.image.close()
	still()
	n.closePage()
	if n.state != nil {
		// Nothing is written any more: the highest version is the bound.
		last := store.VersionMillis(n.store.Clock()) + 1
		if err := n.state.keepExactly(max(last, n.clock.Now())); err != nil {
			n.log.Error("cannot keep the clock's bound", nodelog.StateNotKept, "error", err.Error())
		}
	}
	n.asking.Lock()
	n.ended = true
	n.store.Close()
	n.asking.Unlock()
	n.closeReplication()
	n.state.close()
	n.hasten()
}

// closeReplication shuts the replication port, as far as the link has not done so.
func (n *Node) closeReplication() {
	if n.replication != nil {
		n.replication.Close()
	}
}

// release undoes a start that failed half way.
func (n *Node) release() {
	n.image.close()
	n.closeReplication()
	n.state.close()
	n.closePage()
	if n.bound != nil {
		n.bound.Close()
	}
	if n.store != nil {
		n.store.Close()
	}
}

// Refused says that the node does not serve because its peer is there, and one of the
// two refuses to link.
func (n *Node) Refused() bool { return n.linkState() == session.Refused }

// linkState is that of the link; while the image is loaded there is none.
func (n *Node) linkState() session.NodeState {
	if l := n.link.Load(); l != nil {
		return l.State()
	}
	return session.Starting
}
