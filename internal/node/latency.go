package node

import (
	"time"

	"twincached/internal/status"
	"twincached/memproto"
)

// recentMillis is how often a reading becomes the one that others are compared with. What
// a snapshot tells is of the last 30 to 60 seconds.
const recentMillis = 30_000

// recentLatency makes the latency of the last minute out of counts that only grow. The
// zero value is ready. Its owner sees to it that one call runs at a time.
type recentLatency struct {
	at           int64 // when newer was taken, Unix ms; 0: not yet
	older, newer []memproto.Latency
}

// latency is what was timed lately, of the kinds that were asked for. all is the reading
// of now.
func (r *recentLatency) latency(nowMillis int64, all []memproto.Latency) (rows []status.Latency) {
	if r.at == 0 {
		r.at = nowMillis
	}
	if nowMillis-r.at >= recentMillis {
		r.at, r.older, r.newer = nowMillis, r.newer, all
	}
	for i := range all {
		l := all[i]
		if r.older != nil {
			l = l.Since(&r.older[i])
		}
		if l.Count == 0 {
			continue
		}
		us := func(q float64) float64 { return float64(l.Quantile(q)) / float64(time.Microsecond) }
		rows = append(rows, status.Latency{
			Command: l.Command, Count: l.Count, P50: us(0.5), P90: us(0.9), P99: us(0.99), P999: us(0.999), Max: us(1),
		})
	}
	return rows
}
