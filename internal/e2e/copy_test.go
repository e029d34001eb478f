package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

func value100(i int) string { return fmt.Sprintf("%-100d", i) }

// TestFailure_NodeRestarts asks a joiner for random keys from the
// moment its port opens: it must never miss one.
func TestFailure_NodeRestarts(t *testing.T) {
	n := 1_000_000
	if testing.Short() || testkit.Race {
		n = 50_000
	}
	a, b := rig.NewPair(t, "-m", "512")
	rig.StartAll(a, b)
	names := rig.Keys("user:session:number:", n)
	a.Load(names, value100)
	waitCount(b, n)
	b.Kill()

	began := time.Now()
	b.Start()
	for !b.Serving() {
		if !b.Running() {
			t.Fatal("the joiner ended")
		}
	}
	c := b.Dial()
	defer c.Close()
	if _, _, hit := c.Get(names[n-1]); !hit {
		t.Error("the first get after the port opened missed")
	}
	t.Logf("%d items of 100 B: %v from process start to the first answered get", n, time.Since(began).Round(time.Millisecond))
	saw(t, "restarted", b, a, b)
	if got := len(c.Contents(names)); got != n {
		t.Errorf("the joiner opened its port with %d of %d items", got, n)
	}
	if d, onlyA, onlyB := rig.Differences(a, b, names[:10_000]); len(d)+len(onlyA)+len(onlyB) != 0 {
		t.Errorf("%d of 10000 keys differ, %d and %d are on one node only", len(d), len(onlyA), len(onlyB))
	}
}

func waitCount(n *rig.Node, items int) {
	n.T.Helper()
	testkit.Eventually(n.T, fmt.Sprintf("node %s holds %d items", n.Name, items), func() bool {
		return n.Stat("curr_items") == strconv.Itoa(items)
	})
}

// wholeCopy starts a node, kills it when it serves, and returns how many bytes its copy took: that
// of one which went through, as a busy machine may break it off.
func wholeCopy(n *rig.Node, link *link) (whole int64) {
	n.T.Helper()
	testkit.Eventually(n.T, "node "+n.Name+" takes a whole copy", func() bool {
		before := link.total()
		rig.StartAll(n)
		whole = link.total() - before
		n.Kill()
		return n.Logged("event=copied") && !n.Logged("event=link_lost")
	})
	return whole
}

// TestFailure_LinkDropsDuringTheCopy cuts the copy at 10, 50 and 90 % of its bytes.
func TestFailure_LinkDropsDuringTheCopy(t *testing.T) {
	const n = 60_000
	for _, percent := range []int64{10, 50, 90} {
		t.Run(fmt.Sprintf("at %d percent", percent), func(t *testing.T) {
			// A reserve of patience: the joiner must not give up while the link is cut.
			a, b, link := newRelayedPair(t, "--peer-wait", "10m")
			rig.StartAll(a, b)
			names := rig.Keys("key:", n)
			a.Load(names, value100)
			waitCount(b, n)
			b.Kill()
			whole := wholeCopy(b, link)

			before := link.total()
			link.cutAfter(whole * percent / 100)
			b.Start()
			testkit.Eventually(t, "the copy is cut", link.wasCut)
			copied := link.total() - before
			for range 50 { // the process is up (its log says so), and the port stays shut
				if b.Serving() {
					t.Fatalf("the port opened although the copy was cut at %d %%", percent)
				}
			}
			testkit.Eventually(t, "the joiner noticed the cut", func() bool { return strings.Contains(b.Log.String(), "link lost") })
			if b.Serving() {
				t.Fatal("the port opened after the link was lost in mid-copy")
			}
			if percent == 50 {
				saw(t, "cut copy", b, a, b)
			}
			link.heal()
			b.WaitServing()
			c := b.Dial()
			defer c.Close()
			if got := len(c.Contents(names)); got != n {
				t.Errorf("the port opened with %d of %d items", got, n)
			}
			total := link.total() - before
			t.Logf("cut after %d KiB; the copy took %d KiB in all", copied>>10, total>>10)
			if total > whole*12/10+2<<21 { // and what was in flight, twice the window at most
				t.Errorf("the copy began again instead of going on: %d bytes", total)
			}
			rig.WaitEqual(a, b, names)
		})
	}
}

