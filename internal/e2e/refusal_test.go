package e2e

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
	"twincached/store"
)

// A node that does not fit with one that serves stays shut beside it, says why and
// what to do, and ends with a status of its own; the other one notices nothing. Told
// to serve all the same, it does.
func TestFailure_NodesThatDoNotFit(t *testing.T) {
	t.Parallel()
	one, two := secretFile(t, "one"), secretFile(t, "two")
	for _, c := range []struct {
		name string
		a, b []string
		log  string
	}{
		{"cluster", []string{"--cluster", "sessions"}, []string{"--cluster", "pages"}, "CLUSTER"},
		{"secret", []string{"--secret-file", one}, []string{"--secret-file", two}, "AUTH"},
		{"one without a secret", []string{"--secret-file", one}, nil, "AUTH"},
		{"pinned to another", []string{"--peer-id", strings.Repeat("ab", 16)}, nil, "PEER_TAKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			network := rig.NewNet(t)
			a := rig.NewNode(t, "a", network+".1", network+".2", c.a...)
			b := rig.NewNode(t, "b", network+".2", network+".1", append(c.b, "--peer-wait", "500ms")...)
			rig.StartAll(a)
			if got := a.Dial().Set("k", "a"); got != "STORED" {
				t.Fatal(got)
			}
			b.Start()
			b.WaitLog("level=ERROR", "NOT SERVING", "state=refused", "cause="+c.log, "do=", "opens=")
			a.WaitLog("level=WARN", c.log)
			saw(t, "misfit, a, "+c.log, a, a, b)
			saw(t, "misfit, "+c.log, b, a, b)
			if code := b.Stop(); code != 4 || b.Logged("msg=ready") || !b.Logged("it never served") {
				t.Errorf("exit status %d, served %v", code, b.Logged("msg=ready"))
			}
			b.Args = append(b.Args, "--boot", "serve")
			b.Start()
			b.WaitLog("level=ERROR", "SERVING BESIDE A PEER", "as=alone")
			b.WaitServing()
			saw(t, "misfit, serves, "+c.log, b, a, b)
			if got := b.Dial().Set("k", "b"); got != "STORED" {
				t.Errorf("node b does not serve: %s", got)
			}
			tries := a.Stat("repl_dials")
			testkit.Eventually(t, "it tries again", func() bool { return a.Stat("repl_dials") != tries })
			for _, n := range []*rig.Node{a, b} {
				if v, _, _ := n.Dial().Get("k"); v != n.Name {
					t.Errorf("node %s holds %q", n.Name, v)
				}
				if n.Stat("repl_sessions") != "0" {
					t.Errorf("node %s had a session", n.Name)
				}
			}
			if got := b.Stat("repl_refusal"); got != c.log {
				t.Errorf("b's stats say %q", got)
			}
		})
	}
}

// strange are HELLOs of nodes that speak otherwise than this one.
var strange = []struct {
	name   string
	change func(h *wire.Hello)
	code   wire.ByeCode
	log    []string // of which the last is in the BYE too
}{
	{"a later protocol", func(h *wire.Hello) { h.ProtoMin, h.ProtoMax = wire.ProtoMax+1, wire.ProtoMax+9 },
		wire.ByeProto, []string{"level=ERROR", "NOT LINKED", "protocol versions 1 to 1 here, 2 to 10 there"}},
	{"other partitions", func(h *wire.Hello) { h.Partitions = 2 * store.Partitions },
		wire.ByeProto, []string{"level=ERROR", "NOT LINKED", "partition count 256 here, 512 there"}},
	{"another cluster", func(h *wire.Hello) { h.Cluster = "pages" },
		wire.ByeCluster, []string{"level=WARN", "CLUSTER", "cluster"}},
}

// A node that holds something refuses whoever has a clock of next month.
func TestFailure_ClockOfNextMonth(t *testing.T) {
	t.Parallel()
	n := rig.NewNode(t, "n", rig.NewNet(t)+".1", "", "-X", "11212")
	rig.StartAll(n)
	if got := n.Dial().Set("k", "v"); got != "STORED" {
		t.Fatal(got)
	}
	c := call(n)
	h := someHello()
	h.SteadyMillis += 30 * 24 * time.Hour.Milliseconds()
	c.hello(h)
	if bye := c.refused(); bye.Code != wire.ByeClock || !strings.Contains(bye.Text, "the peer's clock is 259") {
		t.Errorf("BYE %v: %q", bye.Code, bye.Text)
	}
	n.WaitLog("level=ERROR", "NOT LINKED", "set the clock that is wrong and restart its node")
}

