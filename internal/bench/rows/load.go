package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"twincached/internal/bench"
)

// amounts is how much is done.
type amounts struct {
	rounds   int
	measured time.Duration // a round
	warmup   time.Duration
	open     time.Duration // a round of an open loop, whose p99 needs more
	keys     int
	large    int // keys of 10 KiB
	conns    int // that sleep
	items    int // of the memory rows, and of a copy
	many     int // of the large memory row
	idle     time.Duration
	loading  time.Duration // with many items
	samples  int           // of a lag
	hitsMiB  int
	copies   int
}

var (
	full = amounts{rounds: 7, measured: 700 * time.Millisecond, warmup: 150 * time.Millisecond, open: 1500 * time.Millisecond,
		keys: 100_000, large: 20_000, conns: 5000, items: 1_000_000, many: 10_000_000, idle: 10 * time.Second, loading: 25 * time.Second, samples: 300, hitsMiB: 64, copies: 3}
	quick = amounts{rounds: 1, measured: 30 * time.Millisecond, warmup: 5 * time.Millisecond, open: 50 * time.Millisecond,
		keys: 500, large: 100, conns: 50, items: 2000, many: 3000, idle: 100 * time.Millisecond, loading: 100 * time.Millisecond, samples: 5, hitsMiB: 4, copies: 1}
)

// load is what one round puts on a server.
type load struct {
	work  string
	flags []string
	keys  int // 0: those of the sitting
	cores []int
	open  bool
	must  float64
	goal  float64
}

// round runs one round on a server.
func (x *sitting) round(s *server, l *load, fill bool) (*bench.Round, error) {
	d := x.full.measured
	if l.open {
		d = x.full.open
	}
	keys := l.keys
	if keys == 0 {
		keys = x.full.keys
	}
	words := append([]string{"bench", "--json", "--need-hits", "--pid", strconv.Itoa(s.pid()), "--duration", d.String(), "--warmup", x.full.warmup.String(),
		"--keys", strconv.Itoa(keys)}, l.flags...)
	if !fill {
		words = append(words, "--no-load")
	}
	if s.resp {
		words = append(words, "--protocol", "resp")
	}
	r, err := x.report(l.cores, append(append(words, s.flags...), s.address)...)
	if err != nil {
		return nil, err
	}
	return &r.Servers[0].Rounds[0], nil
}

// report runs "twincached bench" on some cores.
func (x *sitting) report(cores []int, words ...string) (*bench.Report, error) {
	cmd := exec.Command(x.program, words...)
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := startOn(cores, cmd); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Bytes()))
	}
	r := new(bench.Report)
	return r, json.Unmarshal(out.Bytes(), r)
}

// turns runs the rounds on the servers, each in turn. A server whose round fails drops out, and
// its error stands in the place of its figures.
func (x *sitting) turns(servers []*server, l *load) (found []bench.Server, errs []error) {
	found, errs = make([]bench.Server, len(servers)), make([]error, len(servers))
	for i := range x.full.rounds {
		for j, s := range servers {
			if s == nil || errs[j] != nil {
				continue
			}
			r, err := x.round(s, l, i == 0)
			if errs[j] = err; err == nil {
				found[j].Rounds = append(found[j].Rounds, *r)
			}
		}
	}
	for j, s := range servers {
		switch {
		case s == nil:
			errs[j] = errNone
		case errs[j] == nil:
			found[j].Sum()
		}
	}
	return found, errs
}
