package node

// stateLoading is the state of a node that loads its image. A link, which has the others, is
// not there then.
const stateLoading = "loading"

// Health is what a health check has to know of a node.
type Health struct {
	State     string // as repl_state
	Qualifier string // as repl_qualifier, "" for none
	Full      bool   // MaxConns clients are connected
}

// Health tells how the node is, at any time after Start, also when it has ended. It does not
// look into the store.
func (n *Node) Health() Health {
	h := Health{State: stateLoading, Full: n.clientStats().CurrConns >= int64(n.cfg.MaxConns)}
	if l := n.link.Load(); l != nil {
		state, qualifier := l.StateQualified()
		h.State, h.Qualifier = state.String(), qualifier
	}
	if n.ending.Load() {
		h.State, h.Qualifier = "draining", "" // the link is told when the clients have gone
	}
	return h
}
