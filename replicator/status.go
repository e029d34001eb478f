package replicator

// SetStatus is what this node says of itself, for people who look at its peer. The link sends
// it with what it sends anyway. It keeps text, so do not change it; nil = there is nothing to
// say.
func (l *Link) SetStatus(text []byte) { l.core.SetStatus(text) }

// TakeStatus appends to dst what the peer said of itself last, if it has not been taken yet.
// Nobody has looked into it: believe nothing of it.
func (l *Link) TakeStatus(dst []byte) []byte {
	c := l.active.Load()
	if c == nil {
		return dst
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s.TakeStatus(dst)
}
