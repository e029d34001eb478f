package replicator

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
// What they bury or flush then, of what the tails stood for, goes before BARRIER.
func TestPump_BarrierAfterWhatClientsDidMeanwhile(t *testing.T) {
	gone, other, last := keyIn(9, 0), keyIn(9, 1), keyIn(3, 0)
	for name, meanwhile := range map[string]func(d *duo){
		"buried":  func(d *duo) { d.del(0, other) }, // there is room for one tombstone: that of gone is buried
		"flushed": func(d *duo) { d.n[0].st.Flush(d.n[0].cfg.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			clients := func(int) {}
			d := newDuo(t, store.Config{MemoryBytes: 16 << 20, TombstoneBytes: 65, LetIn: func(part int) { clients(part) }})
			d.set(0, gone, "value")
			pump := &d.n[0].cfg.Limits.PumpBytes
			*pump = 1
			d.link()
			for !d.holds(1, gone) {
				d.turn()
			}
			*pump = pumpBytes
			if name == "buried" {
				d.del(0, gone)
			}
			d.set(0, last, "value")
			tx := d.n[0].s.tx
			emit, collected, once := tx.emit, false, false
			tx.emit = func(r *store.Record) {
				emit(r)
				collected = collected || string(r.Key) == last
			}
			clients = func(int) {
				if collected && !once {
					once = true
					meanwhile(d)
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
			if v := d.get(1, gone); v != "" {
				t.Errorf("at the BARRIER the joiner serves %q, which is gone", v)
			}
		})
	}
}
