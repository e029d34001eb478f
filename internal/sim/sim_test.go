package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
)

var (
	simSeeds = flag.Uint64("sim.seeds", 100, "seeds of each plan")
	simFirst = flag.Uint64("sim.first", 1, "the first of them")
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed only, and trace it; shrunk, if it fails")
	simTable = flag.String("sim.table", "", "write what happened to this file, as a table")
)

// TestSim runs every plan.
func TestSim(t *testing.T) {
	seeds := *simSeeds
	if testkit.Race {
		seeds = max(1, seeds/100) // one thread: see testkit.Step
	}
	sums, mu, began := make([]Counts, len(Plans)), sync.Mutex{}, time.Now()
	t.Cleanup(func() {
		if *simTable != "" {
			writeTable(t, sums, time.Since(began))
		}
	})
	for i, plan := range Plans {
		t.Run(plan.Name, func(t *testing.T) {
			t.Parallel()
			if *simSeed != 0 {
				replay(t, plan, *simSeed)
				return
			}
			sum := Counts{}
			for seed := *simFirst; seed < *simFirst+seeds; seed++ {
				counts, f := Run(plan, seed, nil)
				sum.Add(&counts)
				if f != nil {
					report(t, plan, f)
				}
			}
			mu.Lock()
			sums[i] = sum
			mu.Unlock()
		})
	}
}

// TestSim_ASeedDecidesEverything: the same seed is the same run, step by step.
func TestSim_ASeedDecidesEverything(t *testing.T) {
	const seeds = 5
	for i := 0; i < len(Plans); i += testkit.Step {
		plan := Plans[i]
		var sum Counts
		for seed := uint64(1); seed <= seeds; seed++ {
			var traces [2]strings.Builder
			var counts [2]Counts
			for i := range traces {
				counts[i], _ = Run(plan, seed, func(line string) { traces[i].WriteString(line + "\n") })
			}
			if traces[0].String() != traces[1].String() || counts[0] != counts[1] {
				t.Fatalf("seed %d of %q ran differently the second time", seed, plan.Name)
			}
			sum.Add(&counts[0])
		}
		if sum.Ops == 0 || sum.Records == 0 || sum.Barriers == 0 {
			t.Fatalf("%q: nothing happened: %+v", plan.Name, sum)
		}
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
	t.Fatalf("seed %d: %s\nabove: %d of its %d steps, which break the same or another promise (%s)\nagain: %s",
		f.Seed, f.Text, small.Steps, plan.Steps, small.Text, f.Replay())
}

// columns are what the table shows of the counts.
var columns = []struct {
	name string
	of   func(*Counts) uint64
}{
	{"seeds", func(c *Counts) uint64 { return c.Seeds }},
	{"client commands", func(c *Counts) uint64 { return c.Ops }},
	{"of them while the session was at work", func(c *Counts) uint64 { return c.Between }},
	{"frames", func(c *Counts) uint64 { return c.Frames }},
	{"of them late, on an old connection", func(c *Counts) uint64 { return c.Late }},
	{"pieces of values", func(c *Counts) uint64 { return c.Pieces }},
	{"frames of several partitions", func(c *Counts) uint64 { return c.Manies }},
	{"compressed frames", func(c *Counts) uint64 { return c.Packed }},
	{"statuses read", func(c *Counts) uint64 { return c.Statuses }},
	{"states merged", func(c *Counts) uint64 { return c.Records }},
	{"conflicts", func(c *Counts) uint64 { return c.Conflicts }},
	{"connections", func(c *Counts) uint64 { return c.Connects }},
	{"cuts", func(c *Counts) uint64 { return c.Cuts }},
	{"one-way stalls", func(c *Counts) uint64 { return c.Stalls }},
	{"given up for silence", func(c *Counts) uint64 { return c.Silences }},
	{"crashes", func(c *Counts) uint64 { return c.Crashes }},
	{"planned restarts", func(c *Counts) uint64 { return c.Planned }},
	{"of these while the other node drained", func(c *Counts) uint64 { return c.Together }},
	{"of these that nobody took over, and that said so", func(c *Counts) uint64 { return c.Unproven }},
	{"of these of a node that gave up on a linked peer", func(c *Counts) uint64 { return c.GaveUp }},
	{"of these across its BYE PLANNED", func(c *Counts) uint64 { return c.Crossed }},
	{"connections refused for their secret", func(c *Counts) uint64 { return c.Refusals }},
	{"ticks that a node stayed shut because of that", func(c *Counts) uint64 { return c.KeptShut }},
	{"images written", func(c *Counts) uint64 { return c.Images }},
	{"processes that went on from one", func(c *Counts) uint64 { return c.Heirs }},
	{"images that were there again, as the process crashed before it had served", func(c *Counts) uint64 { return c.Left }},
	{"other images than the one that was left, put in its place", func(c *Counts) uint64 { return c.Older }},
	{"images refused: damaged, or another machine's", func(c *Counts) uint64 { return c.Unusable }},
	{"images dropped, as they count only with a peer that did not come", func(c *Counts) uint64 { return c.Dropped }},
	{"machines swapped", func(c *Counts) uint64 { return c.Swaps }},
	{"two histories", func(c *Counts) uint64 { return c.Histories }},
	{"clock jumps", func(c *Counts) uint64 { return c.Jumps }},
	{"evictions", func(c *Counts) uint64 { return c.Evictions }},
	{"tombstones buried", func(c *Counts) uint64 { return c.Buried }},
	{"graves announced", func(c *Counts) uint64 { return c.Graves }},
	{"values refused by a grave", func(c *Counts) uint64 { return c.Rejected }},
	{"values evicted for the peer's grave", func(c *Counts) uint64 { return c.Swept }},
	{"values that found no memory", func(c *Counts) uint64 { return c.Homeless }},
	{"BARRIERs", func(c *Counts) uint64 { return c.Barriers }},
	{"keys on one node only, at rest", func(c *Counts) uint64 { return c.OneSided }},
	{"**promises broken**", func(c *Counts) uint64 { return c.Failures }},
}

func writeTable(t *testing.T, sums []Counts, took time.Duration) {
	var all Counts
	for i := range sums {
		all.Add(&sums[i])
	}
	b := strings.Builder{}
	fmt.Fprintf(&b, "%d seeds of each of %d plans, from seed %d, in %v.\n\n| | all plans |\n|---|---:|\n", *simSeeds, len(Plans), *simFirst, took.Round(time.Second))
	for _, c := range columns {
		fmt.Fprintf(&b, "| %s | %d |\n", c.name, c.of(&all))
	}
	if err := os.WriteFile(*simTable, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}
