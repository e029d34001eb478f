package replicator

import "time"

// backoff is how long the dialler waits between two attempts: 50 ms at first, then twice as
// long each time, up to 1 s. Chance makes it up to 20 % shorter or longer, so that two nodes
// which started together do not always dial at the same moment.
type backoff struct{ last time.Duration }

// next returns the wait before the next attempt. chance is in [0,1).
func (b *backoff) next(chance float64) time.Duration {
	b.last = min(max(2*b.last, backoffFirst), backoffMost)
	return time.Duration(float64(b.last) * (0.8 + 0.4*chance))
}

func (b *backoff) reset() { b.last = 0 }
