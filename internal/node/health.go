package node

// Health is what a health check has to know of a node.
type Health struct {
	State     string // as repl_state
	Qualifier string // as repl_qualifier, "" for none
	Full      bool   // MaxConns clients are connected
}

// Health tells how the node is, at any time after Start, also when it has ended. It does not
// look into the store.
func (n *Node) Health() Health {
	state, qualifier := n.link.StateQualified()
	h := Health{State: state.String(), Qualifier: qualifier, Full: n.clientStats().CurrConns >= int64(n.cfg.MaxConns)}
	if n.ending.Load() {
		h.State, h.Qualifier = "draining", "" // the link is told when the clients have gone
	}
	return h
}
