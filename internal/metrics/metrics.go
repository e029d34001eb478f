package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"twincached/internal/node"
	"twincached/internal/session"
	"twincached/internal/status"
	"twincached/memproto"
)

// Handler answers each GET with all metrics of n, and of this process. Whoever calls it
// bounds how often.
func Handler(n *node.Node) http.Handler {
	return handler(source{snapshot: n.Latest, rows: n.StatRows, lag: n.Lag, durations: n.Durations})
}

// source is where a node's numbers come from. Any goroutine may call its functions.
type source struct {
	snapshot  func() status.Snapshot
	rows      func(kind string) []memproto.Stat // of "stats KIND"; "" is plain "stats"
	lag       func() session.LagHistogram
	durations func() []memproto.Latency
}

func handler(src source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		&collector{src},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorHandling:      promhttp.ContinueOnError, // the other numbers are still worth having
		DisableCompression: true,                     // 30 KB are little for a network, and to make 6 KB of them takes 1 MB
	})
}

// collector asks the node for its numbers at each scrape, and keeps none.
type collector struct{ src source }

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range exporterDescs {
		ch <- d
	}
	for i := range own {
		ch <- own[i].desc
	}
	ch <- durationDesc
	ch <- lagDesc
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.src.snapshot()
	exporter{ch, c.src.rows}.collect(s.State.Serves)
	for i := range own {
		m := &own[i]
		m.each(&s, func(v float64, labels ...string) { send(ch, m.desc, m.kind, v, labels...) })
	}
	sendDurations(ch, c.src.durations())
	sendLag(ch, c.src.lag())
}

// send passes a number on. One that does not fit its description becomes an error that the
// handler counts; the others stay.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}

func oneZero(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
