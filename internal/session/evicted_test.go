package session

import (
	"testing"

	"twincached/store"
)

// roomyB is a small node a, which evicts and remembers all that it
// must, and a large node b, which does not evict.
func roomyB(t testing.TB) *duo {
	return newDuo(t, store.Config{MemoryBytes: 4 << 20, TombstoneBytes: 8 << 20}, store.Config{MemoryBytes: 128 << 20})
}

// TestScenario01_DeleteOfWhatWasEvicted: a client deletes on a what a no longer
// holds. It is told NOT_FOUND, and the delete counts all the same.
func TestScenario01_DeleteOfWhatWasEvicted(t *testing.T) {
	for name, linked := range map[string]bool{"linked": true, "link cut": false} {
		t.Run(name, func(t *testing.T) {
			d := roomyB(t)
			d.set(0, "k", "v")
			d.heal()
			d.evict(0, "k")
			d.rest()
			d.wants("k", "", "v")
			if !linked {
				d.cut()
			}
			if got := d.del(0, "k"); got != store.NotFound {
				t.Fatalf("delete: status %d, want NotFound", got)
			}
			d.wants("k", "", "v") // b cannot know yet
			if !linked {
				d.link()
			}
			d.rest()
			d.wants("k", "", "")
			d.equal()
		})
	}
}

// TestScenario02_EvictedBeforeThePeerHeard: what a wrote during a cut it evicted
// before the link was back. b must not go on serving what was there before.
func TestScenario02_EvictedBeforeThePeerHeard(t *testing.T) {
	tests := []struct {
		name    string
		change  func(d *duo)
		a, b    string // after the heal
		bBefore string
	}{
		{"b holds an older value", func(d *duo) { d.set(0, "k", "new") }, "", "", "old"},
		{"the value is touched", func(d *duo) {
			d.set(0, "k", "new")
			d.n[0].do(store.OpTouch, "k", "", d.now+1<<30)
		}, "", "", "old"},
		{"only touched", func(d *duo) { d.n[0].do(store.OpTouch, "k", "", d.now+1<<30) }, "", "", "old"},
		{"b wrote later", func(d *duo) {
			d.set(0, "k", "new")
			d.now++
			d.set(1, "k", "newest")
		}, "newest", "newest", "newest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := roomyB(t)
			d.set(0, "k", "old")
			d.heal()
			d.cut()
			d.now++
			tt.change(d)
			d.evict(0, "k")
			d.wants("k", "", tt.bBefore)
			d.heal()
			d.wants("k", tt.a, tt.b)
			d.equal()
		})
	}
}

// TestScenario03_ExpiredBeforeThePeerHeard: the same with a value that lived for
// a second: read after its end, found by the sweep, or never looked at.
func TestScenario03_ExpiredBeforeThePeerHeard(t *testing.T) {
	for name, notice := range map[string]func(d *duo){
		"read":        func(d *duo) { d.get(0, "k") },
		"swept":       func(d *duo) { d.pass(3000) }, // it leaves an item for two seconds to whoever asks
		"not noticed": func(*duo) {},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDuo(t)
			d.set(0, "k", "old")
			d.heal()
			d.cut()
			d.now++
			if r := d.n[0].do(store.OpSet, "k", "new", d.now+1000); r.Status != store.Stored {
				t.Fatalf("status %d", r.Status)
			}
			d.wants("k", "new", "old")
			d.now += 1001
			notice(d)
			if name != "not noticed" && d.holds(0, "k") {
				t.Fatal("a still holds the value: the test shows nothing")
			}
			d.wants("k", "", "old")
			d.heal()
			d.wants("k", "", "")
			d.equal()
		})
	}
}

// TestScenario02_ThePeerHasIt: the value did arrive, only its ACK was lost. That a
// evicts it is no reason for b to lose it.
func TestScenario02_ThePeerHasIt(t *testing.T) {
	d := roomyB(t)
	d.set(0, "k", "old")
	d.heal()
	d.set(0, "k", "new")
	d.send(0)
	for d.take(1) {
	}
	d.cut()
	d.wants("k", "new", "new")
	d.evict(0, "k")
	d.heal()
	d.wants("k", "", "new")
	d.equal()
}
