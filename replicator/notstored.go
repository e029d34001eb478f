package replicator

import (
	"log/slog"

	"twincached/internal/nodelog"
)

// notStoredLogged is the counts that were logged last: session.Counts.RefusedOut and RefusedBy.
type notStoredLogged struct{ out, by uint64 }

// logNotStored logs now and then that one of the nodes does not store what the other has.
func (l *Link) logNotStored(now int64, logged *notStoredLogged) {
	if n := l.core.Counts().RefusedOut; n > logged.out {
		logged.out = n
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, nodelog.NotStored, "", "",
			"no room for what the peer sends, or it is too large, or its key is local here: only the peer has it; give both nodes the same -m, -I, -M and --local-keys", "items", n)
	}
	if n := l.core.Counts().RefusedBy; n > logged.by {
		logged.by = n
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, nodelog.NotOnPeer, "", "",
			"the peer does not store what this node holds: it would be lost with this node; give both nodes the same -m, -I, -M and --local-keys", "items", l.cfg.Store.Refused())
	}
}
