package browser

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

const pagePort = ":8211"

// relay carries one link between two nodes, no faster than it is told.
type relay struct {
	l    net.Listener
	to   string
	step int // bytes that go through in each slowStep, while it is slow
	slow atomic.Bool
	wg   sync.WaitGroup
}

const slowStep = 10 * time.Millisecond

func newRelay(t *testing.T, address, to string, step int) *relay {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l, to: to, step: step}
	r.slow.Store(true)
	r.wg.Go(r.accept)
	t.Cleanup(func() { l.Close(); r.wg.Wait() })
	return r
}

func (r *relay) accept() {
	for {
		a, err := r.l.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", r.to)
		if err != nil {
			a.Close()
			continue
		}
		r.wg.Go(func() { r.carry(a, b) })
		r.wg.Go(func() { r.carry(b, a) })
	}
}

// carry copies until one side ends, which ends both.
func (r *relay) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	step := time.NewTicker(slowStep)
	defer step.Stop()
	buf := make([]byte, r.step)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if r.slow.Load() {
			<-step.C
		}
	}
}

// A copy of a million items between real nodes, seen on the page of the node that gives it;
// then the other node is killed.
func TestPage_OfARealPairThatCopiesAndLosesANode(t *testing.T) {
	t.Parallel()
	b := newTab(t, 1280, 900)
	network := rig.NewNet(t)
	giver, taker := network+".1", network+".2"
	items, said, step := 1_000_000, "1,000,000", 64<<10
	if testkit.Race {
		items, said, step = 100_000, "100,000", 8<<10 // the same in a tenth of the time
	}
	r := newRelay(t, network+".3"+rig.ReplPort, giver+rig.ReplPort, step)
	nodeA := rig.NewNode(t, "a", giver, "", "-X", "11212", "--status", giver+pagePort)
	nodeB := rig.NewNode(t, "b", taker, network+".3", "--status", taker+pagePort, "--peer-wait", "60s")
	nodeA.Start()
	nodeA.WaitLog("msg=ready")
	nodeA.Load(rig.Keys("k", items), func(int) string { return "a value" })
	url := "http://" + giver + pagePort
	b.open(url + "/")
	b.waitText("#mode", "Live")
	nodeB.Start()
	bar := func() float64 { return eval[float64](b, `document.querySelector('#copy-out')?.position ?? -1`) }
	testkit.Eventually(t, "the copy is on its way", func() bool {
		p := bar()
		return p > 0 && p < 1 && strings.Contains(b.text("#copies"), " left")
	})
	b.shoot("copy-of-a-million")
	first := bar()
	testkit.Eventually(t, "it moves", func() bool { p := bar(); return p > first || p < 0 })
	r.slow.Store(false)
	b.waitText("#sentence", "Both nodes are ready")
	if text := b.text("#copies"); !strings.Contains(text, "The peer took its last full copy from this node") || !strings.Contains(text, said) {
		t.Errorf("of the copy it says %s", text)
	}
	b.waitText("#nodes", said)
	nodeB.Kill()
	b.waitText("#sentence", "serves alone: its peer is not linked")
	b.waitText("#lanes", "was ready")
	b.waitText("#warnings", "one_copy_left")
	b.waitText("#log", "link_lost")
	b.shoot("killed")
	b.clean(url)
}
