package session

import (
	"fmt"
	"testing"

	"twincached/store"
)

// keyIn returns the n-th key of a partition.
func keyIn(part, n int) string {
	for i := 0; ; i++ {
		key := fmt.Sprint("key-", i)
		if store.PartitionOf([]byte(key)) != part {
			continue
		}
		if n--; n < 0 {
			return key
		}
	}
}

// TestPump_BarrierAfterWhatClientsDidMeanwhile: clients work while a Pump collects.
// What they bury or flush then, of what the tails stood for, goes before BARRIER, and
// what a grave takes from the joiner is back by then.
func TestPump_BarrierAfterWhatClientsDidMeanwhile(t *testing.T) {
	first, key, last := keyIn(3, 0), keyIn(9, 0), keyIn(12, 0) // as they are collected
	for _, test := range []struct {
		name      string
		before    func(d *duo)
		after     string // the key that has just been collected when
		meanwhile func(d *duo)
		want      string
	}{
		// There is room for one tombstone: each delete buries the one before.
		{"buried", func(d *duo) { d.del(0, key) }, first, func(d *duo) { d.del(0, keyIn(9, 1)) }, ""},
		{"flushed", func(*duo) {}, first, func(d *duo) { d.n[0].st.Flush(d.n[0].now()) }, ""},
		{"taken", func(d *duo) { d.set(0, key, "sent") }, key, func(d *duo) {
			d.del(0, key)
			d.del(0, keyIn(9, 1))
			d.set(0, key, "new")
			d.del(0, keyIn(9, 2))
			d.del(0, keyIn(9, 3)) // the grave stands for key, up to a version above that of the new value
		}, "new"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients := func(int) {}
			d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65, LetIn: func(part int) { clients(part) }})
			d.set(0, key, "value")
			pump := &d.n[0].cfg.Limits.PumpBytes
			*pump = 1
			d.link()
			for !d.holds(1, key) {
				d.turn()
			}
			*pump = pumpBytes
			tx := d.n[0].s.tx
			emit, begun, collected, once := tx.emit, false, false, false
			tx.emit = func(r *store.Record) {
				emit(r)
				collected = collected || begun && string(r.Key) == test.after
			}
			clients = func(part int) {
				switch {
				case !begun && tx.barrier.Notes() == 2: // the tails are being noted, and will stand for this
					begun = true
					test.before(d)
					d.set(0, first, "value")
					d.set(0, last, "value")
				case collected && !once:
					once = true
					test.meanwhile(d)
				}
			}
			for !d.n[1].s.BarrierReceived() {
				d.now++
				d.send(1)
				d.send(0)
				for d.take(0) {
				}
				for !d.n[1].s.BarrierReceived() && d.take(1) {
				}
			}
			if !once {
				t.Fatal("nothing happened meanwhile")
			}
			if v := d.get(1, key); v != test.want {
				t.Errorf("at the BARRIER the joiner serves %q, want %q", v, test.want)
			}
		})
	}
}

// TestPump_BarrierComesThoughDeletesAreBuriedAllTheTime: a node that has more deletes
// than it may remember still lets its peer serve, also when its filters were full
// before the peer came, or when a round of announcements takes longer than the pause
// between two of a partition.
func TestPump_BarrierComesThoughDeletesAreBuriedAllTheTime(t *testing.T) {
	for _, test := range []struct {
		name   string
		before int
		turn   int64 // ms
	}{
		{"filters", 0, 1},
		{"filters that are full", 300_000, 1},
		{"slowly", 0, 25},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65, GraveBits: 4000})
			const n = 1000
			for i := range n {
				d.set(0, fmt.Sprint("stays", i), "value")
			}
			for i := range test.before {
				d.del(0, fmt.Sprint("long gone", i))
			}
			d.link()
			for began := d.now; !d.n[1].s.BarrierReceived(); {
				if d.now-began >= 20*graveMillis {
					t.Fatalf("no BARRIER in %d ms, and %d buried", d.now-began, d.n[0].st.Stats().Buried)
				}
				for i := range 500 {
					d.del(0, fmt.Sprint("never there", d.now, i))
				}
				d.now += test.turn - 1
				d.turn()
			}
			saturated := d.n[0].meter.bulkStarts.Load() > store.Partitions
			if saturated != (test.before > 0) {
				t.Fatalf("%d walks: the test shows nothing", d.n[0].meter.bulkStarts.Load())
			}
			for i := range n {
				if d.get(1, fmt.Sprint("stays", i)) == "" {
					t.Errorf("the joiner lacks stays%d", i)
				}
			}
		})
	}
}
