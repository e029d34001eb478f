package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// restarts is a pair whose two nodes are restarted close together, over and over.
type restarts struct {
	*testing.T
	r      *rand.Rand
	a, b   *rig.Node
	rounds int
	sums   *restartSums
}

// restartSums are over all pairs of a test.
type restartSums struct {
	rounds, written, checked, said, waited atomic.Int64 // said: rounds with a status 3; waited: in which a node waited for the other one
}

// TestFailure_BothNodesRestarted: planned restarts of both nodes, closer together
// than a link takes to come up, and each node is started again some time after it has
// ended, as compose and process managers do it. In every order; gaps up to 300 ms.
// With -full: 500 times, gaps up to 2,000 ms.
func TestFailure_BothNodesRestarted(t *testing.T) {
	t.Parallel()
	pairs, rounds, most := 4, 2, 300
	if *full {
		pairs, rounds, most = 10, 50, 2000
	}
	sums := &restartSums{}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	t.Run("pairs", func(t *testing.T) {
		for i := range pairs {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := &restarts{T: t, r: rand.New(rand.NewPCG(seed, uint64(i))), rounds: rounds, sums: sums}
				w.a, w.b = rig.NewPair(t)
				rig.StartAll(w.a, w.b)
				rig.WaitLinked(w.a, w.b)
				for round := range rounds {
					w.round(round, i*rounds+round, most)
				}
			})
		}
	})
	a, b := rig.NewPair(t, "--handover", "1h", "--drain-timeout", "1h")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load([]string{"k"}, value100)
	a.Stop()
	b.Signal(syscall.SIGTERM)
	saw(t, "draining", b, a, b)
	testkit.Eventually(t, "a signal that comes later ends it", func() bool {
		_ = b.Process().Signal(syscall.SIGTERM)
		return !b.Running()
	})
	saw(t, "both stopped", b, a, b)
	t.Logf("%d rounds, %d sets acknowledged in them, %d keys looked for, none lost; in %d a node waited for the other one, in %d one ended with status 3",
		sums.rounds.Load(), sums.written.Load(), sums.checked.Load(), sums.waited.Load(), sums.said.Load())
	if sums.waited.Load() == 0 {
		t.Error("no node ever waited for the other one: the restarts were not close together")
	}
}

// round restarts both nodes while clients write, and looks for every write that was
// acknowledged. order says which node is first, and whether the other one is stopped
// before the first has been started again, after that, or at any time.
func (w *restarts) round(round, order, most int) {
	first, second := w.a, w.b
	if order%2 == 1 {
		first, second = second, first
	}
	gap := func() time.Duration { return time.Duration(w.r.IntN(most+1)) * time.Millisecond }
	var clients []*pipeline
	for _, n := range []*rig.Node{w.a, w.b} {
		p := &pipeline{node: n, prefix: fmt.Sprint(n.Name, round, "-"), breath: 5 * time.Millisecond}
		p.start(20)
		clients = append(clients, p)
	}
	testkit.Eventually(w.T, "clients write", func() bool { return clients[0].acked.Load() > 50 && clients[1].acked.Load() > 50 })
	codes := [2]int{}
	again := func(i int, n *rig.Node, rest time.Duration) {
		codes[i] = n.Wait()
		if n.Logged("waiting for one to take over") {
			w.sums.waited.Add(1)
		}
		<-time.After(rest)
		n.Start()
	}
	g := [3]time.Duration{gap(), gap(), gap()}
	if order/2%3 == 2 { // the second one goes before the first is back
		g[0] = max(g[0], 50*time.Millisecond)
		g[1] = min(g[1], g[0]/2)
	}
	first.Signal(syscall.SIGTERM)
	var both sync.WaitGroup
	if order/2%3 == 1 { // the second one goes when the first has been started again
		again(0, first, g[0])
		<-time.After(g[1])
		second.Signal(syscall.SIGTERM)
	} else {
		both.Go(func() { again(0, first, g[0]) })
		<-time.After(g[1])
		second.Signal(syscall.SIGTERM)
	}
	again(1, second, g[2])
	both.Wait()
	w.a.WaitServing()
	w.b.WaitServing()
	var acked []string
	for _, p := range clients {
		p.quit()
		p.done.Wait()
		acked = append(acked, p.keys()...)
	}
	w.sums.rounds.Add(1)
	w.sums.written.Add(int64(len(acked)))
	if codes[0]+codes[1] != 0 {
		w.Logf("round %d, order %d, gaps %v: status %v", round, order, g, codes)
		w.sums.said.Add(1)
		return
	}
	rig.WaitEqual(w.a, w.b, acked)
	w.sums.checked.Add(int64(len(acked)))
	if lost := lacks(w.a, acked); len(lost) > 0 {
		w.Fatalf("round %d, order %d, gaps %v: both ended with status 0, and %d of %d acknowledged sets are lost: %q", round, order, g, len(lost), len(acked), some(lost))
	}
}
