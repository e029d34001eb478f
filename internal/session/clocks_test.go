package session

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
		d.n[first].st.Flush(d.n[first].now())
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

// TestScenario11_ExpiriesOfAClockApart: what lives for a minute by the clock of the
// node that stored it lives for a minute on the other one too.
func TestScenario11_ExpiriesOfAClockApart(t *testing.T) {
	for _, writer := range []int{0, 1} { // ten minutes behind, ten minutes ahead
		d := newDuo(t)
		d.start(0, -tenMinutes)
		d.start(1, +tenMinutes)
		d.heal()
		d.pass(3000) // they measure
		n := d.n[writer]
		for key, op := range map[string]store.Op{"set": store.OpSet, "touched": store.OpTouch} {
			if op == store.OpTouch {
				d.set(writer, key, "v")
				d.rest()
			}
			n.do(op, key, "v", n.now()+60_000)
			d.rest()
		}
		d.now += 58_000
		d.wants("set", "v", "v")
		d.wants("touched", "v", "v")
		d.now += 4000
		d.wants("set", "", "")
		d.wants("touched", "", "")
	}
}

// TestPong_OfALongWay: on an idle link whose round trip takes longer than the pause
// between two PINGs, each PONG belongs to an earlier one than the last.
func TestPong_OfALongWay(t *testing.T) {
	d := newDuo(t)
	d.n[1].skew = 5000
	d.heal()
	type sent struct {
		to    int
		due   int64
		bytes []byte
	}
	var way []sent
	before := d.n[0].s.clock.num
	for range 3000 { // a way takes 300 ms
		d.now++
		for i, n := range d.n {
			n.w.Reset()
			if n.s.Pump(n.now(), n.w); n.w.Len() > 0 {
				way = append(way, sent{1 - i, d.now + 300, append([]byte(nil), n.w.Bytes()...)})
			}
		}
		for len(way) > 0 && way[0].due <= d.now {
			d.n[way[0].to].inbox = append(d.n[way[0].to].inbox, way[0].bytes...)
			for d.take(way[0].to) {
			}
			way = way[1:]
		}
	}
	if got := d.n[0].s.clock.num - before; got < 5 {
		t.Errorf("%d PONGs counted in three seconds", got)
	}
}
