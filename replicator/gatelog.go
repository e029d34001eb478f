package replicator

import (
	"log/slog"

	"twincached/internal/session"
)

// sayGate logs what became of the gate since the watch looked last: before is its
// state right before time moved it, seen that of the last look.
func (l *Link) sayGate(before, seen, after session.NodeState, as string, d session.Denial) {
	switch {
	case before != after && after == session.Ready:
		l.sayAlone(as, d)
	case seen != after && after == session.Refused:
		l.sayShut(d)
	case seen == session.Refused && after == session.Joining:
		l.cfg.Log.Info("the refusal is over: looking for the peer", "state", after.String())
	}
}

// sayAlone logs that the gate has opened because time went by.
func (l *Link) sayAlone(as string, d session.Denial) {
	if d.Cause == "" {
		l.cfg.Log.Warn("no peer found: serving without it", "state", session.Ready.String(), "as", as)
		return
	}
	l.cfg.Log.Error("SERVING BESIDE A PEER THAT IS NOT LINKED: the two nodes drift apart until they are", "state", session.Ready.String(), "as", as,
		"cause", d.Cause, "do", d.Remedy())
}

// sayShut says now and then that the gate is shut because of a refusal.
func (l *Link) sayShut(d session.Denial) {
	opens := "once that is done"
	if !d.Proved && !l.cfg.BootWait {
		opens = "once that is done, or else " + l.cfg.RefusedWait.String() + " after it began, as whoever is there has not proved to be the peer"
	}
	l.refusals.note(l.cfg.Log, slog.LevelError, l.cfg.Now(), "", "refused"+d.Cause, "NOT SERVING: the peer is there, and one of the two nodes will not link",
		"state", session.Refused.String(), "cause", d.Cause, "do", d.Remedy(), "opens", opens)
}

// diallingLocked says that somebody has taken this node's call and has not answered
// yet: he may be about to refuse, which takes 3 s at most.
func (l *Link) diallingLocked() bool {
	for c := range l.conns {
		if c.dialled && !c.authed {
			return true
		}
	}
	return false
}
