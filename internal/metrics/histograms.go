package metrics

import (
	"math/bits"

	"github.com/prometheus/client_golang/prometheus"

	"twincached/internal/session"
	"twincached/memproto"
)

var (
	lagDesc = prometheus.NewDesc("twincached_repl_lag_seconds",
		"How long it took from sending a change to the peer's word that it has it.", nil, nil)
	durationDesc = prometheus.NewDesc("twincached_command_duration_seconds",
		"How long commands took, of a sample (one in 256), without the network; commands that nobody used are missing.", []string{"command"}, nil)
)

// sendLag sends how long changes were under way.
func sendLag(ch chan<- prometheus.Metric, h session.LagHistogram) {
	buckets := make(map[float64]uint64, len(h.Within))
	for i, n := range h.Within {
		buckets[seconds(session.LagBoundsMillis[i])] = n
	}
	ch <- prometheus.MustNewConstHistogram(lagDesc, h.Count, float64(h.SumMillis)/1000, buckets)
}

// durationBounds are the buckets of memproto.Latency that are sent: one for each power of
// two from 256 ns to 67 ms, and one for each power of four up to 4 s. The others would be
// series that nobody needs.
var durationBounds = func() (chosen []int) {
	for i := range memproto.LatencyBuckets - 1 {
		bound := uint64(memproto.LatencyBound(i))
		power := bits.Len64(bound) - 1
		if bound == 1<<power && power >= 8 && (power <= 26 || power <= 32 && power%2 == 0) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}()

// sendDurations sends how long the commands took that were used.
func sendDurations(ch chan<- prometheus.Metric, all []memproto.Latency) {
	for i := range all {
		l := &all[i]
		if l.Count == 0 {
			continue
		}
		buckets := make(map[float64]uint64, len(durationBounds))
		for _, b := range durationBounds {
			buckets[memproto.LatencyBound(b).Seconds()] = l.Buckets[b]
		}
		ch <- prometheus.MustNewConstHistogram(durationDesc, l.Count, l.Sum.Seconds(), buckets, l.Command)
	}
}
