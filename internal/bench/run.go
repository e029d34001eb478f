package bench

import (
	"fmt"
	"math"
	"runtime"
	"time"
)

// Report is what a run found.
type Report struct {
	Servers []Server `json:"servers"`
	Ratios  []Ratio  `json:"ratios,omitempty"` // of each server but the first to the first
}

// Server is what the rounds on one server found.
type Server struct {
	Address string  `json:"address"`
	PID     int     `json:"pid,omitempty"`     // of the process whose CPU time was read; 0: none is known
	Process string  `json:"process,omitempty"` // its name
	Rounds  []Round `json:"rounds"`
	Median  Figures `json:"median"` // each of the rounds' figures by itself
	Spread  float64 `json:"spread"` // of the rounds' rate: (highest-lowest)/median
}

// Ratio compares a server with the first one. More than 1: it is that many times as good.
type Ratio struct {
	Address string `json:"address"`
	Rate    Span   `json:"rate"` // its requests a second, by the first one's
	P99     Span   `json:"p99"`  // the first one's p99 by its
	CPU     *Span  `json:"cpu"`  // the first one's CPU time a request by its; null: not known
}

// Span is a ratio of medians, and the lowest and highest ratio within one turn.
type Span struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Run loads the servers, HOST:PORT or a unix socket each, and runs the rounds: each server once,
// then each once more. An error says what contradicts itself, or which server failed, and how.
func Run(servers []string, opt Options) (*Report, error) {
	if err := opt.Check(len(servers)); err != nil {
		return nil, err
	}
	// A thread that waits in a system call, or spins, keeps its P: the clock needs one of its own.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.NumCPU(), opt.Threads+1)))
	d := newDataset(&opt)
	r := &Report{}
	for i, address := range servers {
		s := Server{Address: address}
		if len(opt.PIDs) > 0 {
			s.PID = opt.PIDs[i]
		}
		if s.PID == 0 {
			s.PID = listener(address)
		}
		s.Process = processName(s.PID)
		r.Servers = append(r.Servers, s)
	}
	if err := d.fillAll(r); err != nil {
		return nil, err
	}
	for round := range opt.Rounds {
		for i := range r.Servers {
			s := &r.Servers[i]
			step := round*len(servers) + i
			one, err := d.round(s.Address, s.PID, uint64(round)+1, func(answered uint64, gone time.Duration) {
				part := min(float64(gone)/float64(opt.Warmup+opt.Duration), 1)
				opt.tell(Progress{Server: s.Address, Round: round + 1, Requests: answered, Rate: float64(answered) / gone.Seconds(),
					Done: (float64(step) + part) / float64(opt.Rounds*len(servers))})
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Address, err)
			}
			s.Rounds = append(s.Rounds, *one)
		}
	}
	for i := range r.Servers {
		r.Servers[i].Sum()
		if i > 0 {
			r.Ratios = append(r.Ratios, Compare(&r.Servers[0], &r.Servers[i]))
		}
	}
	return r, nil
}

// fillAll sets each key on each server.
func (d *dataset) fillAll(r *Report) error {
	if !d.opt.Load {
		return nil
	}
	for _, s := range r.Servers {
		from := time.Now()
		err := d.fill(s.Address, func(answered uint64) {
			d.opt.tell(Progress{Server: s.Address, Loading: true, Requests: answered, Rate: float64(answered) / time.Since(from).Seconds()})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Address, err)
		}
	}
	return nil
}

func (o *Options) tell(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// Sum fills in what is made of the rounds: Median and Spread.
func (s *Server) Sum() {
	of := func(get func(*Figures) float64) float64 {
		var all []float64
		for i := range s.Rounds {
			all = append(all, get(&s.Rounds[i].Figures))
		}
		return median(all)
	}
	s.Median = Figures{
		Rate: of(func(f *Figures) float64 { return f.Rate }), P50: of(func(f *Figures) float64 { return f.P50 }),
		P90: of(func(f *Figures) float64 { return f.P90 }), P99: of(func(f *Figures) float64 { return f.P99 }),
		P999: of(func(f *Figures) float64 { return f.P999 }), Max: of(func(f *Figures) float64 { return f.Max }),
		CPU: of(func(f *Figures) float64 { return f.CPU }), Cores: of(func(f *Figures) float64 { return f.Cores }),
		Client: of(func(f *Figures) float64 { return f.Client }),
	}
	low, high := math.Inf(1), 0.0
	for _, r := range s.Rounds {
		low, high = min(low, r.Rate), max(high, r.Rate)
	}
	s.Spread = (high - low) / s.Median.Rate
}

// Compare holds b against a. Both have as many rounds, taken in turn.
func Compare(a, b *Server) Ratio {
	span := func(over, under *Server, get func(*Figures) float64) Span {
		s := Span{Median: get(&over.Median) / get(&under.Median), Low: math.Inf(1)}
		for i := range over.Rounds {
			v := get(&over.Rounds[i].Figures) / get(&under.Rounds[i].Figures)
			s.Low, s.High = min(s.Low, v), max(s.High, v)
		}
		return s
	}
	r := Ratio{
		Address: b.Address,
		Rate:    span(b, a, func(f *Figures) float64 { return f.Rate }),
		P99:     span(a, b, func(f *Figures) float64 { return f.P99 }),
	}
	if a.Median.CPU > 0 && b.Median.CPU > 0 {
		cpu := span(a, b, func(f *Figures) float64 { return f.CPU })
		r.CPU = &cpu
	}
	return r
}
