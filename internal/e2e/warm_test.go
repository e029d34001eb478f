package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// asleep is a pair with --warm, and what its nodes are to hold.
type asleep struct {
	*testing.T
	a, b *rig.Node
	dirs map[*rig.Node]string

	kept, deleted, changed []string // keys
}

const (
	warmKeys = 400
	ofBefore = "of before"
	ofLater  = "of later"
)

// warmArgs are those of a node that does not wait long for one that takes over.
var warmArgs = []string{"--warm", "--handover", "100ms"}

// sleeper adds a state directory, and --warm.
func sleeper(t testing.TB, n *rig.Node, extra ...string) (dir string) {
	dir = t.TempDir()
	n.Args = append(append(append(n.Args, "--state-dir", dir), warmArgs...), extra...)
	return dir
}

// newAsleep starts a pair that holds the keys on both nodes.
func newAsleep(t *testing.T, extra ...string) *asleep {
	t.Helper()
	a, b := rig.NewPair(t)
	return startAsleep(t, a, b, extra...)
}

func startAsleep(t *testing.T, a, b *rig.Node, extra ...string) *asleep {
	t.Helper()
	w := &asleep{T: t, a: a, b: b, dirs: map[*rig.Node]string{a: sleeper(t, a, extra...), b: sleeper(t, b, extra...)}}
	all := rig.Keys("k", warmKeys)
	w.deleted, w.changed, w.kept = all[:100], all[100:200], all[200:]
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load(all, func(int) string { return ofBefore })
	rig.WaitEqual(a, b, all)
	return w
}

// change deletes and changes keys on one node.
func (w *asleep) change(n *rig.Node) {
	w.Helper()
	c := n.Dial()
	defer c.Close()
	for _, k := range w.deleted {
		if got := c.Do("delete %s", k); got != "DELETED" {
			w.Fatalf("delete on %s: %s", n.Name, got)
		}
	}
	n.Load(w.changed, func(int) string { return ofLater })
}

// image is the file of a node's image, with one of its endings.
func (w *asleep) image(n *rig.Node, ending string) string {
	return filepath.Join(w.dirs[n], "image"+ending)
}

// stop stops a node as planned, and sees that its image is there and nobody else may read it.
func (w *asleep) stop(n *rig.Node) {
	w.Helper()
	if code := n.Stop(); code != 0 {
		w.Errorf("node %s ended with status %d, and nothing is lost", n.Name, code)
	}
	w.wrote(n)
}

func (w *asleep) wrote(n *rig.Node) {
	w.Helper()
	info, err := os.Stat(w.image(n, ""))
	if err != nil || info.Mode() != 0o600 {
		w.Fatalf("node %s has no image of mode 0600: %v, %v\n%s", n.Name, info, err, n.Log.Tail(1500))
	}
}

// holds looks at a node that serves: it has what was kept and changed, and nothing of what
// was deleted.
func (w *asleep) holds(n *rig.Node) {
	w.Helper()
	n.WaitServing()
	c := n.Dial()
	defer c.Close()
	for what, want := range map[string]struct {
		keys []string
		text string
	}{"kept": {w.kept, ofBefore}, "changed": {w.changed, ofLater}, "deleted": {w.deleted, ""}} {
		got := c.Contents(want.keys)
		for _, k := range want.keys {
			_, text, _ := cut3(got[k])
			if text != want.text {
				w.Fatalf("node %s has %q under %s, which was %s: want %q\n%s", n.Name, text, k, what, want.text, n.Log.Tail(3000))
			}
		}
	}
	if _, err := os.Stat(w.image(n, "")); err == nil {
		w.Errorf("node %s serves, and its image is still there", n.Name)
	}
	if _, err := os.Stat(w.image(n, ".loading")); err == nil {
		w.Errorf("node %s serves, and image.loading is still there", n.Name)
	}
}

// cut3 takes an item of Contents apart.
func cut3(item string) (cas, text string, ok bool) {
	if item == "" {
		return "", "", false
	}
	slash := slices.Index([]byte(item), '/')
	rest := item[slash+1:]
	return item[:slash], rest[slices.Index([]byte(rest), '/')+1:], true
}

// empty looks at a node that serves: it has nothing of before.
func (w *asleep) empty(n *rig.Node) {
	w.Helper()
	n.WaitServing()
	if has := n.Count(slices.Concat(w.kept, w.changed, w.deleted)); has > 0 {
		w.Fatalf("node %s has %d keys, and should have begun empty\n%s", n.Name, has, n.Log.Tail(3000))
	}
}

