package store

// isLocal tells whether a key never leaves this node.
func (s *Store) isLocal(key []byte) bool { return s.local.Match(key) }
