package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// pipeline is a client that sets one new key after the other, many at a time,
// and remembers how many were acknowledged. Key i is PREFIXi, its value too.
type pipeline struct {
	node   *rig.Node
	prefix string
	breath time.Duration // between two bursts; 0: none
	acked  atomic.Int64
	odd    string // a reply that was not STORED
	end    chan struct{}
	done   sync.WaitGroup
}

// start sends until the node hangs up or stop is called, depth at a time.
func (p *pipeline) start(depth int) {
	c := p.node.Dial()
	p.end = make(chan struct{})
	room := make(chan struct{}, depth)
	p.done.Go(func() { // the writer
		w := bufio.NewWriterSize(c.Conn, 16<<10)
		for i := 0; ; i++ {
			select {
			case room <- struct{}{}:
			default:
				if w.Flush() != nil {
					return
				}
				if p.breath > 0 {
					<-time.After(p.breath) // a client that has other things to do
				}
				select {
				case room <- struct{}{}:
				case <-p.end:
					return
				}
			}
			key := fmt.Sprint(p.prefix, i)
			fmt.Fprintf(w, "set %s 0 0 %d\r\n%s\r\n", key, len(key), key)
		}
	})
	p.done.Go(func() { // the reader
		defer c.Close()
		for {
			line, err := c.R.ReadString('\n')
			if err != nil {
				p.quit()
				return
			}
			if line != "STORED\r\n" {
				p.odd = line
				p.quit()
				return
			}
			p.acked.Add(1)
			select {
			case <-room:
			case <-p.end:
			}
		}
	})
	go func() {
		<-p.end
		_ = c.SetReadDeadline(time.Now().Add(testkit.Patience)) // replies that are on their way count: the node ends the connection behind them
		if t, ok := c.Conn.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}()
}

var quitting sync.Mutex

// quit ends the pipeline; more than once is no harm.
func (p *pipeline) quit() {
	quitting.Lock()
	defer quitting.Unlock()
	select {
	case <-p.end:
	default:
		close(p.end)
	}
}

// keys are the keys whose sets were acknowledged.
func (p *pipeline) keys() []string { return rig.Keys(p.prefix, int(p.acked.Load())) }

// lacks counts which keys a node does not hold as they were set.
func lacks(n *rig.Node, all []string) (lost []string) {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	got := c.Contents(all)
	for _, k := range all {
		if _, value, _ := strings.Cut(got[k], "/0/"); value != k {
			lost = append(lost, k)
		}
	}
	return lost
}

// stopsLackingNothing stops a by plan right behind some sets: b has them all.
func stopsLackingNothing(t *testing.T, a, b *rig.Node) {
	t.Helper()
	last := rig.Keys("last", 1000)
	a.Load(last, func(i int) string { return last[i] })
	if code := a.Stop(); code != 0 {
		t.Errorf("a planned stop ended with status %d", code)
	}
	if lost := lacks(b, last); len(lost) > 0 {
		t.Errorf("%d of %d keys are not on the other node after a planned stop", len(lost), len(last))
	}
}

