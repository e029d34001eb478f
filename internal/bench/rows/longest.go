package main

import (
	"fmt"
	"strconv"
	"time"
)

// longestSet loads us and memcached with many items, and looks at who waited longest.
func longestSet(x *sitting) (*table, error) {
	t := &table{head: []string{"items", "ours, longest", "p99.9", "memcached, longest", "p99.9", "host", "must", "goal", ""}}
	gap, err := x.hostGap()
	if err != nil {
		return nil, err
	}
	servers, err := x.against(x.first, "-t", "1")
	if err != nil {
		return nil, err
	}
	row, ours := []string{strconv.Itoa(x.full.many)}, 0.0
	for i, s := range servers {
		r, err := x.report(x.second, "bench", "--json", "--no-load", "--spin", "--gets", "0", "-c", "4", "-d", "16", "--keys", strconv.Itoa(x.full.many),
			"--warmup", "0", "--duration", x.full.loading.String(), s.address)
		if err != nil {
			return t, fmt.Errorf("%s: %w", s.name, err)
		}
		s.end()
		f := r.Servers[0].Median
		row = append(row, fmt.Sprintf("%.2f", f.Max/1e3), fmt.Sprintf("%.2f", f.P999/1e3))
		if i == 0 {
			ours = f.Max / 1e3
		}
	}
	host := float64(gap.Microseconds()) / 1e3
	t.add(append(row, fmt.Sprintf("%.2f", host), "5", "1", verdict(-max(ours-host, 0), -5, -1))...)
	return t, nil
}

// hostGap is how long a process that does nothing but look at the clock was not running, at most.
func (x *sitting) hostGap() (longest time.Duration, err error) {
	err = onCores(x.first, func() error {
		end := time.Now().Add(x.full.idle)
		for last := time.Now(); last.Before(end); {
			now := time.Now()
			longest, last = max(longest, now.Sub(last)), now
		}
		return nil
	})
	return longest, err
}
