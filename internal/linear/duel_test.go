package linear

import (
	"runtime"
	"sync/atomic"
	"testing"

	"twincached/memproto"
	"twincached/store"
)

// duels are what two clients do to one key at the same moment, again and again: what
// one of them must win, or both must count.
var duels = map[string]weights{
	"incr":   {incr: 6, decr: 2, get: 1, set: 1},
	"add":    {add: 5, remove: 4, get: 1},
	"cas":    {cas: 6, get: 4, set: 1},
	"append": {appendTo: 5, prepend: 2, get: 1, set: 2},
	"gat":    {gat: 5, set: 3, remove: 1},
}

// meeting lets two goroutines go on at the same moment.
type meeting struct{ arrived atomic.Int64 }

// wait returns when as many have come as begin a new pair, or the other one does not.
func (m *meeting) wait() {
	n := m.arrived.Add(1)
	n += n % 2
	for i := 1; m.arrived.Load() < n && i < 100_000; i++ {
		if i%500 == 0 {
			runtime.Gosched() // there may be one CPU only
		}
	}
}

func TestEngine_TwoClientsAtTheSameMoment(t *testing.T) {
	for name, w := range duels {
		for _, p := range everyProtocol {
			s := newStore(t, store.Config{MemoryBytes: 64 << 20})
			srv := &memproto.Server{Store: s}
			var m meeting
			var both []runner
			for id := range 2 {
				e := &engineConn{c: memproto.NewConn(srv), meet: m.wait}
				c := newClient(id, p, p.speak(e, true))
				c.weights = &w
				both = append(both, c)
			}
			t.Run(name, func(t *testing.T) { checkKeys(t, model(plain), both, 1, 4*opsEach) })
		}
	}
}