func TestRefusal_StrangeHelloGetsTheReason(t *testing.T) {
	for _, s := range strange {
		t.Run("calls/"+s.name, func(t *testing.T) {
			t.Parallel()
			n := rig.NewNode(t, "n", rig.NewNet(t)+".1", "", "-X", "11212")
			rig.StartAll(n)
			c := call(n)
			h := someHello()
			s.change(h)
			c.hello(h)
			if bye := c.refused(); bye.Code != s.code || !strings.Contains(bye.Text, s.log[len(s.log)-1]) {
				t.Errorf("BYE %v: %q, want %v", bye.Code, bye.Text, s.code)
			}
			n.WaitLog(s.log...)
			if got := n.Dial().Set("k", "v"); got != "STORED" {
				t.Errorf("it does not serve: %s", got)
			}
		})
		t.Run("is called/"+s.name, func(t *testing.T) {
			t.Parallel()
			network := rig.NewNet(t)
			p := listenAsPeer(t, network+".2")
			n := rig.NewNode(t, "n", network+".1", network+".2", "--peer-wait", "200ms")
			n.Start()
			for range 2 { // it comes again
				c := p.accept(t)
				c.expect(wire.THello)
				h := someHello()
				s.change(h)
				c.hello(h)
				if bye := c.refused(); bye.Code != s.code || !strings.Contains(bye.Text, s.log[len(s.log)-1]) {
					t.Errorf("BYE %v: %q, want %v", bye.Code, bye.Text, s.code)
				}
			}
			n.WaitLog(s.log...)
			p.hangUp()
			n.WaitServing()
		})
	}
}

// A peer that takes the call and says nothing, or talks rubbish, keeps a starting
// node shut for as long as --refused-wait says, and no longer.
func TestRefusal_PeerThatTalksRubbishIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{
		"silence": "", "text": "ERROR\r\n", "4 GiB": "\xff\xff\xff\xff\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			network := rig.NewNet(t)
			p := listenAsPeer(t, network+".2")
			n := rig.NewNode(t, "n", network+".1", network+".2", "--peer-wait", "500ms", "--refused-wait", "4s")
			n.Start()
			go func() {
				var held []net.Conn // else the collector closes them
				for c := range p.calls {
					held = append(held, c)
					_, _ = io.WriteString(c, words)
				}
				for _, c := range held {
					c.Close()
				}
			}()
			n.WaitLog("level=ERROR", "NOT SERVING", "state=refused")
			n.WaitServing()
			n.WaitLog("level=ERROR", "SERVING BESIDE A PEER", "as=alone")
		})
	}
}

// asPeer listens where a node expects its peer.
type asPeer struct {
	ln    net.Listener
	calls chan net.Conn
	once  sync.Once
}

func listenAsPeer(t testing.TB, host string) *asPeer {
	ln, err := net.Listen("tcp", host+rig.ReplPort)
	if err != nil {
		t.Fatal(err)
	}
	p := &asPeer{ln: ln, calls: make(chan net.Conn, 1000)}
	go func() {
		defer close(p.calls)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.calls <- c
		}
	}()
	t.Cleanup(p.hangUp)
	return p
}

// hangUp refuses from now on.
func (p *asPeer) hangUp() { p.once.Do(func() { p.ln.Close() }) }

func (p *asPeer) accept(t testing.TB) *caller {
	t.Helper()
	select {
	case c, ok := <-p.calls:
		if ok {
			return newCaller(t, c, false)
		}
	case <-time.After(testkit.Patience):
	}
	t.Fatal("the node does not call")
	return nil
}

