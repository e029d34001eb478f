package session

import (
	"fmt"
	"testing"

	"twincached/internal/testkit"
	"twincached/store"
)

// TestScenario04_AMillionDeletesDuringACut: far more deletes than tombstones may
// remember, in stores with room and in stores that are full, as caches are. No
// deleted key comes back, the budget holds, and what the other node wrote meanwhile
// is nearly all kept.
func TestScenario04_AMillionDeletesDuringACut(t *testing.T) {
	part := 1
	if testing.Short() || testkit.Race {
		part = 10 // of everything
	}
	t.Run("with room", func(t *testing.T) { millionDeletes(t, part, 256<<20, true) })
	for _, memory := range []int64{32 << 20, 16 << 20} { // half of what fits, and one of which 1 MiB is the usual budget
		t.Run(fmt.Sprintf("full, %d MiB", memory>>20), func(t *testing.T) { millionDeletes(t, part, memory, false) })
	}
}

func millionDeletes(t *testing.T, part int, memory int64, room bool) {
	deletes, others, budget := 1_000_000/part, 20_000/part, uint64(1<<20/part)
	memory = max(memory/int64(part), 4<<20)
	d := newDuo(t, store.Config{MemoryBytes: memory, TombstoneBytes: int64(budget)})
	a, b := d.n[0], d.n[1]
	for i := range deletes {
		d.set(0, fmt.Sprint("old", i), "o")
	}
	for i := range others {
		d.set(0, fmt.Sprint("stays", i), "s")
	}
	d.heal()
	if got := b.st.Stats().Items; (got == uint64(deletes+others)) != room {
		t.Fatalf("b holds %d items before the cut", got)
	}
	d.cut()
	for i := range deletes {
		if i%(deletes/others) == 0 {
			d.now++
			d.set(1, fmt.Sprint("new", i/(deletes/others)), "n")
		}
		if got := d.del(0, fmt.Sprint("old", i)); room && got != store.Deleted {
			t.Fatalf("delete %d: status %d", i, got)
		}
		if i%1024 == 0 && a.st.Stats().TombstoneBytes > budget {
			t.Fatalf("after %d deletes: %d bytes of tombstones, the budget is %d", i, a.st.Stats().TombstoneBytes, budget)
		}
	}
	if a.st.Stats().Buried < uint64(deletes/2) {
		t.Fatalf("%d tombstones were buried: the test shows nothing", a.st.Stats().Buried)
	}
	bytes := d.heal()
	d.equal()
	for i := range deletes {
		if key := fmt.Sprint("old", i); d.get(0, key)+d.get(1, key) != "" {
			t.Fatalf("deleted key %d: %q on a, %q on b", i, d.get(0, key), d.get(1, key))
		}
	}
	for i := range others {
		if key := fmt.Sprint("stays", i); room && d.get(0, key) != "s" {
			t.Fatalf("%s, which nobody deleted, is gone from the node that wrote it", key)
		}
	}
	for i, n := range d.n {
		kept := 0
		for k := range others {
			if d.get(i, fmt.Sprint("new", k)) == "n" {
				kept++
			}
		}
		t.Logf("node %s: %d of %d keys that b wrote during the cut are kept", n.name, kept, others)
		if kept < others*95/100 {
			t.Errorf("node %s keeps %d of %d keys that b wrote during the cut", n.name, kept, others)
		}
		if got := n.st.Stats().TombstoneBytes; got > budget {
			t.Errorf("node %s: %d bytes of tombstones, the budget is %d", n.name, got, budget)
		}
	}
	t.Logf("healing took %d KiB", bytes>>10)
}

