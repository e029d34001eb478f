package sim

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	huntSeeds = flag.Uint64("sim.hunt", 0, "run up to this many seeds of each plan, until a promise is broken")
	huntPlan  = flag.String("sim.plan", "", "the only plan of -sim.hunt")
)

// TestSim_Hunt is what internal/mutants calls, with a fault in the code.
func TestSim_Hunt(t *testing.T) {
	if *huntSeeds == 0 {
		t.Skip("without -sim.hunt there is nothing to hunt")
	}
	plans := Plans
	if *huntPlan != "" {
		plans = []Plan{planOf(*huntPlan)}
	}
	if f, runs := hunt(plans, *huntSeeds); f != nil {
		t.Fatalf("%s, seed %d, after %d runs: %s", f.Plan, f.Seed, runs, f.Text)
	}
}

func planOf(name string) Plan {
	return Plans[slices.IndexFunc(Plans, func(p Plan) bool { return p.Name == name })]
}

// hunt runs seeds of plans, in turn, until a promise is broken, and returns that one
// and how many runs it took.
func hunt(plans []Plan, seeds uint64) (found *Failure, runs uint64) {
	var mu sync.Mutex
	var stop atomic.Bool
	var ran, next atomic.Uint64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				i := next.Add(1) - 1
				seed, plan := 1+i/uint64(len(plans)), plans[i%uint64(len(plans))]
				if seed > seeds {
					return
				}
				f := runCarefully(plan, seed)
				ran.Add(1)
				if f == nil {
					continue
				}
				stop.Store(true)
				mu.Lock()
				if found == nil || f.Seed < found.Seed {
					found = f
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return found, ran.Load()
}

// runCarefully takes a panic for a failure, which it is.
func runCarefully(plan Plan, seed uint64) (f *Failure) {
	defer func() {
		if p := recover(); p != nil {
			f = &Failure{Plan: plan.Name, Seed: seed, Text: fmt.Sprintf("panic: %v", p)}
		}
	}()
	_, f = Run(plan, seed, nil)
	return f
}