// A third node is told that the pair is a pair, whatever its id and whether it
// knows the rules.
func TestFailure_ThirdNode(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	undisturbed := keepsLink(t, a, b)
	c := a.Dial()
	c.Set("k", "the pair's")
	rig.WaitEqual(a, b, []string{"k"})

	for _, first := range []byte{0, 0xff} { // it decides, it follows
		h := someHello()
		h.NodeID[0], h.NodeID[1] = first, first
		third := call(a)
		third.hello(h)
		third.expect(wire.THello)
		third.auth("")
		third.state()
		if bye := third.refused(); bye.Code != wire.ByePeerTaken {
			t.Errorf("id %x: BYE %v: %s", h.NodeID[:2], bye.Code, bye.Text)
		}
	}
	third := rig.NewNode(t, "third", rig.NewNet(t)+".1", a.Host, "--peer-wait", "500ms")
	third.Start()
	third.WaitLog("PEER_TAKEN")
	third.WaitLog("level=ERROR", "NOT SERVING", "cause=PEER_TAKEN", "opens=\"once that is done\"")
	a.WaitLog("level=WARN", "cause=PEER_TAKEN")
	saw(t, "third", third)
	saw(t, "third, a", a, a, b)
	if third.Serving() {
		t.Error("the third node serves beside the pair")
	}
	c.Set("after", "x")
	rig.WaitEqual(a, b, []string{"k", "after"})
	if v, _, _ := b.Dial().Get("k"); v != "the pair's" {
		t.Errorf("b holds %q", v)
	}
	undisturbed()
	// The place is free when the peer is gone.
	b.Kill()
	third.WaitServing()
	rig.WaitLinked(a, third)
	if !a.Logged("level=WARN", "another node takes the place") {
		t.Error("a replacement is not said")
	}
	saw(t, "third, after", a, a, third)
	rig.WaitEqual(a, third, []string{"k", "after"})
}

// TestFailure_TwoHistories: two nodes that each hold data and each had another peer
// do not mix what they hold. One that is restarted joins empty.
func TestFailure_TwoHistories(t *testing.T) {
	t.Parallel()
	network := rig.NewNet(t)
	toB, toD := newVIP(t, network+".11", network+".2"), newVIP(t, network+".13", network+".4")
	a := rig.NewNode(t, "a", network+".1", network+".11")
	b := rig.NewNode(t, "b", network+".2", "", "-X", "11212")
	c := rig.NewNode(t, "c", network+".3", network+".13")
	d := rig.NewNode(t, "d", network+".4", "", "-X", "11212")
	rig.StartAll(b, d, a, c)
	rig.WaitLinked(a, b)
	rig.WaitLinked(c, d)
	names := rig.Keys("k", 100)
	a.Load(names, func(int) string { return "of a and b" })
	c.Load(names[50:], func(int) string { return "of c and d" })
	rig.WaitEqual(a, b, names)
	rig.WaitEqual(c, d, names)
	b.Kill()
	d.Kill()
	toB.point(c.Host)
	toD.point(a.Host)
	for _, n := range []*rig.Node{a, c} {
		n.WaitLog("level=ERROR", "NOT LINKED", "cause=HISTORY")
		n.WaitLog("restart the node that shall join empty")
		testkit.Eventually(t, "it is counted", func() bool { return refusedFor(n, "history") > 0 })
		n.Load([]string{"own"}, func(int) string { return n.Name })
	}
	saw(t, "histories", a, a, c)
	saw(t, "histories", c, a, c)
	tries := refusedFor(a, "history")
	testkit.Eventually(t, "a tries again", func() bool { return refusedFor(a, "history") > tries+2 })
	for _, n := range []*rig.Node{a, c} {
		if v, _, _ := n.Dial().Get("own"); v != n.Name {
			t.Errorf("node %s holds %q of its own", n.Name, v)
		}
	}
	if v, _, _ := a.Dial().Get(names[70]); v != "of a and b" || a.Count(names) != 100 {
		t.Errorf("a holds %q, and %d of 100 keys", v, a.Count(names))
	}
	if v, _, _ := c.Dial().Get(names[70]); v != "of c and d" || c.Count(names) != 50 {
		t.Errorf("c holds %q, and %d of 50 keys", v, c.Count(names))
	}
	c.Kill()
	rig.StartAll(c)
	rig.WaitLinked(a, c)
	rig.WaitEqual(a, c, append(names, "own"))
	if v, _, _ := c.Dial().Get(names[70]); v != "of a and b" {
		t.Errorf("c joined and holds %q", v)
	}
}

// A node whose peer is its own address, straight, serves too.
func TestFailure_PeerNameIsThisNode(t *testing.T) {
	t.Parallel()
	host := rig.NewNet(t) + ".1"
	n := rig.NewNode(t, "n", host, host, "--peer-wait", "500ms", "--drain-timeout", "100ms")
	rig.StartAll(n)
	n.WaitLog("level=WARN", "SELF")
	saw(t, "self", n)
	if got := n.Dial().Set("k", "v"); got != "STORED" {
		t.Fatal(got)
	}
	if code := n.Stop(); code != 3 || !n.Logged("1 item is not on a live peer") {
		t.Errorf("exit status %d:\n%s", code, n.Log.Tail(500))
	}
}
