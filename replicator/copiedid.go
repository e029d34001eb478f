package replicator

import (
	"fmt"
	"log/slog"

	"twincached/internal/nodelog"
	"twincached/store"
)

// logSameID logs that the peer has the same id as this node: the state directory of one is
// a copy of the other's. The link works, because the incarnations differ. But whoever looks
// for a node by its id (--peer-id, verify) takes the two for one.
func (l *Link) logSameID(peer store.ID) {
	if peer != l.cfg.NodeID {
		return
	}
	l.refusals.note(l.cfg.Log, slog.LevelError, l.cfg.Now(), nodelog.SameID, "SAME_ID", "",
		"both nodes have the same id: the state directory of one is a copy of the other's. Stop one, remove the file node-id from its --state-dir, and start it again",
		"node_id", fmt.Sprintf("%x", peer))
}