// TestScenario05_OverflowAgainstAStoppedPeer: the peer's process is stopped while
// clients delete far more than tombstones may remember, and goes on while they
// still do. What follows is bounded: neither the announcements of graves nor what
// is copied again feeds on itself.
func TestScenario05_OverflowAgainstAStoppedPeer(t *testing.T) {
	const deletes, others, budget, perMilli = 100_000, 10_000, 64 << 10, 10
	d := newDuo(t, store.Config{MemoryBytes: 64 << 20, TombstoneBytes: budget})
	a, b := d.n[0], d.n[1]
	for i := range deletes {
		d.set(0, fmt.Sprint("old", i), "o")
	}
	for i := range others {
		d.set(0, fmt.Sprint("stays", i), fmt.Sprintf("%100d", i))
	}
	whole := d.heal()
	deleted := 0
	deleteSome := func() {
		for range perMilli {
			d.del(0, fmt.Sprint("old", deleted))
			deleted++
		}
	}
	for deleted < deletes*9/10 { // b is stopped: what a says stays in the socket
		d.now++
		deleteSome()
		if a.s == nil {
			continue
		}
		if d.send(0); a.s.Tick(d.now) != nil {
			a.s.OnLoss(d.now)
			a.s = nil
		}
	}
	if a.s != nil || a.st.Stats().Buried == 0 {
		t.Fatalf("a has not given b up, or buried nothing: the test shows nothing")
	}
	for d.take(1) { // b goes on, with what the socket holds, and sees the end of it
	}
	graves, began := a.meter.gravesOut.Load(), d.now
	d.link()
	bytes := 0
	for deleted < deletes {
		deleteSome()
		bytes += d.turn()
	}
	bytes += d.rest()
	graves = a.meter.gravesOut.Load() + b.meter.gravesOut.Load() - graves

	t.Logf("%d graves and %d KiB in %d ms; the first copy took %d KiB", graves, bytes>>10, d.now-began, whole>>10)
	// Once each, and once more where a tombstone was buried while the first was under way.
	if graves > 2*store.Partitions {
		t.Errorf("%d graves for %d partitions", graves, store.Partitions)
	}
	if bytes > whole {
		t.Errorf("%d bytes travelled, the first copy took %d", bytes, whole)
	}
	quiet := a.meter.gravesOut.Load() + b.meter.gravesOut.Load()
	d.pass(2000)
	if n := a.meter.gravesOut.Load() + b.meter.gravesOut.Load(); n != quiet {
		t.Errorf("%d graves are announced although nothing is deleted any more", n-quiet)
	}
	d.same()
	for i := range deletes {
		if key := fmt.Sprint("old", i); d.get(0, key)+d.get(1, key) != "" {
			t.Fatalf("deleted key %d: %q on a, %q on b", i, d.get(0, key), d.get(1, key))
		}
	}
	for i := range others {
		if d.get(0, fmt.Sprint("stays", i)) == "" {
			t.Fatalf("stays%d, which nobody deleted, is gone", i)
		}
	}
	if got := a.st.Stats().TombstoneBytes; got > budget {
		t.Errorf("%d bytes of tombstones, the budget is %d", got, budget)
	}
}

// TestPump_AnnouncesFewGravesAtOnce: each walks over its partition, which may hold many
// items. Meanwhile this node says nothing, and its peer takes silence for death.
func TestPump_AnnouncesFewGravesAtOnce(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65})
	const n = 5000
	for i := range n {
		d.set(0, fmt.Sprint("key", i), "value")
	}
	d.heal()
	d.cut()
	for i := range n {
		d.del(0, fmt.Sprint("key", i))
	}
	d.link()
	graves := &d.n[0].meter.gravesOut
	for !d.n[1].s.BarrierReceived() {
		before := graves.Load()
		d.turn()
		if said := graves.Load() - before; said > 3*gravesAtOnce { // a Pump may come to it three times
			t.Fatalf("one Pump announces %d graves", said)
		}
	}
	if got := graves.Load(); got != store.Partitions {
		t.Errorf("%d graves were announced", got)
	}
	d.rest()
	d.same()
	if got := len(d.states(1)); got != 0 {
		t.Errorf("%d items are left of those that were deleted", got)
	}
}

// TestPumpBriefly_LeavesGravesToOthers: an event loop has clients, and the walk of a grave takes long.
func TestPumpBriefly_LeavesGravesToOthers(t *testing.T) {
	d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65})
	for i := range 5000 {
		d.set(0, fmt.Sprint("key", i), "value")
	}
	d.heal()
	d.now += graveMillis
	for i := range 5000 {
		d.del(0, fmt.Sprint("key", i))
	}
	n, before := d.n[0], d.n[0].meter.gravesOut.Load()
	n.w.Reset()
	more := n.s.PumpBriefly(n.now(), n.w)
	if said := n.meter.gravesOut.Load() - before; said != 0 || !more {
		t.Errorf("it announces %d graves, more %v", said, more)
	}
	n.s.Pump(n.now(), n.w)
	if said := n.meter.gravesOut.Load() - before; said != gravesAtOnce {
		t.Errorf("the next Pump announces %d graves", said)
	}
	d.n[1].inbox = append(d.n[1].inbox, n.w.Bytes()...)
	d.rest()
	d.same()
}

// TestPump_GravesTakeAQuarterOfTheTime: where partitions hold so many items that walking
// over them takes long, what is not buried still gets out, or ever more would be.
func TestPump_GravesTakeAQuarterOfTheTime(t *testing.T) {
	var d *duo
	last, again := -1, 0
	d = newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65, WalkItems: 10, LetIn: func(part int) {
		if part != last {
			last, again = part, 0
		}
		if again++; again > 2 { // only walks stay so long: ten items cost a millisecond
			d.now++
		}
	}})
	d.n[0].cfg.Limits.GraveItems = 2
	for i := range 100 * store.Partitions {
		d.set(0, fmt.Sprint("stays", i), "value")
	}
	d.heal()
	graves := &d.n[0].meter.gravesOut
	began, spent := d.now, int64(0)
	for before := graves.Load(); d.now < began+10_000; {
		for i := range 500 {
			d.del(0, fmt.Sprint("never there", d.now, i))
		}
		start := d.now
		if d.send(0); graves.Load() > before {
			spent += d.now - start
		}
		before = graves.Load()
		d.now++
		d.send(1)
		for i := range d.n {
			for d.take(i) {
			}
		}
	}
	if spent == 0 || spent > (d.now-began)/4 {
		t.Errorf("%d of %d ms went into %d graves", spent, d.now-began, graves.Load())
	}
	d.rest()
	d.same()
}
