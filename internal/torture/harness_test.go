package torture

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	keyCount = 3000
	writers  = 4
	gophers  = 2
)

// harness is one run, inside the clients' namespace.
type harness struct {
	t       *testing.T
	dir     string
	world   *world
	nodes   [2]*node
	address int // which of its two addresses each node has for its peer
	relay   relay
	load    *load
	probes  []*probe
	long    bool
	seed    uint64
	tally   *tally
	end     time.Time
}

// torture is the run; the world around it was made by the process that started
// this one.
func torture(t *testing.T) {
	ended, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(ended, syscall.SIGTERM)
	defer close(over)
	defer signal.Stop(ended)
	go func() {
		select {
		case <-ended:
			os.Exit(1) // the nodes end with this process
		case <-over:
		}
	}()
	h := &harness{t: t, dir: os.Getenv(insideEnv), world: &world{id: os.Getenv("TWINCACHED_TORTURE_WORLD")}, long: *minutes > 0, seed: *seed, tally: newTally()}
	if h.seed == 0 {
		h.seed = uint64(time.Now().UnixNano()) % 1e9
	}
	if err := h.run(); err != nil {
		t.Error(err)
	}
	report := h.tally.report(h)
	fmt.Printf("\n%s", report)
	if err := os.WriteFile(filepath.Join(h.dir, "report.md"), []byte(report), 0o644); err != nil {
		t.Error(err)
	}
	if h.tally.brokenRounds > 0 {
		t.Errorf("%d rounds broke a promise; seed %d", h.tally.brokenRounds, h.seed)
	}
}

func (h *harness) run() error {
	h.logf("seed %d; logs in %s", h.seed, h.dir)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	if err := os.WriteFile(filepath.Join(h.dir, "secret"), []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
		return err
	}
	for i := range h.nodes {
		h.nodes[i] = &node{w: h.world, index: i, dir: h.dir, state: i == 0}
		if *warm {
			h.nodes[i].state, h.nodes[i].warm = true, "last"
		}
		defer h.nodes[i].destroy()
	}
	for _, n := range h.nodes {
		if err := errors.Join(n.step(0), n.start()); err != nil {
			return err
		}
	}
	for _, n := range h.nodes {
		if err := n.waitServing(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	h.startLoad(ctx, &clients)
	h.startProbes(ctx, &clients)
	return h.schedule()
}

// destroy ends the process whatever state it is in.
func (n *node) destroy() {
	if n.running() {
		_, _ = n.end(syscall.SIGKILL) // it ends with this process at the latest
	}
}

func (h *harness) startLoad(ctx context.Context, clients *sync.WaitGroup) {
	h.load = &load{nodes: h.nodes, records: newRecords(keyCount)}
	var starts []func()
	for i := range writers {
		w := &writer{load: h.load, name: fmt.Sprintf("w%d", i), home: i % 2, rng: mathrand.New(mathrand.NewPCG(h.seed, uint64(i)))}
		w.clock = h.load.records.add("clock:" + w.name)
		starts = append(starts, func() { w.run(ctx) })
	}
	for i := range gophers {
		g := &gopher{load: h.load, name: fmt.Sprintf("g%d", i), home: i % 2, rng: mathrand.New(mathrand.NewPCG(h.seed, uint64(100+i)))}
		for j, n := range h.nodes {
			g.clients[j] = newGomemcache(n)
		}
		starts = append(starts, func() { g.run(ctx) })
	}
	for _, run := range starts { // all records have been made
		clients.Go(run)
	}
}

// choose returns the faults of these names, all for "".
func choose(names string) (chosen []fault, err error) {
	if names == "" {
		return faults, nil
	}
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("torture: no fault is called %q", name)
		}
		chosen = append(chosen, faults[i])
	}
	return chosen, nil
}

// schedule runs rounds until the time is over: decks of faults, each shuffled.
// The order and what a round draws depend on the seed alone.
func (h *harness) schedule() error {
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	order := mathrand.New(mathrand.NewPCG(h.seed, 1000))
	h.end = time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	for number := 1; ; {
		var deck []fault
		for _, f := range chosen {
			times := 1
			if h.long {
				times = f.weight
			}
			deck = append(deck, slices.Repeat([]fault{f}, times)...)
		}
		order.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		for _, f := range deck {
			if h.long && time.Now().After(h.end) {
				return nil
			}
			if err := h.round(number, f); err != nil {
				return fmt.Errorf("round %d, %s: %w", number, f.name, err)
			}
			if h.tally.brokenRounds >= 5 {
				return errors.New("torture: five rounds broke promises, that is enough")
			}
			number++
		}
		if !h.long {
			return nil
		}
	}
}

func (h *harness) logf(format string, args ...any) {
	fmt.Printf("%s %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}
