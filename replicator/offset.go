package replicator

// offset measures how far the peer's clock is ahead of ours: of the last samples
// the one with the shortest round trip is believed.
type offset struct {
	ring [8]struct{ rtt, ahead int64 }
	num  int
}

// sample adds one PING and its PONG: t0 and t3 by our clock, t1 and t2 by the
// peer's, all ms.
func (o *offset) sample(t0, t1, t2, t3 int64) {
	e := &o.ring[o.num%len(o.ring)]
	e.rtt = max((t3-t0)-(t2-t1), 0)
	e.ahead = ((t1 - t0) + (t2 - t3)) / 2
	o.num++
}

// best returns the round trip and how far the peer is ahead, ms; false before the
// first sample.
func (o *offset) best() (rtt, ahead int64, ok bool) {
	n := min(o.num, len(o.ring))
	if n == 0 {
		return 0, 0, false
	}
	b := &o.ring[0]
	for i := 1; i < n; i++ {
		if e := &o.ring[i]; e.rtt < b.rtt {
			b = e
		}
	}
	return b.rtt, b.ahead, true
}
