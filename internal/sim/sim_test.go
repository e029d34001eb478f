package sim

import (
	"flag"
	"testing"
)

var (
	simSeeds = flag.Uint64("sim.seeds", 60, "seeds of each plan")
	simFirst = flag.Uint64("sim.first", 1, "the first of them")
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed only, and trace it; shrunk, if it fails")
)

// TestSim runs every plan.
func TestSim(t *testing.T) {
	for _, plan := range Plans {
		t.Run(plan.Name, func(t *testing.T) {
			t.Parallel()
			if *simSeed != 0 {
				replay(t, plan, *simSeed)
				return
			}
			for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
				if _, f := Run(plan, seed, nil); f != nil {
					report(t, plan, f)
				}
			}
		})
	}
}

func replay(t *testing.T, plan Plan, seed uint64) {
	if _, f := Run(plan, seed, nil); f != nil {
		report(t, plan, f)
		return
	}
	Run(plan, seed, func(line string) { t.Log(line) })
}

// report shows a failure so that a person can follow it.
func report(t *testing.T, plan Plan, f *Failure) {
	t.Helper()
	var lines []string
	small := Shrink(plan, f.Seed, func(line string) { lines = append(lines, line) })
	for _, line := range lines {
		t.Log(line)
	}
	t.Fatalf("seed %d: %s\nabove: %d of its %d steps, which break the same or another promise (%s)\nagain: %s", f.Seed, f.Text, small.Steps, plan.Steps, small.Text, f.Replay())
}
