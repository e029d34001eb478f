package replicator

import (
	"fmt"
	"log/slog"

	"twincached/store"
)

// sayIfCopied says that the peer has this node's id: the state directory of one was
// made from the other's. The link works, as incarnations tell the two apart; what
// asks for a node by its id (a pinned peer, verify) takes them for one.
func (l *Link) sayIfCopied(peer store.ID) {
	if peer != l.cfg.NodeID {
		return
	}
	l.refusals.note(l.cfg.Log, slog.LevelError, l.cfg.Now(), "SAME_ID", "sameid",
		"both nodes have the same id: the state directory of one is a copy of the other's. Stop one, remove the file node-id from its --state-dir, and start it again",
		"node_id", fmt.Sprintf("%x", peer))
}
