package replicator

import (
	"log/slog"

	"twincached/internal/nodelog"
	"twincached/internal/session"
)

// logGate logs how the node's state has changed. before is the state before the last Tick,
// after the one after it, and seen is what after was at the call before this one.
func (l *Link) logGate(before, seen, after session.NodeState, as string, d session.Denial) {
	switch {
	case before != after && after == session.Ready:
		l.logOpened(as, d)
	case seen != after && after == session.Refused:
		l.logShut(d)
	case seen == session.Refused && after == session.Joining:
		l.cfg.Log.Info("the refusal is over: looking for the peer", nodelog.Joining, "state", after.String())
	}
}

// logOpened logs that the gate has opened because the node has waited long enough.
func (l *Link) logOpened(as string, d session.Denial) {
	if d.Cause == "" {
		l.cfg.Log.Warn("no peer found: serving without it", nodelog.Alone, "state", session.Ready.String(), "as", as)
		return
	}
	l.cfg.Log.Error("SERVING BESIDE A PEER THAT IS NOT LINKED: the two nodes drift apart until they are", nodelog.BesidePeer, "state", session.Ready.String(), "as", as,
		"cause", d.Cause, "do", d.Remedy())
}

// logShut logs now and then that the gate is shut because of a refusal.
func (l *Link) logShut(d session.Denial) {
	opens := "once that is done"
	if !d.Proved && !l.cfg.BootWait {
		opens = "once that is done, or else " + l.cfg.RefusedWait.String() + " after it began, as whoever is there has not proved to be the peer"
	}
	// It is no trouble of the link: the last one has the cause.
	l.refusals.seldom.Say(l.cfg.Log, slog.LevelError, l.cfg.Now(), nodelog.NotServing, d.Cause, "NOT SERVING: the peer is there, and one of the two nodes will not link",
		"state", session.Refused.String(), "cause", d.Cause, "do", d.Remedy(), "opens", opens)
}

// diallingLocked says that a dial of this node has been taken, and its handshake has not
// ended: it may end in a refusal, within 3 s.
func (l *Link) diallingLocked() bool {
	for c := range l.conns {
		if c.dialled && !c.authed {
			return true
		}
	}
	return false
}
