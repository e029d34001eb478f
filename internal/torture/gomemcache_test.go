package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// newGomemcache is a client of one node.
func newGomemcache(n *node) *memcache.Client {
	c := memcache.New(n.client())
	c.Timeout = clientTimeout
	c.DialContext = func(_ context.Context, _, address string) (net.Conn, error) { return dial(address, clientTimeout) }
	return c
}

// gopher is a client with gomemcache: a set and a get by turns, with a cas or a
// delete now and then, on its home node or, after an error, on the other one.
type gopher struct {
	load    *load
	name    string
	home    int
	rng     *rand.Rand
	clients [2]*memcache.Client
	sent    uint64
	away    time.Time
}

func (g *gopher) run(ctx context.Context) {
	for ctx.Err() == nil {
		g.load.pause.RLock()
		g.turn()
		g.load.pause.RUnlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(1000+g.rng.IntN(4000)) * time.Microsecond):
		}
	}
	for _, c := range g.clients {
		c.Close()
	}
}

func (g *gopher) turn() {
	to := g.home
	if time.Since(g.away) <= returnAfter {
		to = 1 - to
	}
	n, r := g.load.nodes[to], g.load.records.pick(g.rng, to)
	inc := n.inc.Load()
	var err error
	switch g.rng.IntN(8) {
	case 0:
		err = g.change(n, inc, r, op{del: true}, func() error { return g.clients[to].Delete(r.key) })
	case 1:
		err = g.swap(n, inc, r)
	default:
		g.sent++
		o := op{id: fmt.Sprintf("%s.%d", g.name, g.sent)}
		it := &memcache.Item{Key: r.key, Value: []byte(o.id + " " + padding[:g.rng.IntN(200)])}
		err = g.change(n, inc, r, o, func() error { return g.clients[to].Set(it) })
	}
	if err != nil && to == g.home {
		g.away = time.Now()
	}
}

// change makes a change and looks at the key at once: that bounds its version.
func (g *gopher) change(n *node, inc int64, r *record, o op, call func() error) error {
	o.node, o.inc, o.hi = n.index, inc, never
	o.lo = 1 + max(n.below(inc), r.lowest(n.index, inc))
	err := call()
	o.at = time.Now()
	o.acked = (err == nil || errors.Is(err, memcache.ErrCacheMiss)) && n.inc.Load() == inc
	if errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) ||
		errors.Is(err, memcache.ErrCacheMiss) && !o.del {
		return nil // nothing changed
	}
	if !o.acked {
		g.load.unsure.Add(1)
		r.add(o)
		return err
	}
	g.load.acked.Add(1)
	low := o.lo
	if o.del {
		low++
	}
	got, err := g.get(n, inc, r, max(low, r.lowest(n.index, inc)))
	switch {
	case err != nil || got.version == 0:
	case got.id == o.id:
		o.lo, o.hi = got.version, got.version
	default:
		o.hi = got.version // somebody else's, and later
	}
	r.add(o)
	return err
}

// swap replaces what is there by a cas.
func (g *gopher) swap(n *node, inc int64, r *record) error {
	it, err := g.clients[n.index].Get(r.key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return nil
	}
	if err != nil {
		return err
	}
	g.sent++
	o := op{id: fmt.Sprintf("%s.%d", g.name, g.sent)}
	it.Value = []byte(o.id + " swapped")
	return g.change(n, inc, r, o, func() error { return g.clients[n.index].CompareAndSwap(it) })
}

func (g *gopher) get(n *node, inc int64, r *record, low uint64) (held, error) {
	it, err := g.clients[n.index].Get(r.key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return held{}, nil
	}
	if err != nil {
		return held{}, err
	}
	got := held{it.CasID, valueID(it.Value)}
	if n.inc.Load() != inc {
		return held{}, nil // it may come from the next process
	}
	g.load.reads.Add(1)
	if bad := r.read(n.index, inc, low, got); bad != "" {
		g.load.breach(bad)
	}
	n.saw(inc, got.version)
	return got, nil
}
