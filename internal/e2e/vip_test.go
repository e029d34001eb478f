package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// vip is an address that moves: a connection goes where it points at that moment.
type vip struct {
	mu     sync.Mutex
	target string
	conns  []net.Conn
}

func (v *vip) point(host string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.target = host
}

// drop ends the connections that go through the address.
func (v *vip) drop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.conns {
		c.Close()
	}
	v.conns = nil
}

func newVIP(t testing.TB, host, target string) *vip {
	v := &vip{target: target}
	p := listenAsPeer(t, host)
	go func() {
		for c := range p.calls {
			v.mu.Lock()
			target := v.target
			v.conns = append(v.conns, c)
			v.mu.Unlock()
			go func() {
				defer c.Close()
				d, err := net.DialTimeout("tcp", target+rig.ReplPort, time.Second)
				if err != nil {
					return
				}
				bridge(c, d, io.Discard)
			}()
		}
	}()
	return v
}

// The peer's address may lead to the node itself, later to the peer, then to a
// stranger, and back.
func TestScenario16_VIPItselfThenThePeerThenAStranger(t *testing.T) {
	t.Parallel()
	network := rig.NewNet(t)
	v := newVIP(t, network+".9", network+".1")
	a := rig.NewNode(t, "a", network+".1", network+".9", "--peer-wait", "500ms")
	a.Start()
	a.WaitLog("level=WARN", "cause=SELF", "leads back to this node")
	a.WaitServing()
	if got := a.Dial().Set("k", "v"); got != "STORED" {
		t.Fatal(got)
	}
	tries := refusedFor(a, "self")
	testkit.Eventually(t, "it tries again", func() bool { return refusedFor(a, "self") > tries+2 })
	if n := a.Stat("repl_sessions"); n != "0" {
		t.Errorf("%s sessions with itself", n)
	}

	b := rig.NewNode(t, "b", network+".2", "", "-X", "11212") // it waits to be called
	rig.StartAll(b)
	v.point(b.Host)
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, []string{"k"})
	if v, _, _ := b.Dial().Get("k"); v != "v" {
		t.Errorf("b holds %q", v)
	}

	stranger := rig.NewNode(t, "stranger", network+".3", "", "-X", "11212", "--cluster", "another")
	rig.StartAll(stranger)
	stranger.Dial().Set("k", "a stranger's")
	stranger.Dial().Set("other", "a stranger's")
	v.point(stranger.Host)
	v.drop()
	a.WaitLog("level=WARN", "cause=CLUSTER")
	tries = refusedFor(a, "cluster")
	testkit.Eventually(t, "it tries again", func() bool { return refusedFor(a, "cluster") > tries+2 })
	if got := a.Dial().Set("meanwhile", "v"); got != "STORED" {
		t.Fatal(got)
	}
	for _, n := range []*rig.Node{a, b, stranger} {
		_, _, other := n.Dial().Get("other")
		if _, _, mine := n.Dial().Get("k"); !mine || other != (n == stranger) {
			t.Errorf("node %s: k %v, the stranger's key %v", n.Name, mine, other)
		}
	}
	v.point(b.Host)
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, []string{"k", "meanwhile", "other"})
	if v, _, _ := a.Dial().Get("k"); v != "v" {
		t.Errorf("a holds %q", v)
	}
	if v, _, _ := stranger.Dial().Get("k"); v != "a stranger's" {
		t.Errorf("the stranger holds %q", v)
	}
}
