package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestWarm_MemoryWhileWritingAndLoading is no more than -m and 64 MiB.
func TestWarm_MemoryWhileWritingAndLoading(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		t.Skip("the race detector takes memory of its own")
	}
	w := newAsleep(t, "-m", "200")
	value := strings.Repeat("x", 1000)
	w.a.Load(rig.Keys("large", 250_000), func(int) string { return value })
	w.b.Kill()
	most := 0
	watch := func(n *rig.Node) {
		for n.Running() {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Process().Pid))
			_, row, found := strings.Cut(string(text), "VmHWM:")
			if err != nil || !found {
				break
			}
			if kib, err := strconv.Atoi(strings.Fields(row)[0]); err == nil {
				most = max(most, kib)
			}
			if n.Logged("event=ready") && !n.Logged("event=draining") {
				break
			}
		}
	}
	w.a.Signal(syscall.SIGTERM)
	watch(w.a)
	w.a.Wait()
	w.wrote(w.a)
	written := most
	most = 0
	w.a.Start()
	watch(w.a)
	w.a.WaitServing()
	t.Logf("%d MiB while writing, %d MiB while loading, of -m 200", written>>10, most>>10)
	if limit := (200 + 64) << 10; written == 0 || most == 0 || written > limit || most > limit {
		t.Errorf("%d KiB while writing, %d KiB while loading: want at most %d", written, most, limit)
	}
}

// TestWarm_FlushAndExpiryKeepTheirTime: a delayed flush comes when it was to come, whether the
// nodes run then or not; an item expires when it was to expire, by its last touch.
func TestWarm_FlushAndExpiryKeepTheirTime(t *testing.T) {
	t.Parallel()
	for _, awake := range []bool{true, false} {
		t.Run(fmt.Sprint("awake when it is due: ", awake), func(t *testing.T) {
			t.Parallel()
			w := newAsleep(t)
			c := w.a.Dial()
			for line, want := range map[string]string{"set touched 0 600 1\r\nx": "STORED", "set soon 0 600 1\r\nx": "STORED"} {
				if got := c.Do("%s", line); got != want {
					t.Fatalf("%s: %s", line, got)
				}
			}
			c.Do("touch touched 1000")
			c.Do("touch soon 1")
			due := time.Now().Add(6 * time.Second)
			if !awake {
				due = time.Now().Add(3 * time.Second)
			}
			if got := c.Do("flush_all %d", int(time.Until(due).Seconds()+0.5)); got != "OK" {
				t.Fatal(got)
			}
			rig.WaitEqual(w.a, w.b, []string{"touched"})
			w.stop(w.a)
			w.stop(w.b)
			if !awake {
				<-time.After(time.Until(due.Add(2 * time.Second)))
			}
			rig.StartAll(w.a, w.b)
			for _, n := range []*rig.Node{w.a, w.b} {
				d := n.Dial()
				if _, _, hit := d.Get("soon"); hit && !awake {
					t.Errorf("node %s has what has expired", n.Name)
				}
				if awake {
					if got := d.Do("mg touched t"); time.Now().Before(due.Add(-2*time.Second)) && !strings.HasPrefix(got, "HD t99") && got != "HD t1000" {
						t.Errorf("node %s: touched to 1000 s, and has %s", n.Name, got)
					}
					if _, _, hit := d.Get(w.kept[0]); !hit && time.Now().Before(due.Add(-2*time.Second)) {
						t.Errorf("node %s: flushed before its time", n.Name)
					}
				}
				d.Close()
				testkit.Eventually(t, "node "+n.Name+" is flushed", func() bool { return n.Count(w.kept) == 0 })
				if time.Now().Before(due.Add(-1500 * time.Millisecond)) {
					t.Errorf("node %s was flushed too early", n.Name)
				}
				n.Load([]string{"new"}, func(int) string { return "x" })
			}
			if w.a.Count([]string{"new"}) != 1 {
				t.Error("what is new is flushed too")
			}
		})
	}
}

// TestWarm_MemoryFile is memcached's word for it: no --state-dir is needed, and any -m will do.
func TestWarm_MemoryFile(t *testing.T) {
	t.Parallel()
	a := rig.NewNode(t, "a", rig.NewNet(t)+".1", "")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil { // of a memcached, say
		t.Fatal(err)
	}
	a.Args = append(a.Args, "-e", file)
	rig.StartAll(a)
	if !a.Logged("level=ERROR", "event=image_bad", "kept_as="+file+".bad") {
		t.Errorf("it says nothing of a file that is no image:\n%s", a.Log.Tail(2000))
	}
	a.Load(rig.Keys("k", 100), func(int) string { return "x" })
	a.Stop()
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	a.Args = append(a.Args, "-m", "64")
	rig.StartAll(a)
	if has := a.Count(rig.Keys("k", 100)); has != 100 {
		t.Errorf("it has %d of 100 keys", has)
	}
}

// TestWarm_WithoutTheFlag: an image that is there is set aside, as it will be out of date.
func TestWarm_WithoutTheFlag(t *testing.T) {
	t.Parallel()
	w := newAsleep(t)
	w.stop(w.a)
	w.stop(w.b)
	args := slices.Clone(w.b.Args)
	w.b.Args = slices.DeleteFunc(w.b.Args, func(word string) bool { return word == "--warm" })
	rig.StartAll(w.b)
	w.empty(w.b)
	if !w.b.Logged("level=WARN", "event=image_unused", "kept_as="+w.image(w.b, ".bad")) {
		t.Errorf("it does not say so:\n%s", w.b.Log.Tail(2000))
	}
	w.b.Kill()
	w.b.Args = args
	rig.StartAll(w.b)
	w.empty(w.b)
}

// TestWarm_StoppedBeforeItHasServed: a node that waits for its peer is stopped again. It writes
// what it has loaded, as the node that the peer knows.
func TestWarm_StoppedBeforeItHasServed(t *testing.T) {
	t.Parallel()
	w := newAsleep(t, "--peer-wait", "1h")
	w.stop(w.a)
	w.change(w.b)
	w.stop(w.b)
	for range 2 {
		w.a.Start()
		w.a.WaitLog("event=image_loaded")
		w.a.WaitLog("event=joining")
		w.stop(w.a)
		if wasLast(w.a) {
			t.Error("it has met nobody, and has become the last one")
		}
	}
	rig.StartAll(w.b)
	w.holds(w.b)
	before := w.b.Number("repl_items_out")
	rig.StartAll(w.a)
	w.equal()
	if sent := w.b.Number("repl_items_out") - before; sent > len(w.deleted)+len(w.changed) && silences(w.a, w.b) == 0 { // or some were sent twice
		t.Errorf("it was sent %d items, only %d have changed", sent, len(w.deleted)+len(w.changed))
	}
}