// TestFailure_NodesCutOffFromEachOther counts the bytes that a
// resync costs.
func TestFailure_NodesCutOffFromEachOther(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testkit.Race {
		n = 20_000
	}
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	names := rig.Keys("key:", n)
	a.Load(names, value100)
	waitCount(b, n)
	rig.WaitEqual(a, b, names)

	link.cut()
	a.Load(names[:500], func(i int) string { return fmt.Sprintf("a wrote %d", i) })
	// Later means: by the clock's millisecond. Within one, the two nodes' writes are concurrent.
	for began := time.Now(); time.Since(began) < 10*time.Millisecond; {
	}
	b.Load(names[250:750], func(i int) string { return fmt.Sprintf("b wrote %d", i) })
	fresh := rig.Keys("new:a:", 300)
	a.Load(fresh, value100)
	ca, cb := a.Dial(), b.Dial()
	defer ca.Close()
	defer cb.Close()
	for i := 1000; i < 1200; i++ {
		ca.Do("delete %s", names[i])
		if got := cb.Do("touch %s 1000", names[i+1000]); got != "TOUCHED" {
			t.Fatal(got)
		}
	}
	for _, n := range []*rig.Node{a, b} {
		saw(t, "cut off", n, a, b)
	}
	before := link.total()
	link.heal()
	rig.WaitEqual(a, b, append(names, fresh...))
	travelled := link.total() - before
	// 500 + 500 + 300 values, 200 tombstones, 200 touches, two STATEs of 256 cursors.
	const most = 1300*180 + 400*80 + 2*(10<<10) + 64<<10
	t.Logf("%d KiB travelled to heal 1,700 changes among %d items of %d KiB", travelled>>10, n, n*150>>10)
	if travelled > most {
		t.Errorf("%d bytes travelled, at most %d are the difference", travelled, most)
	}
	for _, n := range []*rig.Node{a, b} {
		saw(t, "cut off, after", n, a, b)
	}
	if _, _, hit := cb.Get(names[1000]); hit {
		t.Error("a delete made during the cut did not reach the peer")
	}
	if v, _, _ := ca.Get(names[400]); v != "b wrote 150" {
		t.Errorf("the later write lost: %q", v)
	}
	// A second cut without changes costs next to nothing.
	before = link.total()
	link.cut()
	link.heal()
	a.Load([]string{"after"}, value100)
	rig.WaitEqual(a, b, []string{"after"})
	if got := link.total() - before; got > 64<<10 {
		t.Errorf("an idle resume cost %d bytes", got)
	}
}

// TestCrossing_150msApart writes to both nodes at the same time over a long wire.
func TestCrossing_150msApart(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t)
	rig.StartAll(a, b)
	names := rig.Keys("key:", 300)
	a.Load(names, value100)
	rig.WaitEqual(a, b, names)
	link.setDelay(150 * time.Millisecond)
	ca, cb := a.Dial(), b.Dial()
	defer ca.Close()
	defer cb.Close()

	for _, k := range names[:100] { // set against set
		ca.Set(k, "from a "+k)
		cb.Set(k, "from b "+k)
	}
	for _, k := range names[100:150] { // set against delete, either order
		ca.Set(k, "again "+k)
		cb.Do("delete %s", k)
	}
	for _, k := range names[150:200] {
		ca.Do("delete %s", k)
		cb.Set(k, "again "+k)
	}
	rig.WaitEqual(a, b, names)
	for _, k := range names[:100] {
		if v, _, hit := ca.Get(k); !hit || v != "from b "+k && v != "from a "+k {
			t.Fatalf("%s is %q, which nobody wrote last", k, v)
		}
	}

	cb.Set("in:flight", "old") // set against flush, at once: either wins, the same on both
	ca.Do("flush_all")
	cb.Set("after", "new")
	rig.WaitEqual(a, b, append(names, "in:flight", "after"))
	for _, k := range names {
		if _, _, hit := cb.Get(k); hit {
			t.Fatalf("%s outlived a flush on the other node", k)
		}
	}
	ca.Set("later", "lives")
	rig.WaitEqual(a, b, []string{"later"})
	if _, _, hit := cb.Get("later"); !hit {
		t.Error("a write after the flush is lost")
	}
}

// TestSmallJoiner_CostsTheSurvivorNothing: eviction is a node's own affair.
func TestSmallJoiner_CostsTheSurvivorNothing(t *testing.T) {
	t.Parallel()
	network := rig.NewNet(t)
	a := rig.NewNode(t, "a", network+".1", network+".2", "-m", "64")
	b := rig.NewNode(t, "b", network+".2", network+".1", "-m", "4")
	a.Start()
	b.Start()
	a.WaitServing()
	b.WaitServing()
	b.Stop()
	const n = 20_000
	names := rig.Keys("key:", n)
	value := func(i int) string { return fmt.Sprintf("%-1000d", i) }
	a.Load(names, value)
	b.Start()
	b.WaitServing()
	held := b.Stat("curr_items")
	c := a.Dial()
	defer c.Close()
	if got := len(c.Contents(names)); got != n {
		t.Errorf("a joiner with 1/16 of the memory cost the survivor %d of %d items", n-got, n)
	}
	t.Logf("the joiner holds %s of %d items, its evictions: %s", held, n, b.Stat("evictions"))

	// Keys that are hot on a survive what b evicts for a flood of its own.
	hot := names[:100]
	flood := rig.Keys("flood:", 6000)
	for part := range slices.Chunk(flood, 500) { // what b evicts before it was sent is lost to both
		b.Load(part, value)
		waitHolds(a, part)
	}
	if got := len(c.Contents(hot)); got != len(hot) {
		t.Errorf("%d of %d hot keys were lost to the other node's evictions", len(hot)-got, len(hot))
	}
	if b.Stat("evictions") == "0" {
		t.Error("the small node evicted nothing: the test proves nothing")
	}
}

// waitHolds waits until a node has all keys.
func waitHolds(n *rig.Node, names []string) {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	testkit.Eventually(n.T, "node "+n.Name+" holds the keys", func() bool { return len(c.Contents(names)) == len(names) })
}