// equal waits until both nodes are linked, and looks at both.
func (w *asleep) equal() {
	w.Helper()
	rig.WaitLinked(w.a, w.b)
	rig.WaitEqual(w.a, w.b, slices.Concat(w.kept, w.changed, w.deleted))
	w.holds(w.a)
	w.holds(w.b)
}

// TestWarm_BothStoppedThenBothStart: in every order and with gaps. What was deleted and changed
// while the first one was down is deleted and changed on both, before either serves.
func TestWarm_BothStoppedThenBothStart(t *testing.T) {
	t.Parallel()
	for _, firstStopped := range []string{"a", "b"} {
		for _, firstStarted := range []string{"a", "b", "both"} {
			for _, gap := range []time.Duration{0, 2500 * time.Millisecond} {
				t.Run(fmt.Sprintf("%s stops first, then %s starts, gap %v", firstStopped, firstStarted, gap), func(t *testing.T) {
					t.Parallel()
					w := newAsleep(t)
					first, last := w.a, w.b
					if firstStopped == "b" {
						first, last = w.b, w.a
					}
					w.stop(first)
					w.change(last)
					w.stop(last)
					<-time.After(gap)
					early, late := w.a, w.b
					if firstStarted == "b" {
						early, late = w.b, w.a
					}
					early.Start()
					if firstStarted != "both" {
						if early == last {
							w.holds(early)
						}
						<-time.After(gap)
						if early == first && (early.Serving() || early.Logged("event=image_dropped")) {
							t.Errorf("node %s was not the last one, and goes on before the other one is there:\n%s", early.Name, early.Log.Tail(2000))
						}
					}
					late.Start()
					w.holds(early)
					w.holds(late)
					w.equal()
				})
			}
		}
	}
}

// TestWarm_BothStoppedAtOnce: whoever stops at the same moment, one of them at least was the
// last.
func TestWarm_BothStoppedAtOnce(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprint("one starts alone: ", alone), func(t *testing.T) {
			t.Parallel()
			w := newAsleep(t)
			w.change(w.a)
			rig.WaitEqual(w.a, w.b, w.deleted)
			for _, n := range []*rig.Node{w.a, w.b} {
				n.Signal(os.Interrupt)
			}
			for _, n := range []*rig.Node{w.a, w.b} {
				n.Wait()
				w.wrote(n)
			}
			if !alone {
				rig.StartAll(w.a, w.b)
				w.equal()
				return
			}
			last := w.a
			if !wasLast(w.a) {
				last = w.b
			}
			if !wasLast(last) {
				t.Fatalf("neither was the last one:\n%s\n%s", w.a.Log.Tail(2000), w.b.Log.Tail(2000))
			}
			rig.StartAll(last)
			w.holds(last)
		})
	}
}

// wasLast is what a node said of itself as it wrote its image.
func wasLast(n *rig.Node) bool { return n.Logged("event=image_written", "was_last=true") }

// TestWarm_OneNodeIsRestarted: the peer lives. It sends the difference, and not everything.
func TestWarm_OneNodeIsRestarted(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	for _, nodes := range [][2]*rig.Node{{w.a, w.b}, {w.b, w.a}} {
		n, peer := nodes[0], nodes[1]
		w.stop(n)
		if n.Code != 0 || wasLast(n) {
			t.Errorf("node %s ended with status %d, as the last one: %v", n.Name, n.Code, wasLast(n))
		}
		if n == w.a {
			w.change(peer)
		}
		before := peer.Number("repl_items_out")
		rig.StartAll(n)
		w.equal()
		if sent := peer.Number("repl_items_out") - before; sent > len(w.deleted)+len(w.changed) && silences(n, peer) == 0 { // or some were sent twice
			t.Errorf("node %s was sent %d items, only %d have changed", n.Name, sent, len(w.deleted)+len(w.changed))
		}
		if !n.Logged("event=image_loaded") || n.Stat("warm_image") != "loaded" || n.Stat("warm") != "last" {
			t.Errorf("it does not say that it has loaded its image: warm %s, warm_image %s", n.Stat("warm"), n.Stat("warm_image"))
		}
	}
}

// TestWarm_OnlyTheLastOneStarts: it is sure to have everything, and serves alone.
func TestWarm_OnlyTheLastOneStarts(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.stop(w.a)
	w.change(w.b)
	w.stop(w.b)
	if !wasLast(w.b) || wasLast(w.a) {
		t.Fatalf("last: a %v, b %v", wasLast(w.a), wasLast(w.b))
	}
	rig.StartAll(w.b)
	w.holds(w.b)
}

