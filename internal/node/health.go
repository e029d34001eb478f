package node

// Health is what a health check has to know of a node.
type Health struct {
	State     string // as repl_state
	Qualifier string // as repl_qualifier, "" for none
	Full      bool   // MaxConns clients are connected
}

// Health tells how the node is, at any time after Start.
func (n *Node) Health() Health {
	st, c := n.link.Stats(), n.clientStats()
	h := Health{State: st.State.String(), Qualifier: st.Qualifier, Full: c.CurrConns >= int64(n.cfg.MaxConns)}
	if n.ending.Load() {
		h.State, h.Qualifier = "draining", "" // the link is told when the clients have gone
	}
	return h
}
