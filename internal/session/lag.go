package session

import "sync/atomic"

// LagBoundsMillis are the upper bounds of the buckets of a LagHistogram, in ms.
var LagBoundsMillis = [...]int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000}

// LagHistogram says how long it took from when a numbered frame was sent until the peer said
// that it has applied it, over all sessions. What was under way when a session ended does not
// count: the next one sends it anew.
type LagHistogram struct {
	Within    [len(LagBoundsMillis)]uint64 // frames that took at most LagBoundsMillis[i]; each bucket holds those before it
	Count     uint64                       // all frames
	SumMillis uint64                       // how long they took together
}

// lagMeter counts for a LagHistogram, each frame in one bucket. Safe for concurrent use.
type lagMeter struct {
	buckets   [len(LagBoundsMillis) + 1]atomic.Uint64 // the last one is for what took longer
	sumMillis atomic.Uint64
}

func (m *lagMeter) note(millis int64) {
	millis = max(millis, 0) // a clock that was set back
	i := 0
	for i < len(LagBoundsMillis) && millis > LagBoundsMillis[i] {
		i++
	}
	m.buckets[i].Add(1)
	m.sumMillis.Add(uint64(millis))
}

// Lag is the histogram as it is now. It needs no lock.
func (c *Core) Lag() (h LagHistogram) {
	m := &c.meter.lag
	for i := range m.buckets {
		h.Count += m.buckets[i].Load()
		if i < len(h.Within) {
			h.Within[i] = h.Count
		}
	}
	h.SumMillis = m.sumMillis.Load()
	return h
}
