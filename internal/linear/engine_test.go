package linear

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"twincached/memproto"
	"twincached/store"
)

// testNow is what the clock says, all the time: nothing expires by itself.
const testNow int64 = 1_900_000_000_000

// clients is how many run at once: each protocol has as many.
const clients = 6

// opsEach is how many operations a client carries out in a round.
const opsEach = 60

// engineConn is a conn without a socket: what is written is answered at once.
type engineConn struct {
	c   *memproto.Conn
	in  []byte
	out bytes.Buffer

	meet func() // is called before the engine is; nil: nothing to wait for
}

func (e *engineConn) Read(p []byte) (int, error) { return e.out.Read(p) }

func (e *engineConn) Write(p []byte) (int, error) {
	e.in = append(e.in, p...)
	if e.meet != nil {
		e.meet()
	}
	for {
		r := e.c.Process(testNow, e.in, nil)
		r.Out = r.Whole()
		e.in = e.in[r.N:]
		e.out.Write(r.Out)
		if r.Close {
			return 0, errors.New("linear: closed: " + r.Reason)
		}
		if !r.More {
			return len(p), nil
		}
	}
}

func newStore(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.New(cfg, testNow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.CheckInvariants(); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s
}

// engineClients are clients of a store, breaking what wrap breaks.
func engineClients(s *store.Store, n int, speak []protocol, wrap func(speaker) speaker) (all []runner) {
	srv := &memproto.Server{Store: s, FlushEnabled: true}
	for id := range n {
		p := speak[id%len(speak)]
		all = append(all, newClient(id, p, wrap(p.speak(&engineConn{c: memproto.NewConn(srv)}, false))))
	}
	return all
}

func sound(s speaker) speaker { return s }

// check runs rounds and expects an order for each history.
func check(t *testing.T, m porcupine.Model, all []runner) {
	t.Helper()
	checkKeys(t, m, all, *rounds, opsEach, 2)
}

func checkKeys(t *testing.T, m porcupine.Model, all []runner, rounds, opsEach, keys int) {
	t.Helper()
	began, ops, met, open := time.Now(), 0, 0, 0
	for i := range rounds {
		history := round(t, all, opsEach, keysOf(i, keys))
		if ok, why := legal(t, m, history); !ok {
			if open++; why != undecided || open > 1+rounds/20 {
				t.Fatalf("round %d: %s", i, why)
			}
			continue
		}
		ops += len(history)
		met += overlapping(history)
	}
	t.Logf("%d operations, %d of them at once with another on their key, in %v", ops, met, time.Since(began).Round(time.Millisecond))
	if met == 0 {
		t.Error("no two operations met: nothing was asked")
	}
}

// overlapping counts the operations that began before another on their key had ended.
func overlapping(history []porcupine.Operation) (n int) {
	for _, part := range byKey(history) {
		slices.SortFunc(part, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
		var latest int64 = -1
		for _, h := range part {
			if h.Call <= latest {
				n++
			}
			latest = max(latest, h.Return)
		}
	}
	return n
}

var everyProtocol = []protocol{textProtocol, binaryProtocol, metaProtocol}

func TestEngine_EveryKeyIsLinearizable(t *testing.T) {
	s := newStore(t, store.Config{MemoryBytes: 64 << 20})
	check(t, model(plain), engineClients(s, clients, everyProtocol, sound))
}

// filler stores something else with each op.
type filler struct {
	speaker
	fill func()
}

func (f *filler) do(o op) (answer, error) {
	f.fill()
	return f.speaker.do(o)
}

// TestEngine_EvictionOnlyForgets: a store that is always full moves and evicts items
// under the clients. They may find nothing, and never anything else.
func TestEngine_EvictionOnlyForgets(t *testing.T) {
	s := newStore(t, store.Config{MemoryBytes: store.MinMemoryBytes})
	value := []byte(strings.Repeat("f", 3000))
	fill := func(i int) {
		s.Do(testNow, &store.Request{Op: store.OpSet, Key: fmt.Appendf(nil, "filler%d", i%5000), Value: value})
	}
	for i := range 2000 {
		fill(i)
	}
	full := s.Stats()
	var n atomic.Int64
	also := func(next speaker) speaker { return &filler{next, func() { fill(int(n.Add(1))) }} }
	check(t, model(forgets), engineClients(s, clients, everyProtocol, also))
	if st := s.Stats(); st.Reclaims == full.Reclaims || st.Evictions == full.Evictions {
		t.Errorf("nothing was reclaimed or evicted meanwhile: %d and %d before", full.Reclaims, full.Evictions)
	}
}
