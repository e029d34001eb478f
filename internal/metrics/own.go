package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"twincached/internal/nodelog"
	"twincached/internal/status"
)

// emit takes one number, with the values of its labels.
type emit func(v float64, labels ...string)

// ownMetric is a metric that no memcached has. each calls emit for each of its series: not
// at all while there is nothing to say.
type ownMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	each func(s *status.Snapshot, e emit)
}

// metric is a metric with these labels.
func metric(name string, kind prometheus.ValueType, help string, each func(s *status.Snapshot, e emit), labels ...string) ownMetric {
	return ownMetric{prometheus.NewDesc("twincached_"+name, help, labels, nil), kind, each}
}

// plain is a metric without labels that always has a value.
func plain(name string, kind prometheus.ValueType, help string, value func(s *status.Snapshot) float64) ownMetric {
	return metric(name, kind, help, func(s *status.Snapshot, e emit) { e(value(s)) })
}

// known is a metric without labels that has a value when that is not below 0.
func known(name, help string, value func(s *status.Snapshot) float64) ownMetric {
	return metric(name, gauge, help, func(s *status.Snapshot, e emit) {
		if v := value(s); v >= 0 {
			e(v)
		}
	})
}

// perCopy is a metric with a series for the copy that comes in and one for that which goes
// out.
func perCopy(name, help string, value func(c *status.Copy) (float64, bool)) ownMetric {
	return metric(name, gauge, help, func(s *status.Snapshot, e emit) {
		for direction, c := range map[string]*status.Copy{"in": &s.CopyIn, "out": &s.CopyOut} {
			if v, ok := value(c); ok {
				e(v, direction)
			}
		}
	}, "direction")
}

// stateSet has a series for each word, 1 for those that hold.
func stateSet(name, label, help string, words []string, holds func(s *status.Snapshot) []string) ownMetric {
	return metric(name, gauge, help, func(s *status.Snapshot, e emit) {
		set := make(map[string]float64, len(words))
		for _, w := range words {
			set[w] = 0
		}
		for _, w := range holds(s) {
			if w != "" {
				set[w] = 1
			}
		}
		for w, v := range set {
			e(v, w)
		}
	}, label)
}

// inOut is a counter with a series for each direction.
func inOut(name, help string, in, out func(s *status.Snapshot) uint64) ownMetric {
	return metric(name, counter, help, func(s *status.Snapshot, e emit) {
		e(float64(in(s)), "in")
		e(float64(out(s)), "out")
	}, "direction")
}

func warningWords(s *status.Snapshot) (words []string) {
	for _, w := range s.Warnings {
		words = append(words, w.Word)
	}
	return words
}

// events has a series for each event word, so that the first of a kind is an increase.
func events(s *status.Snapshot, e emit) {
	for _, w := range nodelog.Words() {
		e(float64(s.EventCounts[w.Word]), w.Word)
	}
}

// refused counts by cause. A cause that has no name is a number that whoever sent it
// chose: those count together.
func refused(s *status.Snapshot, e emit) {
	sum := map[string]uint64{}
	for cause, n := range s.Link.Refused {
		if strings.ContainsFunc(cause, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) {
			cause = "OTHER"
		}
		sum[strings.ToLower(cause)] += n
	}
	for cause, n := range sum {
		e(float64(n), cause)
	}
}

func seconds(millis int64) float64 { return float64(millis) / 1000 }