// TestWarm_ASecondSignal: who does not want to wait for a peer that has been stopped as well
// wants the data all the same.
func TestWarm_ASecondSignal(t *testing.T) {
	t.Parallel()
	w := newAsleep(t, "--drain-timeout", "1h", "--handover", "1h")
	w.stop(w.a)
	w.change(w.b)
	w.b.Signal(syscall.SIGTERM)
	w.b.WaitLog("event=handover_waits")
	testkit.Eventually(t, "a signal that comes more than a second later ends the waiting", func() bool {
		_ = w.b.Process().Signal(syscall.SIGTERM)
		return w.b.Logged("event=hastened") || !w.b.Running()
	})
	testkit.Eventually(t, "it ends", func() bool { return !w.b.Running() })
	w.wrote(w.b)
	rig.StartAll(w.b, w.a)
	w.equal()
}

// TestWarm_OnlyTheFirstOneStarts: the other one may have deleted what it has. It waits for
// --peer-wait, and begins empty; then the other one comes, and brings everything.
func TestWarm_OnlyTheFirstOneStarts(t *testing.T) {
	t.Parallel()
	w := newAsleep(t, "--peer-wait", "2s")
	w.stop(w.a)
	w.change(w.b)
	w.stop(w.b)
	rig.StartAll(w.a)
	w.empty(w.a)
	if !w.a.Logged("level=WARN", "event=image_dropped") || w.a.Stat("warm_image") != "dropped" {
		t.Errorf("it does not say that it has dropped its image: warm_image %s\n%s", w.a.Stat("warm_image"), w.a.Log.Tail(2000))
	}
	if _, err := os.Stat(w.image(w.a, ".bad")); err != nil {
		t.Errorf("the image is gone: %v", err)
	}
	rig.StartAll(w.b)
	w.equal()
}

// TestWarm_AnyServesWhatThereIs: with --warm=any the first one serves what it has.
func TestWarm_AnyServesWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newAsleep(t, "--peer-wait", "2s", "--warm=any")
	w.stop(w.a)
	w.change(w.b)
	w.stop(w.b)
	rig.StartAll(w.a)
	w.a.WaitServing()
	if has := w.a.Count(slices.Concat(w.kept, w.changed, w.deleted)); has != warmKeys {
		t.Errorf("it has %d of %d keys", has, warmKeys)
	}
	rig.StartAll(w.b) // which knows better
	w.equal()
}

// TestWarm_TheOtherOneWasKilledBefore: the one that is left is the last one.
func TestWarm_TheOtherOneWasKilledBefore(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.a.Kill()
	w.change(w.b)
	w.stop(w.b)
	if !wasLast(w.b) {
		t.Errorf("its peer was dead, and it was not the last one")
	}
	rig.StartAll(w.b)
	w.holds(w.b)
	rig.StartAll(w.a) // empty: it takes a copy
	w.equal()
}

// TestWarm_TheOtherOneIsKilledLater: nobody has what it knew. The one with an image begins empty.
func TestWarm_TheOtherOneIsKilledLater(t *testing.T) {
	t.Parallel()
	w := newAsleep(t, "--peer-wait", "1s")
	w.stop(w.a)
	w.change(w.b)
	w.b.Kill()
	rig.StartAll(w.a)
	w.empty(w.a)
	rig.StartAll(w.b)
	rig.WaitLinked(w.a, w.b)
	w.empty(w.b)
}

// TestWarm_BothStoppedDuringACut: both were the last one. They meet as after any cut: of each
// key the latest write or delete stays.
func TestWarm_BothStoppedDuringACut(t *testing.T) {
	t.Parallel()
	a, b, link := newRelayedPair(t)
	w := startAsleep(t, a, b, "--drain-timeout", "500ms", "--peer-wait", "1s")
	link.cut()
	w.a.Load(w.changed, func(int) string { return "of a, which was earlier" })
	w.a.Load(w.deleted, func(int) string { return "of a, which was earlier" })
	earlier := time.Now()
	testkit.Eventually(t, "the clocks tick", func() bool { return time.Since(earlier) > 5*time.Millisecond })
	w.change(w.b)
	w.stop(w.a)
	w.stop(w.b)
	if !wasLast(w.a) || !wasLast(w.b) {
		t.Errorf("each was alone: a last %v, b last %v", wasLast(w.a), wasLast(w.b))
	}
	rig.StartAll(w.a, w.b) // alone, both
	link.heal()
	rig.WaitLinked(w.a, w.b)
	rig.WaitEqual(w.a, w.b, slices.Concat(w.kept, w.changed, w.deleted))
	testkit.Eventually(t, "what was deleted is deleted", func() bool { return w.a.Count(w.deleted) == 0 })
	w.equal()
}
