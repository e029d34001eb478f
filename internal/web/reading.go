package web

import "twincached/internal/status"

// minuteSamples are those of the last minute.
const minuteSamples = 60

// look reads the board. What it returns is the caller's.
func (s *Server) look() *view {
	pair, _ := s.cfg.Board.Pair(s.cfg.Now())
	r := &reading{pair: pair}
	r.events[0], r.events[1] = s.cfg.Board.Events()
	r.fresh = pair.Peer != nil && pair.PeerAgeMillis <= status.FreshMillis && pair.Node.Link.State != "down"
	var histories [2][]status.Sample
	histories[0], histories[1] = s.cfg.Board.Histories()
	for i, h := range histories {
		if len(h) == 0 {
			continue
		}
		r.last[i] = &h[len(h)-1]
		for _, x := range h[max(0, len(h)-minuteSamples):] {
			r.minute[i].Gets += x.Gets
			r.minute[i].Hits += x.Hits
		}
	}
	v := newView(r)
	v.Metrics = s.cfg.Metrics != nil
	v.Charts = s.charts.of(r, histories)
	return v
}

// lookAt is which snapshot look would read.
func (s *Server) lookAt() int64 {
	pair, _ := s.cfg.Board.Pair(s.cfg.Now())
	return pair.Node.AtMillis
}
