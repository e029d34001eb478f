package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"twincached/internal/bench/hits"
)

// HitRatio is what a workload found on a server.
type HitRatio struct {
	Address     string  `json:"address"`
	Ratio       float64 `json:"hit_ratio"` // of the reads that count, found
	Requests    uint64  `json:"requests"`  // that count
	LateSeconds float64 `json:"late_seconds,omitempty"`
}

// counted is a cache that counts what it was asked for.
type counted struct {
	hits.Cache
	keys *atomic.Uint64
}

func (c counted) Get(keys [][]byte, found []bool) error {
	c.keys.Add(uint64(len(keys)))
	return c.Cache.Get(keys, found)
}

// Workload is the one of this name for servers with so much memory. Its error has all names.
func Workload(name string, memoryBytes int64) (hits.Workload, error) {
	var names []string
	for _, w := range hits.Workloads(memoryBytes) {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return hits.Workload{}, fmt.Errorf("there is no workload %q: they are %s", name, strings.Join(names, ", "))
}

// HitRatios plays a workload on servers that are empty, on all at the same time: only what is
// found matters, and not how fast. progress, if not nil, is told now and then how far it is.
func HitRatios(servers []string, w hits.Workload, progress func(Progress)) ([]HitRatio, error) {
	found := make([]HitRatio, len(servers))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, len(servers))
	var keys atomic.Uint64
	for i, address := range servers {
		go func() {
			err := play(ctx, address, &w, &keys, &found[i])
			if err != nil {
				cancel() // the others need not go on
			}
			done <- err
		}()
	}
	var failed error
	began, tick := time.Now(), time.NewTicker(tellEvery)
	defer tick.Stop()
	for left := len(servers); left > 0; {
		select {
		case err := <-done:
			left--
			if failed == nil || errors.Is(failed, context.Canceled) {
				failed = err
			}
		case <-tick.C:
			if progress != nil {
				n := keys.Load()
				progress(Progress{Server: w.Name, Requests: n, Rate: float64(n) / time.Since(began).Seconds(),
					Done: float64(n) / float64(w.Requests*len(servers))})
			}
		}
	}
	return found, failed
}

func play(ctx context.Context, address string, w *hits.Workload, keys *atomic.Uint64, to *HitRatio) error {
	c, err := hits.Dial(address)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	defer c.Close()
	r, err := hits.Play(ctx, w.Stream(1), counted{c, keys})
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	*to = HitRatio{Address: address, Ratio: r.Ratio(), Requests: r.Requests, LateSeconds: r.Late.Seconds()}
	return nil
}
