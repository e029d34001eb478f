package e2e

import (
	"bufio"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

var full = flag.Bool("full", false, "run the scenarios in their full size, where the usual run has a smaller one")

// TestScenario14_LinkCutEvery200msDuringACopy: 1 GB with -full, else 100 MB over a
// wire of 64 MB/s, and clients that write 20,000 times a second meanwhile. The
// copy comes to its end, sends hardly more than there is, and costs the source no
// memory.
func TestScenario14_LinkCutEvery200msDuringACopy(t *testing.T) {
	items, perMS, memory := 100_000, 64<<10, "256"
	least := int64(6 << 20) // passes between two cuts: on a slow machine they come later
	switch {
	case *full:
		items, perMS, memory, least = 1_000_000, 0, "2048", 0
	case testing.Short() || testkit.Race:
		items = 20_000
	}
	a, b, link := newRelayedPair(t, "-m", memory, "--peer-wait", "10m")
	rig.StartAll(a, b)
	names := rig.Keys("key:", items)
	value := func(i int) string { return fmt.Sprintf("%-1000d", i) }
	a.Load(names, value)
	hot := rig.Keys("hot:", 2000)
	a.Load(hot, func(int) string { return "before" })
	waitCount(b, items+len(hot))
	b.Kill()
	data := bytesOut(a)

	w := &paced{node: a, names: hot}
	w.start()
	resident := a.MemoryKiB("VmRSS")
	link.slow(perMS)
	cuts := link.cuts.Load()
	end := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for passed := link.total(); ; {
			select {
			case <-end:
				return
			case <-tick.C:
				if link.total() >= passed+least {
					link.cut()
					link.heal()
					passed = link.total()
				}
			}
		}
	})
	before, wrote, began := bytesOut(a), w.wrote.Load(), time.Now()
	b.Start()
	b.WaitServing()
	took := time.Since(began)
	grown := a.MemoryKiB("VmRSS") - resident
	sent := bytesOut(a) - before
	wrote = w.wrote.Load() - wrote
	close(end)
	cutting.Wait()
	w.stop(t)
	cuts = link.cuts.Load() - cuts
	t.Logf("%d MB in %v with %d cuts and %d writes: %d MB were sent (%.2f times the data), the source grew by %d KiB",
		data>>20, took.Round(time.Millisecond), cuts, wrote, sent>>20, float64(sent)/float64(data), grown)
	if cuts < 3 && !testing.Short() && !testkit.Race {
		t.Errorf("%d cuts: the test shows nothing", cuts)
	}
	if whole := data + 80*wrote; sent > whole*3/2 { // a write travels as a key, 20 bytes and their head
		t.Errorf("%d bytes were sent for %d of data", sent, whole)
	}
	if grown > 32<<10 {
		t.Errorf("the source grew by %d KiB", grown)
	}
	if got := b.Count(names); got != items {
		t.Errorf("the port opened with %d of %d items", got, items)
	}
	link.slow(0)
	rig.WaitEqual(a, b, append(hot, names...))
}

func bytesOut(n *rig.Node) int64 {
	v, err := strconv.ParseInt(n.Stat("repl_bytes_out"), 10, 64)
	if err != nil {
		n.T.Fatal(err)
	}
	return v
}

// paced is a client that writes its keys over and over, 20,000 times a second if
// the machine can.
type paced struct {
	node  *rig.Node
	names []string
	wrote atomic.Int64
	odd   string
	end   chan struct{}
	done  sync.WaitGroup
}

func (p *paced) start() {
	const burst = 100
	c := p.node.Dial()
	p.end = make(chan struct{})
	p.done.Go(func() {
		defer c.Close()
		w := bufio.NewWriter(c.Conn)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; {
			select {
			case <-p.end:
				return
			case <-tick.C:
			}
			for range burst {
				fmt.Fprintf(w, "set %s 0 0 20\r\n%20d\r\n", p.names[n%len(p.names)], n)
				n++
			}
			_ = c.SetDeadline(time.Now().Add(testkit.Patience))
			if err := w.Flush(); err != nil {
				p.odd = err.Error()
				return
			}
			for range burst {
				if line, err := c.R.ReadString('\n'); err != nil || strings.TrimSpace(line) != "STORED" {
					p.odd = fmt.Sprint(line, err)
					return
				}
			}
			p.wrote.Add(burst)
		}
	})
}

func (p *paced) stop(t *testing.T) {
	t.Helper()
	close(p.end)
	p.done.Wait()
	if p.odd != "" {
		t.Errorf("a client was told %q", p.odd)
	}
}
