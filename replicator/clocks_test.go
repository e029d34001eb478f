package replicator

import (
	"fmt"
	"testing"

	"twincached/store"
)

const tenMinutes = 10 * 60 * 1000

// TestScenario11_ClocksApartAndStepping: two clocks that are twenty minutes
// apart, and clocks that are set while the nodes run. Of two writes that follow
// each other the later one wins all the same.
func TestScenario11_ClocksApartAndStepping(t *testing.T) {
	steps := map[string]func(d *duo, round int){
		"one behind, one ahead": func(*duo, int) {},
		"the later one ahead":   func(d *duo, _ int) { d.n[0].skew, d.n[1].skew = tenMinutes, -tenMinutes },
		"stepping back":         func(d *duo, round int) { d.n[round%2].skew -= 5000 },
		"stepping forth":        func(d *duo, round int) { d.n[round%2].skew += 5000 },
		"jumping about":         func(d *duo, round int) { d.n[round%2].skew = int64(round%5-2) * tenMinutes / 2 },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			d := newDuo(t)
			d.start(0, -tenMinutes)
			d.start(1, +tenMinutes)
			d.heal()
			for round := range 200 {
				step(d, round)
				d.oneAfterTheOther(round)
			}
		})
	}
}

// oneAfterTheOther makes both nodes write the same keys in turn, each after it
// has heard of what the other one wrote: over the link, or when it is back.
func (d *duo) oneAfterTheOther(round int) {
	d.t.Helper()
	first, second := round%2, 1-round%2
	d.set(first, "k", "first")
	d.set(first, "gone", "first")
	d.del(first, "new")
	d.rest()
	value := fmt.Sprint("second of ", round)
	d.set(second, "k", value)
	d.set(second, "new", value)
	if got := d.del(second, "gone"); got != store.Deleted {
		d.t.Fatalf("round %d: delete: status %d", round, got)
	}
	if round%3 == 0 {
		d.heal()
	}
	d.rest()
	d.wants("k", value, value)
	d.wants("new", value, value)
	d.wants("gone", "", "")
	if round%10 == 9 {
		d.n[first].st.Flush(d.n[first].cfg.Now())
		d.rest()
		d.wants("k", "", "")
		d.set(second, "k", value)
		d.rest()
		d.wants("k", value, value)
	}
	d.same()
}

// TestScenario11_RestartedWithAnEarlierClock: a node that comes back with a clock
// far behind hears of its peer's first, so its writes count.
func TestScenario11_RestartedWithAnEarlierClock(t *testing.T) {
	d := newDuo(t)
	d.start(1, +tenMinutes)
	d.heal()
	d.set(1, "k", "before")
	d.rest()
	d.kill(1)
	d.start(1, -tenMinutes)
	d.heal()
	d.wants("k", "before", "before")
	d.set(1, "k", "after")
	d.set(1, "other", "after")
	d.rest()
	d.wants("k", "after", "after")
	d.del(1, "k")
	d.rest()
	d.wants("k", "", "")
	d.same()
}
