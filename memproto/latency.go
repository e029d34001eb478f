package memproto

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// commandKind is a row of "stats latency": the commands that are timed together.
type commandKind uint8

const (
	kindGet    commandKind = iota // get and gets
	kindGAT                       // gat and gats
	kindSet                       // set, add, replace, append, prepend, cas
	kindDelete                    // delete
	kindIncr                      // incr and decr
	kindTouch                     // touch
	kindMG                        // the meta protocol's
	kindMS
	kindMD
	kindMA
	kindOther // what is for administration, and what is no command
	commandKinds
)

// kindNames are what stats, metrics and the page call them.
var kindNames = [commandKinds]string{"get", "gat", "set", "delete", "incr", "touch", "mg", "ms", "md", "ma", "other"}

// The buckets of a Latency: two to each power of two, from firstBucketBits on.
const (
	firstBucketBits = 7 // up to 128 ns
	// LatencyBuckets is how many buckets a Latency has; the last one has no bound.
	LatencyBuckets = 56
)

// LatencyBound is the longest time that bucket i holds: 128 ns, 192 ns, 256 ns, 384 ns,
// and so on up to 17 s. That of the last bucket is the longest there is.
func LatencyBound(i int) time.Duration {
	if i >= LatencyBuckets-1 {
		return math.MaxInt64
	}
	base := time.Duration(1) << (firstBucketBits + i/2)
	return base + base/2*time.Duration(i&1)
}

// bucketOf is the bucket of a time: the first whose bound is not below it.
func bucketOf(nanos int64) int {
	n := uint64(max(nanos-1, 0)) // the bounds belong to what is below them
	exp := bits.Len64(n)         // 2^(exp-1) <= n < 2^exp
	if exp <= firstBucketBits {
		return 0
	}
	half := int(n >> (exp - 2) & 1)
	return min(2*(exp-1-firstBucketBits)+half+1, LatencyBuckets-1)
}

// Latency is how long the sampled commands of one kind took, since the start or the last
// "stats reset". It is a sample: see SampleEvery.
type Latency struct {
	Command string // get, gat, set, delete, incr, touch, mg, ms, md, ma, other
	Count   uint64 // commands that were timed
	Sum     time.Duration
	Max     time.Duration
	// Buckets are cumulative: Buckets[i] of them took at most LatencyBound(i). The last
	// one is Count.
	Buckets [LatencyBuckets]uint64
}

// Quantile is the time within which the share q, 0 to 1, of the timed commands was done:
// exact to the bucket, and evenly spread within it. 0 where there were none.
func (l *Latency) Quantile(q float64) time.Duration {
	if l.Count == 0 {
		return 0
	}
	rank := q * float64(l.Count)
	var below uint64
	for i, upTo := range l.Buckets {
		if upTo == 0 || float64(upTo) < rank {
			below = upTo
			continue
		}
		var from time.Duration
		if i > 0 {
			from = LatencyBound(i - 1)
		}
		to := min(LatencyBound(i), l.Max)
		return min(from+time.Duration(float64(to-from)*(rank-float64(below))/float64(upTo-below)), l.Max)
	}
	return l.Max
}

// Since is what came after the earlier reading of the same kind. Max is then the bound of
// its highest bucket, unless none of all was so slow.
func (l *Latency) Since(earlier *Latency) Latency {
	d := *l
	var before, after uint64
	for i := range d.Buckets {
		if earlier.Buckets[i]-before > l.Buckets[i]-after {
			return d // they were reset in between
		}
		before, after = earlier.Buckets[i], l.Buckets[i]
	}
	d.Count -= earlier.Count
	d.Sum -= earlier.Sum
	slowest := 0
	for i := range d.Buckets {
		d.Buckets[i] -= earlier.Buckets[i]
		if i > 0 && d.Buckets[i] > d.Buckets[i-1] {
			slowest = i
		}
	}
	d.Max = min(l.Max, LatencyBound(slowest))
	return d
}

// timings are the counts of all kinds. A command in SampleEvery adds to them, so that
// there is one of them for all threads.
type timings [commandKinds]struct {
	buckets  [LatencyBuckets]atomic.Uint64 // not cumulative
	sum, max atomic.Int64                  // nanoseconds
}

// add notes one command.
func (t *timings) add(kind commandKind, nanos int64) {
	l := &t[kind]
	l.buckets[bucketOf(nanos)].Add(1)
	l.sum.Add(nanos)
	for {
		m := l.max.Load()
		if nanos <= m || l.max.CompareAndSwap(m, nanos) {
			return
		}
	}
}

// read is what has been added, of each kind.
func (t *timings) read() []Latency {
	out := make([]Latency, commandKinds)
	for kind := range t {
		from, l := &t[kind], &out[kind]
		l.Command = kindNames[kind]
		for i := range from.buckets {
			l.Count += from.buckets[i].Load()
			l.Buckets[i] = l.Count
		}
		l.Sum, l.Max = time.Duration(from.sum.Load()), time.Duration(from.max.Load())
	}
	return out
}

func (t *timings) reset() {
	for kind := range t {
		l := &t[kind]
		for i := range l.buckets {
			l.buckets[i].Store(0)
		}
		l.sum.Store(0)
		l.max.Store(0)
	}
}

// latencyRows are "stats latency": of each kind that was asked for, how many commands were
// timed, and in microseconds within which time the shares of them were done.
func (s *Server) latencyRows(r *Rows) {
	r.Uint("sample_every", SampleEvery)
	for _, l := range s.samples.times.read() {
		if l.Count == 0 {
			continue
		}
		r.Uint(l.Command+":count", l.Count)
		r.Decimal(l.Command+":mean_us", micros(l.Sum)/float64(l.Count), 3)
		for _, q := range latencyQuantiles {
			r.Decimal(l.Command+":"+q.name+"_us", micros(l.Quantile(q.share)), 3)
		}
		r.Decimal(l.Command+":max_us", micros(l.Max), 3)
	}
}

var latencyQuantiles = [...]struct {
	name  string
	share float64
}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}

// micros is d in microseconds.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
