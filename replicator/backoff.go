package replicator

import "time"

// backoff is how long the dialler rests between attempts: 50 ms doubling to 1 s,
// +-20 %, so that two nodes that started together do not stay in step.
type backoff struct{ last time.Duration }

// next returns the rest before the next attempt; chance is in [0,1).
func (b *backoff) next(chance float64) time.Duration {
	b.last = min(max(2*b.last, backoffFirst), backoffMost)
	return time.Duration(float64(b.last) * (0.8 + 0.4*chance))
}

func (b *backoff) reset() { b.last = 0 }
