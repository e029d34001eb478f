package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

const (
	killShared  = 100 // keys that all writers share
	killOwn     = 50  // keys that a writer has to itself
	killWriters = 3   // a node
)

// Power cuts at any moment cost the last writes of one node and nothing else. Who
// is connected to it hears of it at once, and whoever comes is refused; the other
// node's clients notice nothing.
func TestFailure_NodeKilled(t *testing.T) {
	t.Parallel()
	kills, ballast := 100, 20_000 // and keys that nobody changes, so that a copy takes its time
	if testing.Short() || testkit.Race {
		kills, ballast = 10, 5000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := &siege{t: t, ballast: ballast, all: rig.Keys("shared", killShared)}
	s.nodes[0], s.nodes[1] = rig.NewPair(t)
	rig.StartAll(s.nodes[:]...)
	rig.WaitLinked(s.nodes[:]...)
	seesItKilled(t, s.nodes[0], s.nodes[1])
	still := rig.Keys("ballast", ballast)
	s.nodes[0].Load(still, func(i int) string { return still[i] })
	rig.WaitEqual(s.nodes[0], s.nodes[1], still)
	for i, n := range s.nodes {
		for j := range killWriters {
			w := &writer{node: n, own: fmt.Sprintf("own-%d-%d-", i, j), r: rand.New(rand.NewPCG(seed, uint64(10*i+j+1)))}
			s.writers = append(s.writers, w)
			s.all = append(s.all, rig.Keys(w.own, killOwn)...)
		}
	}
	var lost []int
	acked := 0
	for i := range kills {
		l, of := s.round(i, r)
		lost, acked = append(lost, l), acked+of
	}
	slices.Sort(lost)
	none, total := 0, 0
	for _, l := range lost {
		total += l
		if l == 0 {
			none++
		}
	}
	t.Logf("%d kills, %d acknowledged writes on the nodes that were killed, %d of them lost: a kill lost min %d, median %d, p90 %d, max %d; %d kills lost none",
		kills, acked, total, lost[0], lost[kills/2], lost[kills*9/10], lost[kills-1], none)
}

// seesItKilled looks at the pair while a is dead, and when it is back.
func seesItKilled(t *testing.T, a, b *rig.Node) {
	a.Kill()
	saw(t, "killed", b, a, b)
	rig.StartAll(a)
	rig.WaitLinked(a, b)
	saw(t, "killed, back", a, a, b)
}

// siege is the pair under load and what is known of it.
type siege struct {
	t       *testing.T
	nodes   [2]*rig.Node
	writers []*writer
	all     []string
	ballast int
}

// round lets the writers write, kills a node, waits for its return, compares. It
// returns how many acknowledged writes were lost, of how many on that node.
func (s *siege) round(i int, r *rand.Rand) (lost, acked int) {
	t := s.t
	t.Helper()
	dead := r.IntN(2)
	victim, survivor := s.nodes[dead], s.nodes[1-dead]
	var writing sync.WaitGroup
	end := make(chan struct{})
	for _, w := range s.writers {
		w.acked = map[string][]uint64{}
		writing.Go(func() { w.write(end) })
	}
	<-time.After(time.Duration(20+r.IntN(120)) * time.Millisecond) // the moment is what varies
	c := victim.Dial()
	victim.Kill()
	if _, err := c.R.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("kill %d: a client of the dead node hears nothing: %v", i, err)
	}
	c.Close()
	if _, err := net.DialTimeout("tcp", victim.Host+rig.ClientPort, testkit.Patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("kill %d: the dead node's port: %v", i, err)
	}
	known := versions(t, survivor, s.all)
	var sample []string
	for range 200 {
		sample = append(sample, fmt.Sprint("ballast", r.IntN(s.ballast)))
	}
	victim.Start()
	victim.WaitServing()
	// The port is open: nothing of what the other one knew may be missing or older.
	if lost := lacks(victim, sample); len(lost) > 0 {
		t.Fatalf("kill %d: node %s serves without %d of %d keys that nobody changed: %q", i, victim.Name, len(lost), len(sample), some(lost))
	}
	s.notOlder(fmt.Sprintf("kill %d: at its first reply node %s", i, victim.Name), known, versions(t, victim, s.all))
	<-time.After(time.Duration(r.IntN(30)) * time.Millisecond) // writes on both, linked again
	close(end)
	writing.Wait()
	rig.WaitEqual(s.nodes[0], s.nodes[1], s.all)
	s.notOlder(fmt.Sprintf("kill %d: after recovery node %s", i, victim.Name), known, versions(t, victim, s.all))
	s.notOlder(fmt.Sprintf("kill %d: after recovery node %s", i, survivor.Name), known, versions(t, survivor, s.all))
	return s.account(i, victim)
}

