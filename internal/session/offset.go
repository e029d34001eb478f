package session

import "twincached/internal/wire"

// deadbandMillis: two clocks that differ by no more count as equal, and expiries travel
// unchanged.
const deadbandMillis = 100

// roundMillis is by how much a difference of two clocks can be wrong because both count in
// whole milliseconds.
const roundMillis = 2

// offset measures how far the peer's clock is ahead of this node's. Of the last samples it
// takes the one with the shortest round trip, because a sample is wrong by half of its round
// trip at most.
type offset struct {
	ring     [8]struct{ rtt, ahead int64 }
	num      int
	guess    int64 // what the acceptor's handshake says, for use before the first sample
	guessed  bool
	expected int64 // samples more than a day from here are refused: 0, or what the handshake said if the clocks are more than a day apart
	refused  int64 // the last sample, if it was refused; else 0
}

// sample adds one question and its answer. By this node's clock it was sent at t0 and
// answered at t3; by the peer's it arrived at t1 and was answered at t2; all Unix ms. A
// sample in which an answer comes before its question is ignored. One that is too far from
// what is expected is only noted: it would move every expiry.
func (o *offset) sample(t0, t1, t2, t3 int64) {
	rtt, ahead := (t3-t0)-(t2-t1), ((t1-t0)+(t2-t3))/2
	if t3 < t0 || t2 < t1 || rtt < -roundMillis {
		return
	}
	if o.refused = 0; o.tooFar(ahead) {
		o.refused = ahead
		return
	}
	rtt = max(rtt, 0)
	// If two samples differ by more than both can be wrong, a clock has jumped. Then the
	// earlier samples count no more.
	if best, was, ok := o.best(); ok && max(ahead-was, was-ahead) > (best+rtt)/2+roundMillis {
		o.num = 0
	}
	e := &o.ring[o.num%len(o.ring)]
	e.rtt, e.ahead = rtt, ahead
	o.num++
}

// suppose notes what the acceptor knows before its first PING is answered. It may be wrong
// by any amount, so every sample is better.
func (o *offset) suppose(ahead int64) {
	if !o.tooFar(ahead) {
		o.guess, o.guessed = ahead, true
	}
}

func (o *offset) tooFar(ahead int64) bool {
	off := ahead - o.expected
	return max(off, -off) > clockRefuseMillis
}

// measured is how far the peer's clock is ahead by the last measurement, ms, even if that
// was refused.
func (o *offset) measured() int64 {
	if o.refused != 0 {
		return o.refused
	}
	_, ahead, _ := o.best()
	return ahead
}

// apart is by how much the clocks differ at least, ms: where one way of the link is slow, as
// under a copy, a sample is wrong by up to half of its round trip. Below 0: they may be equal.
func (o *offset) apart() int64 {
	ahead, rtt := o.refused, int64(0)
	if ahead == 0 {
		rtt, ahead, _ = o.best()
	}
	return max(ahead, -ahead) - (rtt+1)/2
}

// best returns the round trip of the best sample, and how far the peer's clock is ahead by
// it, both ms. false: there is no sample.
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

// lead is what has to be subtracted from the peer's times, ms; 0 if the clocks count as
// equal.
func (o *offset) lead() int64 {
	_, ahead, ok := o.best()
	if !ok && o.guessed {
		ahead = o.guess
	}
	if max(ahead, -ahead) <= deadbandMillis {
		return 0
	}
	return ahead
}

// ours turns a time of the peer into one of this node, Unix ms. That happens once, before
// anything else sees the time. 0 means never, and stays 0; no other time becomes 0.
func (s *Session) ours(millis int64) int64 {
	if millis == 0 || s.lead == 0 {
		return millis
	}
	return min(max(millis-s.lead, 1), wire.MaxMillis)
}
