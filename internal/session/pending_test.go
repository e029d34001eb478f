package session

import (
	"fmt"
	"testing"
)

// TestState_PendingFlushOfAClockNotYetMeasured: a HELLO that lay unread for seconds
// says nothing about clocks. A delayed flush that STATE tells of comes at its time all
// the same.
func TestState_PendingFlushOfAClockNotYetMeasured(t *testing.T) {
	for late := range 2 {
		t.Run(fmt.Sprint("node ", late, " reads late"), func(t *testing.T) {
			d := newDuo(t)
			d.set(0, "key", "value")
			d.set(1, "other", "value")
			asked := d.now
			d.n[1].st.FlushAt(d.n[1].now(), d.n[1].now()+10_000)
			d.link()
			dialler := 0
			if d.n[1].s.dialled {
				dialler = 1
			}
			if late == 1 { // its HELLO is answered at once, and the answer lies there
				d.send(dialler)
				for d.take(1 - dialler) {
				}
				d.send(1 - dialler)
			} else {
				d.send(dialler)
			}
			d.now += 2400 // the process was stopped
			d.rest()
			d.pass(asked + 9900 - d.now)
			for _, n := range d.n {
				if f, _, _ := n.st.FlushState(); f != 0 {
					t.Errorf("node %s has flushed too early", n.name)
				}
			}
			d.pass(1000)
			d.wants("key", "", "")
			d.wants("other", "", "")
		})
	}
}

// TestState_PendingFlushThatIsKnownStays: each node has it at a time of its own clock, and
// goes by that, whatever becomes of the other one's.
func TestState_PendingFlushThatIsKnownStays(t *testing.T) {
	d := newDuo(t)
	d.heal()
	d.n[0].st.FlushAt(d.now, d.now+600_000)
	d.rest()
	_, _, was := d.n[0].st.FlushState()
	d.cut()
	d.n[1].skew = 60_000 // somebody has set its clock
	d.heal()
	d.pass(3000) // they measure
	if _, _, p := d.n[0].st.FlushState(); p != was {
		t.Errorf("a flushes at %d, was to at %d", p.AtMillis, was.AtMillis)
	}
}