// account compares what the nodes hold with what the clients were told.
func (s *siege) account(i int, victim *rig.Node) (lost, acked int) {
	t := s.t
	c := victim.Dial()
	defer c.Close()
	held := c.Contents(s.all)
	for _, w := range s.writers {
		if w.err != "" {
			t.Fatalf("kill %d: writer %s: %s", i, w.own, w.err)
		}
		for _, key := range rig.Keys(w.own, killOwn) {
			n := number(t, held[key], w.own)
			if n > w.sent || n < w.settled[key] {
				t.Fatalf("kill %d: %s holds %d; it was at %d before, and at most %d was written", i, key, n, w.settled[key], w.sent)
			}
			gone := 0
			for _, a := range w.acked[key] {
				if a > n {
					gone++
				}
			}
			if w.node != victim && gone > 0 {
				t.Fatalf("kill %d: %s holds %d; node %s, which lived, acknowledged %v", i, key, n, w.node.Name, w.acked[key])
			}
			w.settle(key, n)
			lost += gone
			if w.node == victim {
				acked += len(w.acked[key])
			}
		}
	}
	for _, key := range s.all[:killShared] {
		if held[key] != "" && !s.wrote(held[key]) {
			t.Fatalf("kill %d: %s holds %q, which nobody wrote", i, key, held[key])
		}
	}
	return lost, acked
}

// wrote says whether some writer can have written what a key holds.
func (s *siege) wrote(held string) bool {
	_, value, _ := strings.Cut(held, "/0/")
	for _, w := range s.writers {
		if n, err := strconv.ParseUint(strings.TrimPrefix(value, w.own), 10, 64); err == nil && n <= w.sent {
			return true
		}
	}
	return false
}

// notOlder checks that a node holds everything at least in a known version. A
// shared key may have been deleted since.
func (s *siege) notOlder(what string, known, now map[string]uint64) {
	s.t.Helper()
	for key, v := range known {
		got, there := now[key]
		switch {
		case there && got < v:
			s.t.Fatalf("%s holds %s in version %d, %d was known", what, key, got, v)
		case !there && !strings.HasPrefix(key, "shared"):
			s.t.Fatalf("%s lacks %s, of which version %d was known", what, key, v)
		}
	}
}

func versions(t *testing.T, n *rig.Node, all []string) map[string]uint64 {
	t.Helper()
	c := n.Dial()
	defer c.Close()
	v := map[string]uint64{}
	for key, held := range c.Contents(all) {
		cas, _, _ := strings.Cut(held, "/")
		number, err := strconv.ParseUint(cas, 10, 64)
		if err != nil {
			t.Fatalf("%s: cas %q", key, cas)
		}
		v[key] = number
	}
	return v
}

// number is the write that a key of one writer holds; 0 for none.
func number(t *testing.T, held, prefix string) uint64 {
	t.Helper()
	if held == "" {
		return 0
	}
	_, value, _ := strings.Cut(held, "/0/")
	n, err := strconv.ParseUint(strings.TrimPrefix(value, prefix), 10, 64)
	if err != nil {
		t.Fatalf("a key of %s holds %q", prefix, held)
	}
	return n
}