func TestFailure_NodeTerminated(t *testing.T) {
	t.Parallel()
	rounds, items := 10, 30_000
	if testing.Short() || testkit.Race {
		rounds, items = 3, 5000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	if code := a.Stop(); code != 0 {
		t.Errorf("status %d", code)
	}
	saw(t, "terminated, a", a, a, b)
	saw(t, "terminated", b, a, b)
	rig.StartAll(a)
	rig.WaitLinked(a, b)
	link.setDelay(5 * time.Millisecond)               // at any moment some sets are under way
	ballast := &pipeline{node: a, prefix: "ballast-"} // so that a copy takes its time
	a.Load(rig.Keys(ballast.prefix, items), func(i int) string { return fmt.Sprint(ballast.prefix, i) })
	ballast.acked.Store(int64(items))
	for round := range rounds {
		leaver, stayer := a, b
		if round%2 == 1 {
			leaver, stayer = b, a
		}
		drainRound(t, r, round, leaver, stayer, ballast.keys())
	}
}

// TestScenario15_SigtermUnderPipelinedSets: clients pipeline 50,000 sets a second
// and more, over a wire of 20 ms, so that at any moment some thousands are under
// way. Each that was answered before the conn ended is on the peer.
func TestScenario15_SigtermUnderPipelinedSets(t *testing.T) {
	const clients, before = 4, 100_000           // sets that are answered before the signal, over all
	a, b, link := newRelayedPair(t, "-m", "512") // nothing is evicted
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	link.setDelay(20 * time.Millisecond)
	var all []*pipeline
	began := time.Now()
	for i := range clients {
		p := &pipeline{node: a, prefix: fmt.Sprintf("client-%d-", i)}
		p.start(1000)
		all = append(all, p)
	}
	testkit.Eventually(t, "sets are acknowledged", func() bool { return sum(all) >= before })
	rate := float64(sum(all)) / time.Since(began).Seconds()
	if code := a.Stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	var acked []string
	for _, p := range all {
		p.done.Wait()
		acked = append(acked, p.keys()...)
		if p.odd != "" {
			t.Errorf("%s: reply %q", p.prefix, p.odd)
		}
	}
	if lost := lacks(b, acked); len(lost) > 0 {
		t.Errorf("%d of %d acknowledged sets are not on the peer: %q", len(lost), len(acked), some(lost))
	}
	t.Logf("%.0f sets a second; %d were acknowledged", rate, len(acked))
}

// drainRound stops one node by plan while clients pipeline sets on both, and
// starts it again while they go on on the other.
func drainRound(t *testing.T, r *rand.Rand, round int, leaver, stayer *rig.Node, ballast []string) {
	var leaving, staying []*pipeline
	for i := range 3 {
		leaving = append(leaving, &pipeline{node: leaver, prefix: fmt.Sprintf("leaver-%d-%d-", round, i)})
		staying = append(staying, &pipeline{node: stayer, prefix: fmt.Sprintf("stayer-%d-%d-", round, i), breath: 5 * time.Millisecond})
	}
	all := append(append([]*pipeline(nil), leaving...), staying...)
	gentle := 20
	if testkit.Race {
		gentle = 5
	}
	for i := range leaving {
		leaving[i].start(1 + r.IntN(100))
		staying[i].start(gentle)
	}
	moment := int64(1000 + r.IntN(10000))
	testkit.Eventually(t, "sets are acknowledged", func() bool { return sum(leaving) >= moment })
	if code := leaver.Stop(); code != 0 {
		t.Fatalf("round %d: exit status %d", round, code)
	}
	for _, p := range leaving {
		p.done.Wait()
	}
	var acked []string
	for _, p := range leaving {
		acked = append(acked, p.keys()...)
	}
	if lost := lacks(stayer, acked); len(lost) > 0 {
		t.Fatalf("round %d: %d of %d acknowledged sets are not on the peer: %q", round, len(lost), len(acked), some(lost))
	}

	before := sum(staying)
	testkit.Eventually(t, "the other node serves on", func() bool { return sum(staying) > before })
	for _, p := range staying {
		acked = append(acked, p.keys()...)
	}
	acked = append(acked, ballast...)
	r.Shuffle(len(acked), func(i, j int) { acked[i], acked[j] = acked[j], acked[i] })
	leaver.Start()
	leaver.WaitServing() // it serves: so it has caught up
	if lost := lacks(leaver, acked); len(lost) > 0 {
		t.Fatalf("round %d: the restarted node serves without %d of %d keys: %q", round, len(lost), len(acked), some(lost))
	}
	acked = acked[:0]
	for _, p := range all {
		p.quit()
		p.done.Wait()
		acked = append(acked, p.keys()...)
		if p.odd != "" {
			t.Errorf("round %d: %s: reply %q", round, p.prefix, p.odd)
		}
	}
	rig.WaitEqual(leaver, stayer, acked)
	if lost := lacks(leaver, acked); len(lost) > 0 {
		t.Fatalf("round %d: %d of %d keys are lost: %q", round, len(lost), len(acked), some(lost))
	}
	t.Logf("round %d: %d sets on node %s, %d on node %s, none lost", round, sum(leaving), leaver.Name, sum(staying), stayer.Name)
}

// some is enough of many keys for a message.
func some(all []string) []string { return all[:min(len(all), 5)] }

func sum(all []*pipeline) (n int64) {
	for _, p := range all {
		n += p.acked.Load()
	}
	return n
}

// A node whose peer cannot be reached gives up in the end, and says what it costs.
func TestSIGTERM_SaysWhatAnUnreachablePeerLacks(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t, "--drain-timeout", "2s")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load(rig.Keys("arrived", 50), func(int) string { return "x" })
	rig.WaitEqual(a, b, rig.Keys("arrived", 50))
	testkit.Eventually(t, "all is acknowledged", func() bool { return a.Stat("repl_unacked") == "0" })
	link.pause()
	a.Load(rig.Keys("stuck", 1000), func(int) string { return "x" })
	if code := a.Stop(); code != 3 {
		t.Errorf("exit status %d, want 3", code)
	}
	if !a.Logged("1050 items are not on a live peer") || !a.Logged("NOT HANDED OVER", "items=1050", "unacknowledged=1000") {
		t.Errorf("the log does not say that 1050 items may be lost, 1000 of which no peer has had:\n%s", a.Log.Tail(1000))
	}
	if !b.Serving() {
		t.Error("the other node does not serve")
	}
	link.cut() // whatever was on the wire is gone with it
	if lost := lacks(b, []string{"stuck0"}); len(lost) == 0 {
		t.Error("the pause of the relay was none: the test shows nothing")
	}
}

func TestSIGTERM_ASecondOneEndsAtOnce(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t, "--drain-timeout", "1h")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	link.pause()
	a.Load(rig.Keys("stuck", 10), func(int) string { return "x" })
	a.Signal(syscall.SIGTERM)
	a.WaitLog("draining")
	testkit.Eventually(t, "the client port is closed", func() bool { return !a.Serving() })
	if !a.Running() {
		t.Fatalf("it did not wait for its peer: status %d", a.Code)
	}
	testkit.Eventually(t, "one that comes more than a second later ends it", func() bool {
		_ = a.Process().Signal(syscall.SIGTERM)
		return !a.Running()
	})
	if a.Code != 3 {
		t.Errorf("exit status %d, want 3", a.Code)
	}
	if !a.Logged("second signal") {
		t.Errorf("the log does not say why:\n%s", a.Log.Tail(1000))
	}
}
