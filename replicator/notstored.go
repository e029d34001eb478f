package replicator

import "log/slog"

// refusalsSaid is how many of each kind the log has heard of.
type refusalsSaid struct{ out, by uint64 }

// sayRefused says, now and then, that one of the nodes does not store what the other has.
func (l *Link) sayRefused(now int64, said *refusalsSaid) {
	if n := l.core.Counts().RefusedOut; n > said.out {
		said.out = n
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, "", "notstored",
			"no room for what the peer sends, or it is too large, or its key is local here: only the peer has it; give both nodes the same -m, -I, -M and --local-keys", "items", n)
	}
	if n := l.core.Counts().RefusedBy; n > said.by {
		said.by = n
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, "", "notstoredthere",
			"the peer does not store what this node holds: it would be lost with this node; give both nodes the same -m, -I, -M and --local-keys", "items", l.cfg.Store.Refused())
	}
}
