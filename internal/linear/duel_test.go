package linear

import (
	"runtime"
	"sync/atomic"
	"testing"

	"twincached/memproto"
	"twincached/store"
)

// duels are what two clients do to one key at the same moment, again and again: what
// one of them must win, or both must count. The protocols take turns: behind them is
// one store.
var duels = []struct {
	name string
	p    protocol
	w    weights
}{
	{"incr", textProtocol, weights{incr: 6, decr: 2, get: 1, set: 1}},
	{"add", binaryProtocol, weights{add: 5, remove: 4, get: 1}},
	{"cas", metaProtocol, weights{cas: 6, get: 4, set: 1}},
	{"append", metaProtocol, weights{appendTo: 5, prepend: 2, get: 1, set: 2}},
	{"flush", textProtocol, weights{flush: 3, appendTo: 4, get: 2, set: 3}},
	{"flush a counter", binaryProtocol, weights{flush: 3, incr: 4, get: 2, set: 3}},
	{"gat", binaryProtocol, weights{gat: 5, set: 3, remove: 1}},
}

// meeting lets two goroutines go on at the same moment.
type meeting struct{ arrived atomic.Int64 }

// wait returns when as many have come as begin a new pair, or the other one does not.
func (m *meeting) wait() {
	n := m.arrived.Add(1)
	n += n % 2
	for i := 1; m.arrived.Load() < n && i < 20_000; i++ {
		if i%100 == 0 {
			runtime.Gosched() // there may be one CPU only
		}
	}
}

func TestEngine_TwoClientsAtTheSameMoment(t *testing.T) {
	for _, d := range duels {
		t.Run(d.name, func(t *testing.T) {
			srv := &memproto.Server{Store: newStore(t, store.Config{MemoryBytes: 64 << 20}), FlushEnabled: true}
			var m meeting
			var both []runner
			for id := range 2 {
				c := newClient(id, d.p, d.p.speak(&engineConn{c: memproto.NewConn(srv), meet: m.wait}, true))
				c.weights = &d.w
				both = append(both, c)
			}
			checkKeys(t, model(plain), both, (*rounds+3)/4, 3*opsEach, 1)
		})
	}
}
