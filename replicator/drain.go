package replicator

import (
	"context"
	"time"

	"twincached/internal/nodelog"
	"twincached/internal/session"
)

// Drain hands everything over to the peer, says BYE PLANNED and closes the link for good. By
// then no client may write to the store. It returns 0 if a live peer had acknowledged
// everything in a session that was up as this node left, or if there is nothing to lose, as
// for a node that was Refused, or that waits for the peer with which its image counts.
// Without a session it waits: for Config.Handover if the peer has left by plan or cannot be
// found, and until ctx ends if the peer is only out of reach and lacks something. If nobody
// comes, it returns how many items no live peer is known to have, and logs it.
func (l *Link) Drain(ctx context.Context) (left uint64) {
	l.mu.Lock()
	unserved := l.core.State() == session.Refused || l.core.Provisional()
	l.core.Drain()
	l.mu.Unlock()
	if c := l.active.Load(); c != nil {
		c.signal() // a copy may have waited for Config.CopyBytes
	}
	if l.cfg.Peer == "" && l.cfg.Listener == nil {
		return 0
	}
	defer l.shut()
	if unserved {
		return 0 // no client has written here; and nobody would take it, or it stays in an image
	}
	for waited := false; ctx.Err() == nil; {
		c, s := l.standing()
		verdict := l.core.Verdict(l.cfg.Now(), s)
		switch {
		case verdict == session.VerdictBye && l.depart(c), verdict == session.VerdictSafe:
			return 0
		case verdict == session.VerdictGiveUp && (!s.Linked || l.giveUp(c)):
			return l.logLost(s.Linked)
		}
		items, waiting := l.core.Waiting()
		if waiting && !waited {
			l.cfg.Log.Info("draining: no peer is linked; waiting for one to take over", nodelog.HandoverWaits, "items", items, "for", l.cfg.Handover.String())
		}
		waited = waiting
		pause := 5 * time.Millisecond
		if s.Quiet || waiting {
			pause = 50 * time.Millisecond // Verdict may count, which walks over every item
		}
		rest(ctx, pause)
	}
	c, s := l.standing()
	return l.logLost(s.Linked && l.giveUp(c))
}

// standing is what a draining node sees of its peer. c carries the session, if one is
// established.
func (l *Link) standing() (c *conn, s session.Standing) {
	l.mu.Lock()
	s = l.core.Standing(l.cfg.Now(), l.establishingLocked())
	if s.Linked = l.cur != nil && l.cur.established != 0; s.Linked {
		c = l.cur
	}
	l.mu.Unlock()
	if s.Linked {
		c.mu.Lock()
		s.Quiet = c.s.Quiet()
		c.mu.Unlock()
	}
	return c, s
}

// depart says BYE PLANNED in a session and waits for its end. true: this node may go.
func (l *Link) depart(c *conn) bool {
	c.mu.Lock()
	said := c.s.Depart(l.cfg.Now())
	c.mu.Unlock()
	if !said {
		return false
	}
	c.push()
	c.setTimer()
	<-c.done // a departure takes a second at most
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s.Farewell() == session.FarewellCrossed {
		l.cfg.Log.Info("both nodes stop at once", nodelog.BothStop, "this_one_stays", !c.s.MayGo())
	}
	return c.s.MayGo()
}

// giveUp leaves a session although the peer does not have everything. The peer stays.
// false: the session had ended before, and the peer may have left itself.
func (l *Link) giveUp(c *conn) bool {
	c.mu.Lock()
	said := c.s.GiveUp()
	c.mu.Unlock()
	if !said {
		return false
	}
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	c.push()
	c.setTimer()
	wait := time.NewTimer(4 * byeWait)
	defer wait.Stop()
	select {
	case <-c.done:
	case <-wait.C:
	}
	return true
}

// logLost counts what is lost with this node, and logs it. linked: a peer is linked, and stays.
// Counting takes a while. The link is shut before it, because a peer that linked meanwhile
// could hand its own items over to this node and leave.
func (l *Link) logLost(linked bool) (left uint64) {
	l.mu.Lock()
	l.leftPeer = linked
	l.mu.Unlock()
	l.shut()
	left, unacked := l.core.Lost(l.cfg.Now(), linked)
	if left == 0 {
		return 0
	}
	if l.cfg.Image && l.core.Last(linked) {
		l.cfg.Log.Info("no live peer has taken over: the image is to keep what this node holds", nodelog.ImageLeft, "items", left, "unacknowledged", unacked)
		return left
	}
	why := "no live peer has taken over"
	if linked {
		why = "the peer has not acknowledged everything in time"
		switch {
		case unacked == 0:
			why = "time was up before the peer had said that it stays"
		case l.cfg.Store.Refused() > 0:
			why = "the peer has no room for everything, or its -I or --local-keys keep it out"
		}
	}
	l.cfg.Log.Error("NOT HANDED OVER: what this node holds may be lost", nodelog.NotHandedOver, "items", left, "unacknowledged", unacked, "why", why)
	return left
}
