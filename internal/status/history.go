package status

// HistorySeconds is how far a History goes back.
const HistorySeconds = 15 * 60

// Sample is one second of a node: rates a second, and states at its end.
type Sample struct {
	AtMillis int64
	Rates
	Conns, Items, CommittedMiB float32
	LagMillis, Backlog         float32
}

// History is the last seconds of one node. Its owner sees to it that one call runs at a time.
type History struct {
	last    Snapshot
	samples [HistorySeconds]Sample
	n       int // samples ever added
}

// Add notes a snapshot. One that is not later than the last is left out. One of another
// process begins the counters anew.
func (h *History) Add(s *Snapshot) {
	before := h.last
	h.last = *s
	h.last.Events, h.last.EventCounts, h.last.Warnings, h.last.Latency = nil, nil, nil, nil
	rates, ok := RatesOf(&before, s)
	if before.AtMillis == 0 || !ok {
		return
	}
	h.samples[h.n%len(h.samples)] = Sample{
		AtMillis: s.AtMillis, Rates: rates,
		Conns: float32(s.Clients.Conns), Items: float32(s.Items.Held), CommittedMiB: float32(s.Memory.CommittedBytes) / (1 << 20),
		LagMillis: float32(s.Link.LagMillis), Backlog: float32(s.Link.Backlog),
	}
	h.n++
}

// Samples are the seconds that are known, oldest first, in a slice of their own.
func (h *History) Samples() []Sample {
	n := min(h.n, len(h.samples))
	out := make([]Sample, 0, n)
	for i := h.n - n; i < h.n; i++ {
		out = append(out, h.samples[i%len(h.samples)])
	}
	return out
}
