package bench

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Round is what one round on one server found. Times are of the measured part only.
type Round struct {
	Seconds  float64 `json:"seconds"`
	Requests uint64  `json:"requests"` // answered; a get of several keys is one
	Gets     uint64  `json:"gets"`
	Sets     uint64  `json:"sets"`
	Hits     uint64  `json:"hits"` // keys, warm-up included
	Misses   uint64  `json:"misses"`
	Late     int64   `json:"late,omitempty"` // open loop: requests that were due and not sent yet, at most

	Figures
}

// Figures is what one compares.
type Figures struct {
	Rate   float64 `json:"requests_per_second"`
	P50    float64 `json:"p50_us"`
	P90    float64 `json:"p90_us"`
	P99    float64 `json:"p99_us"`
	P999   float64 `json:"p999_us"`
	Max    float64 `json:"max_us"`
	CPU    float64 `json:"server_cpu_us_per_request,omitempty"` // 0: its process is not known
	Cores  float64 `json:"server_cores,omitempty"`              // that it used
	Client float64 `json:"client_cores"`                        // that this process used
}

// A server that has not answered once when a round is over gets as many of these more.
const (
	patience     = 500
	patienceStep = 10 * time.Millisecond
)

// silence is after how long a server that answers nothing is given up.
const silence = 10 * time.Second

// tellEvery is how often progress is told.
const tellEvery = 200 * time.Millisecond

// team is the sources of a round, at work.
type team struct {
	sink  *recorder
	conns []net.Conn // that goroutines have; nobody closes them but stop
	done  chan struct{}
}

// start puts sources to work on conns. load: they set each key once.
func (d *dataset) start(conns []net.Conn, seed uint64, load bool) *team {
	o := *d.opt
	if load {
		o.Depth, o.Rate = loadDepth(&o), 0
	}
	data := &dataset{opt: &o, text: d.text, draws: d.draws}
	t := &team{sink: newRecorder(), done: make(chan struct{})}
	var all sync.WaitGroup
	n := len(conns)
	share := func(i, of int) *keyRange {
		if !load {
			return nil
		}
		return &keyRange{next: i * o.Keys / of, end: (i + 1) * o.Keys / of}
	}
	run := func(i, of int, f func(*source) error) {
		s := newSource(data, seed+uint64(i)<<20, t.sink)
		s.load = share(i, of)
		all.Go(func() { s.end(f(s)) })
	}
	if canPoll && o.TLS == nil {
		threads := min(o.Threads, n)
		for i := range threads {
			first, end := i*n/threads, (i+1)*n/threads
			every := 0.0
			if o.Rate > 0 {
				every = 1e9 * float64(threads) / float64(o.Rate)
			}
			run(i, threads, func(s *source) error { return runLoop(s, conns[first:end], first, every) })
		}
	} else {
		t.conns = conns
		for i, c := range conns {
			every, offset := 0.0, 0.0
			if o.Rate > 0 {
				every = 1e9 * float64(n) / float64(o.Rate)
				offset = every * float64(i) / float64(n)
			}
			run(i, n, func(s *source) error { return runConn(s, c, i, every, offset) })
		}
	}
	go func() { all.Wait(); close(t.done) }()
	return t
}

// wait passes the time, but no longer than the team works, and the server. tell runs now and then.
func (t *team) wait(d time.Duration, tell func()) {
	heard, since := t.sink.answered.Load(), time.Now()
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return
		case <-t.done:
			return
		case <-tick.C:
			if t.sink.phase.Load() == stopping {
				return
			}
			if n := t.sink.answered.Load(); n != heard {
				heard, since = n, time.Now()
			} else if time.Since(since) > silence {
				t.sink.fail(fmt.Errorf("it has answered nothing for %v", silence))
				return
			}
			tell()
		}
	}
}

// stop ends the round, and returns the first error.
func (t *team) stop() error {
	t.sink.phase.Store(stopping)
	closeAll(t.conns)
	<-t.done
	return t.sink.err
}

// round is one round on a server: warm-up, then what is measured.
func (d *dataset) round(address string, pid int, seed uint64, tell func(answered uint64, gone time.Duration)) (*Round, error) {
	o := d.opt
	conns, err := connect(address, o.Connections, o)
	if err != nil {
		return nil, err
	}
	t := d.start(conns, seed, false)
	began := time.Now()
	look := func() { tell(t.sink.answered.Load(), time.Since(began)) }
	t.wait(o.Warmup, look)
	cpu, own := processCPU(pid), ownCPU()
	from := now()
	t.sink.phase.CompareAndSwap(warming, measuring)
	t.wait(o.Duration, look)
	for range patience { // a round too short for one reply says nothing
		if t.sink.counted.Load() || t.sink.phase.Load() == stopping {
			break
		}
		t.wait(patienceStep, look)
	}
	seconds := float64(now()-from) / 1e9
	cpu, own = processCPU(pid)-cpu, ownCPU()-own
	if err := t.stop(); err != nil {
		return nil, err
	}
	c := t.sink.total
	r := &Round{Seconds: seconds, Requests: c.Gets + c.Sets, Gets: c.Gets, Sets: c.Sets, Hits: c.Hits, Misses: c.Misses, Late: t.sink.late}
	if r.Requests == 0 {
		return nil, fmt.Errorf("it answered nothing in %v", o.Duration)
	}
	us := func(percent float64) float64 { return float64(t.sink.took.ValueAtPercentile(percent)) / 1e3 }
	r.Figures = Figures{
		Rate: float64(r.Requests) / seconds, P50: us(50), P90: us(90), P99: us(99), P999: us(99.9), Max: float64(t.sink.took.Max()) / 1e3,
		Cores: cpu.Seconds() / seconds, CPU: float64(cpu.Nanoseconds()) / 1e3 / float64(r.Requests), Client: own.Seconds() / seconds,
	}
	return r, nil
}

// The load goes over few connections with many sets at once.
const (
	loadConnections = 4
	loadBytes       = 1 << 20 // at once, of each
)

// loadDepth is how many sets. memcached 1.6.18 forgets over TLS what it has decrypted and not used.
func loadDepth(o *Options) int {
	if o.TLS != nil {
		return 1
	}
	return min(max(loadBytes/(o.MaxValue+o.KeyBytes+64), 1), 64)
}

// fill sets each key once.
func (d *dataset) fill(address string, tell func(answered uint64)) error {
	conns, err := connect(address, min(loadConnections, d.opt.Keys), d.opt)
	if err != nil {
		return err
	}
	t := d.start(conns, 0, true)
	for working := true; working; {
		t.wait(time.Hour, func() { tell(t.sink.answered.Load()) })
		select {
		case <-t.done:
			working = false
		default:
			working = t.sink.phase.Load() != stopping
		}
	}
	return t.stop()
}

// median is the middle of values, or the mean of the two there.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}
