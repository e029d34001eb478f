package session

import "twincached/internal/wire"

// deadbandMillis is the lead of the peer's clock that is left alone: within it two
// clocks count as kept in step, and expiries travel unchanged.
const deadbandMillis = 100

// roundMillis is by how much whole milliseconds can be wrong in a difference of
// two clocks.
const roundMillis = 2

// offset measures how far the peer's clock is ahead of ours: of the last samples
// the one with the shortest round trip is believed. Each is wrong by half of its
// round trip at most.
type offset struct {
	ring    [8]struct{ rtt, ahead int64 }
	num     int
	guess   int64 // what the handshake of a called node says, until the first sample
	guessed bool
	about   int64 // where the measure is looked for: 0, or what the handshake said where the two are more than a day apart
	refused int64 // the last sample, if it was more than a day from there; else 0
}

// sample adds one question and its answer: t0 and t3 by our clock, t1 and t2 by
// the peer's, all ms. What cannot be is left out: an answer before the question. A clock
// that no session is made with is only noted: it would move every expiry.
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
	// Two samples whose errors do not explain the difference: a clock has jumped,
	// and the earlier ones tell of the time before.
	if best, was, ok := o.best(); ok && max(ahead-was, was-ahead) > (best+rtt)/2+roundMillis {
		o.num = 0
	}
	e := &o.ring[o.num%len(o.ring)]
	e.rtt, e.ahead = rtt, ahead
	o.num++
}

// suppose notes what a called node can tell before it has asked anything. There is
// no bound for its error, so any sample is better.
func (o *offset) suppose(ahead int64) {
	if !o.tooFar(ahead) {
		o.guess, o.guessed = ahead, true
	}
}

func (o *offset) tooFar(ahead int64) bool {
	off := ahead - o.about
	return max(off, -off) > clockRefuseMillis
}

// seen is how far the peer is ahead as measured last, believed or not, ms.
func (o *offset) seen() int64 {
	if o.refused != 0 {
		return o.refused
	}
	_, ahead, _ := o.best()
	return ahead
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

// lead is what has to be taken off the peer's times, ms: 0 for clocks that are
// kept in step.
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

// ours turns a time of the peer into one of this node: once, before anything else
// sees it. 0, which is never, stays 0; everything else stays a time.
func (s *Session) ours(millis int64) int64 {
	if millis == 0 || s.lead == 0 {
		return millis
	}
	return min(max(millis-s.lead, 1), wire.MaxMillis)
}
