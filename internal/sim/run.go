package sim

import (
	"fmt"
	"slices"
	"unsafe"
)

// Failure is a broken promise, and how to see it again.
type Failure struct {
	Plan  string
	Seed  uint64
	Text  string
	Steps int // that the run needed, when shrunk; 0: not shrunk
}

// Replay is the command that shows the failure again, with a trace.
func (f *Failure) Replay() string {
	return fmt.Sprintf("go test ./internal/sim -run 'TestSim$/^%s$' -sim.seed %d -v", spaceless(f.Plan), f.Seed)
}

func spaceless(name string) string {
	b := []byte(name)
	for i := range b {
		if b[i] == ' ' {
			b[i] = '_'
		}
	}
	return string(b)
}

// Run does one seed of a plan. trace gets a line for each thing that happens; nil:
// none.
func Run(plan Plan, seed uint64, trace func(string)) (Counts, *Failure) {
	return run(plan, seed, nil, trace)
}

func run(plan Plan, seed uint64, keep []bool, trace func(string)) (Counts, *Failure) {
	w := newWorld(seed, plan, trace)
	w.keep = keep
	if text := w.run(); text != "" {
		return w.counts, &Failure{Plan: plan.Name, Seed: seed, Text: text}
	}
	return w.counts, nil
}

// Shrink leaves out as many steps of a failing run as it can, while a promise is
// still broken, and traces what is left.
func Shrink(plan Plan, seed uint64, trace func(string)) *Failure {
	keep := slices.Repeat([]bool{true}, plan.Steps)
	fails := func() bool {
		_, f := run(plan, seed, keep, nil)
		return f != nil
	}
	for size := plan.Steps / 2; size > 0; size /= 2 {
		for again := true; again; {
			again = false
			for at := 0; at < plan.Steps; at += size {
				chunk := keep[at:min(at+size, plan.Steps)]
				if !slices.Contains(chunk, true) {
					continue
				}
				was := slices.Clone(chunk)
				clear(chunk)
				if fails() {
					again = true
				} else {
					copy(chunk, was)
				}
			}
		}
	}
	_, f := run(plan, seed, keep, trace)
	for _, k := range keep {
		if k && f != nil {
			f.Steps++
		}
	}
	return f
}

// Add sums the counts of runs.
func (c *Counts) Add(o *Counts) {
	for i, n := range o.words() {
		c.words()[i] += n
	}
}

// words sees counts, which are nothing but uint64, as an array.
func (c *Counts) words() []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(c)), unsafe.Sizeof(*c)/8)
}
