package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// counts is what was answered.
type counts struct {
	Gets, Sets   uint64 // requests; a get of several keys is one
	Hits, Misses uint64 // keys, those outside the measured time as well
	unmeasured   uint64 // requests outside the measured time
}

func (c *counts) add(o *counts) {
	c.Gets += o.Gets
	c.Sets += o.Sets
	c.Hits += o.Hits
	c.Misses += o.Misses
	c.unmeasured += o.unmeasured
}

const (
	maxLatency = 5 * time.Minute // longer ones count as this
	digits     = 3               // of a latency are kept
)

// pollMillis is after how long somebody who waits looks whether the round has ended.
const pollMillis = 50

// The parts of a round.
const (
	warming int32 = iota
	measuring
	stopping
)

// recorder gathers what all sources of a round find. They share it.
type recorder struct {
	phase    atomic.Int32
	answered atomic.Uint64 // requests, about
	counted  atomic.Bool   // one of them was measured

	mu    sync.Mutex
	took  *hdrhistogram.Histogram // nanoseconds
	total counts
	late  int64 // requests that were due and not sent yet, at most; open loop
	err   error // the first one
}

func newRecorder() *recorder {
	return &recorder{took: hdrhistogram.New(1, int64(maxLatency), digits)}
}

// flush hands over the latencies.
func (s *source) flush() {
	if len(s.took) == 0 {
		return
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	for _, ns := range s.took {
		_ = s.sink.took.RecordValue(min(max(ns, 1), int64(maxLatency))) // it is in the range
	}
	s.took = s.took[:0]
}

// end hands over all that is left, and why it ended.
func (s *source) end(err error) {
	s.flush()
	if err != nil {
		s.sink.fail(err)
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.total.add(&s.counts)
	s.counts = counts{}
}

// fail ends the round. The first error is what is told.
func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.phase.Store(stopping)
}

// lateBy notes that so many requests are due and not sent.
func (r *recorder) lateBy(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = max(r.late, n)
}

// began is from when the clock of a run counts.
var began = time.Now()

// now is nanoseconds on that clock.
func now() int64 { return int64(time.Since(began)) }
