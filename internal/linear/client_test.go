package linear

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// protocol is one of the three.
type protocol int

const (
	textProtocol protocol = iota
	binaryProtocol
	metaProtocol
	protocols
)

// speak begins a conversation over a conn. Its requests are never cut where whole
// says so.
func (p protocol) speak(conn io.ReadWriter, whole bool) speaker {
	w := wire{w: conn, r: bufio.NewReader(conn), whole: whole}
	switch p {
	case textProtocol:
		return &text{w}
	case binaryProtocol:
		return &packets{w}
	}
	return &meta{w}
}

// client asks for one thing after the other and notes when.
type client struct {
	id       int
	protocol protocol
	s        speaker
	r        *rand.Rand
	seen     map[string]uint64 // the last CAS it was told of a key
	n        int               // ops so far: makes its values its own
	weights  *weights
}

func newClient(id int, p protocol, s speaker) *client {
	return &client{id: id, protocol: p, s: s, r: rand.New(rand.NewPCG(uint64(id), 5)), seen: map[string]uint64{}, weights: &allKinds}
}

// weights say how often a kind is asked for.
type weights [kinds]int

var allKinds = weights{get: 28, gat: 4, touch: 4, set: 14, add: 7, replace: 5, appendTo: 4, prepend: 3, cas: 14, incr: 12, decr: 5, remove: 7, flush: 1}

// next makes up an op on a key.
func (c *client) next(key string) op {
	c.n++
	roll, total := 0, 0
	for _, w := range c.weights {
		total += w
	}
	roll = c.r.IntN(total)
	o := op{key: key}
	for roll >= c.weights[o.kind] {
		roll -= c.weights[o.kind]
		o.kind++
	}
	switch o.kind {
	case flush:
		o.key = ""
	case set, add, replace, cas:
		o.value, o.flags, o.ttl = c.value(), c.r.Uint32(), c.ttl()
	case appendTo, prepend:
		o.value = strconv.Itoa(c.r.IntN(10))
	case gat, touch:
		o.ttl = c.ttl()
	case incr, decr:
		o.delta = 1 + c.r.Uint64N(9)
	}
	if o.kind == cas {
		// One that was current once, most often the last that was seen.
		if o.cas = c.seen[key]; o.cas == 0 {
			o.kind, o.value, o.flags, o.ttl = get, "", 0, 0
		}
	} else if c.protocol != textProtocol {
		c.meddle(&o)
	}
	return o
}

// meddle adds what the binary and the meta protocol can ask for besides.
func (c *client) meddle(o *op) {
	switch o.kind {
	case incr, decr:
		if c.r.IntN(3) == 0 { // a number that no counting reaches
			o.create, o.initial, o.ttl = true, uint64(c.id+1)*1e12+uint64(c.n)*1e6, int64(c.r.IntN(3))*1000
			return
		}
		fallthrough
	case remove, appendTo, prepend:
		if c.r.IntN(4) == 0 {
			o.cas = c.seen[o.key]
		}
	}
}

// value is a number, or a text that only this op stores.
func (c *client) value() string {
	if c.r.IntN(2) == 0 {
		return strconv.Itoa(c.r.IntN(100_000))
	}
	return fmt.Sprintf("c%d.%d", c.id, c.n) + strings.Repeat("-", c.r.IntN(60))
}

func (c *client) ttl() int64 {
	if c.protocol != binaryProtocol && c.r.IntN(12) == 0 {
		return gone
	}
	return int64(c.r.IntN(4)) * 1000
}

// run carries out ops on random keys.
func (c *client) run(began time.Time, ops int, keys []string) (history []porcupine.Operation, err error) {
	for range ops {
		o := c.next(keys[c.r.IntN(len(keys))])
		o.call = int64(time.Since(began))
		a, err := c.s.do(o)
		o.back = int64(time.Since(began))
		if err != nil {
			return nil, fmt.Errorf("linear: client %d, %v: %w", c.id, o, err)
		}
		if a.cas != 0 {
			c.seen[o.key] = a.cas
		}
		history = append(history, porcupine.Operation{ClientId: c.id, Input: o, Call: o.call, Output: a, Return: o.back})
	}
	return history, nil
}

// runner is a client as a round sees it.
type runner interface {
	run(began time.Time, ops int, keys []string) ([]porcupine.Operation, error)
}

// round lets all clients run at once and returns what they saw, all of it.
func round[R runner](t *testing.T, clients []R, ops int, keys []string) (history []porcupine.Operation) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	gate := make(chan struct{})
	began := time.Now()
	for _, c := range clients {
		all.Go(func() {
			<-gate
			h, err := c.run(began, ops, keys)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			history = append(history, h...)
		})
	}
	close(gate)
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return history
}

// keysOf are the keys of a round, which no other round has.
func keysOf(round, n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("r%d.k%d", round, i))
	}
	return keys
}
