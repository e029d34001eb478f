package node

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

// warmConfig is a node that keeps its image in a directory of the test's.
func warmConfig(t *testing.T, log *testkit.Log) Config {
	cfg := testConfig(log)
	cfg.StateDir, cfg.Warm = t.TempDir(), WarmLast
	return cfg
}

// shown is the node as "stats status" has it.
func shown(t *testing.T, n *Node) status.Snapshot {
	t.Helper()
	var p status.Pair
	if err := json.Unmarshal(n.StatusLine(), &p); err != nil {
		t.Fatal(err)
	}
	return p.Node
}

func TestImage_ANodeGoesOnWhereItWas(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	for round := range 3 {
		n := start(t, cfg)
		waitReady(t, n)
		c := client(t, n)
		if round > 0 {
			waitValue(t, c, "k", "v")
			if left := filesIn(t, cfg.StateDir); !slices.Equal(left, []string{"clock", "lock", "node-id"}) {
				t.Errorf("it serves, and there is %q", left)
			}
			if s := shown(t, n); s.Image.Work != status.ImageLoaded || s.Image.Items == 0 || s.Image.FinishedMillis < s.Image.StartedMillis {
				t.Errorf("it shows %+v", s.Image)
			}
		}
		mustSet(t, c, "k", "v")
		n.Drain()
		if left := filesIn(t, cfg.StateDir); !slices.Equal(left, []string{"clock", "image", "lock", "node-id"}) {
			t.Fatalf("it leaves %q\n%s", left, log.Tail(1000))
		}
	}
}

// A stop that is no plan leaves no image: what was deleted since the last one must not return.
func TestImage_CloseLeavesNone(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	n := start(t, cfg)
	waitReady(t, n)
	n.Drain()
	n = start(t, cfg)
	waitReady(t, n)
	n.Close()
	if left := filesIn(t, cfg.StateDir); slices.Contains(left, "image") {
		t.Errorf("it leaves %q", left)
	}
}

// While a node loads its image its port is shut, it says so, and a stop leaves the image for
// the next process.
func TestImage_StoppedWhileLoading(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	cfg.StatusPage = StatusPage{Address: "127.0.0.1:0"}
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	n.Drain()

	loads, goOn := make(chan struct{}), make(chan struct{})
	slow := cfg
	slow.imageStep = func(s imageStep) {
		if s == stepLoading {
			close(loads)
			<-goOn
		}
	}
	n = start(t, slow)
	<-loads
	if h := n.Health(); h.State != "loading" || n.webHealth().Ready || n.webHealth().Started {
		t.Errorf("it is %q, for a probe %+v", h.State, n.webHealth())
	}
	testkit.Eventually(t, "the page shows that it loads", func() bool {
		s := shown(t, n)
		p := s.Image.Progress()
		return s.State.Word == "loading" && s.Image.Work == status.ImageLoading && p.Active() && s.Link.State == "down"
	})
	if rows := n.StatRows(""); rows != nil || n.Durations() != nil || n.Lag().Count != 0 {
		t.Errorf("it has statistics of a store that may be another one in the end: %v", rows)
	}
	if n.Refused() {
		t.Error("it is refused")
	}
	ended := make(chan uint64)
	go func() { ended <- n.Drain() }()
	testkit.Eventually(t, "it stops", func() bool { return n.Health().State == "draining" })
	close(goOn)
	if left := <-ended; left != 0 {
		t.Errorf("%d items left", left)
	}
	if left := filesIn(t, cfg.StateDir); !slices.Contains(left, "image.loading") || slices.Contains(left, "image") {
		t.Errorf("it leaves %q", left)
	}
	n = start(t, cfg)
	waitReady(t, n)
	waitValue(t, client(t, n), "k", "v")
}

// The drain's time does not cut the writing short, and everybody sees it.
func TestImage_IsWrittenWhateverTheDrainTakes(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	cfg.DrainTimeout = 0
	cfg.StatusPage = StatusPage{Address: "127.0.0.1:0"}
	writes, goOn := make(chan struct{}), make(chan struct{})
	cfg.imageStep = func(s imageStep) {
		if s == stepBegun {
			close(writes)
			<-goOn
		}
	}
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	ended := make(chan uint64)
	go func() { ended <- n.Drain() }()
	<-writes
	testkit.Eventually(t, "it shows that it writes", func() bool {
		s := shown(t, n)
		p := s.Image.Progress()
		return s.State.Word == "draining" && s.Image.Work == status.ImageWriting && p.Active()
	})
	close(goOn)
	<-ended
	if !slices.Contains(filesIn(t, cfg.StateDir), "image") || !log.Has("event=image_written", "items=1") {
		t.Errorf("it leaves %q\n%s", filesIn(t, cfg.StateDir), log.Tail(1000))
	}
}

// An image that was loaded and cannot be removed would be loaded twice: nobody is served.
func TestImage_ThatCannotBeRemovedIsNotServed(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	n := start(t, cfg)
	waitReady(t, n)
	n.Drain()
	cfg.imageStep = func(s imageStep) {
		if s == stepLoading {
			path := filepath.Join(cfg.StateDir, "image.loading")
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
			if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
				t.Error(err)
			}
		}
	}
	n = start(t, cfg)
	select {
	case err := <-n.Failed():
		if !strings.Contains(err.Error(), "the image that was loaded cannot be removed") {
			t.Error(err)
		}
	case <-n.Ready():
		t.Error("it serves")
	case <-time.After(testkit.Patience):
		t.Error("it does nothing")
	}
}

// The image of a flag that is not given any more is set aside, also one that was being loaded.
func TestImage_WithoutTheFlagItIsSetAside(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	for _, name := range []string{"image", "image.loading", "image.met"} {
		n := start(t, cfg)
		waitReady(t, n)
		n.Drain()
		cold := cfg
		cold.Warm = WarmOff
		if err := os.Rename(filepath.Join(cfg.StateDir, "image"), filepath.Join(cfg.StateDir, name)); err != nil {
			t.Fatal(err)
		}
		n = start(t, cold)
		waitReady(t, n)
		n.Drain()
		if left := filesIn(t, cfg.StateDir); !slices.Contains(left, "image.bad") || slices.Contains(left, "image") || slices.Contains(left, name) {
			t.Errorf("%s: it leaves %q", name, left)
		}
		if !log.Has("event=image_unused") {
			t.Errorf("%s: it does not say so", name)
		}
	}
}

// So is one in the state directory, when -e names another file: later it would be out of date.
func TestImage_WithAnotherFileItIsSetAside(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	n := start(t, cfg)
	waitReady(t, n)
	n.Drain()
	cfg.MemoryFile = filepath.Join(t.TempDir(), "file")
	n = start(t, cfg)
	waitReady(t, n)
	n.Drain()
	if left := filesIn(t, cfg.StateDir); !slices.Contains(left, "image.bad") || slices.Contains(left, "image") || !log.Has("event=image_unused") {
		t.Errorf("it leaves %q\n%s", left, log.Tail(1000))
	}
	if _, err := os.Stat(cfg.MemoryFile); err != nil {
		t.Error(err)
	}
}

// The file that -e names may be the very one that --warm would use.
func TestImage_AnotherFileMayBeTheSameOne(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	cfg.MemoryFile = cfg.StateDir + "/./image"
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	n.Drain()
	n = start(t, cfg)
	waitReady(t, n)
	waitValue(t, client(t, n), "k", "v")
}

func TestImage_WhereNoneCanBeWrittenNoNodeStarts(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	cfg.MemoryFile = filepath.Join(cfg.StateDir, "none", "file")
	refused := func(cfg Config, want string) {
		t.Helper()
		if n, err := Start(cfg); err == nil || !strings.HasPrefix(err.Error(), "node: -e, --memory-file: "+want) {
			t.Errorf("%v", err)
			if n != nil {
				n.Close()
			}
		}
	}
	refused(cfg, "no image could be written: ")
	cfg.StateDir, cfg.MemoryFile = "", filepath.Join("/proc", "file") // not "--state-dir: ", as nobody gave that
	refused(cfg, "beside it the node keeps its id: mkdir /proc/file.state: ")
}

// A wall clock that went back, and a state directory that does not know: what the image holds is
// older than what is written next.
func TestImage_TheWallWentBack(t *testing.T) {
	var log testkit.Log
	h := &hands{wall: time.Now().UnixMilli()}
	cfg := warmConfig(t, &log)
	cfg.clock = h.clock()
	n := start(t, cfg)
	waitReady(t, n)
	c := client(t, n)
	mustSet(t, c, "k", "v")
	before, err := c.Get("k")
	if err != nil {
		t.Fatal(err)
	}
	n.Drain()
	if err := os.Remove(filepath.Join(cfg.StateDir, boundFile)); err != nil {
		t.Fatal(err)
	}
	h = &hands{wall: h.wall - time.Hour.Milliseconds()}
	cfg.clock = h.clock()
	n = start(t, cfg)
	waitReady(t, n)
	c = client(t, n)
	waitValue(t, c, "k", "v")
	mustSet(t, c, "k", "later")
	after, err := c.Get("k")
	if err != nil || after.CasID <= before.CasID {
		t.Errorf("version %d after %d, %v", after.CasID, before.CasID, err)
	}
}

// TestWarm_ThePeerLoadsForLong: a node that starts meanwhile does not take it for absent, and
// serves nobody before it has what the image has.
func TestWarm_ThePeerLoadsForLong(t *testing.T) {
	a, b := warmConfigs(t)
	na, nb := startWithItem(t, a, b)
	na.Drain()
	if err := client(t, nb).Delete("k"); err != nil {
		t.Fatal(err)
	}
	nb.Drain()
	goOn := make(chan struct{})
	b.imageStep = func(s imageStep) {
		if s == stepLoading {
			<-goOn
		}
	}
	nb, na = start(t, b), start(t, a)
	testkit.Eventually(t, "a has noticed that b is there and says nothing", func() bool { return na.Refused() })
	select {
	case <-na.Ready():
		t.Error("it serves")
	default:
	}
	close(goOn)
	waitReady(t, na, nb)
	waitValue(t, client(t, na), "k", "")
}

// TestImage_OfANodeThatWasNotTheLast is dropped when the peer does not come, and kept for people:
// they may serve it with --warm=any. That of the last one serves alone.
func TestImage_OfANodeThatWasNotTheLast(t *testing.T) {
	a, b := warmConfigs(t)
	a.PeerWait, b.PeerWait = time.Second, time.Second
	var log testkit.Log
	a.Log = testConfig(&log).Log
	na, nb := startWithItem(t, a, b)
	na.Drain()
	nb.Drain()

	nb = start(t, b)
	waitReady(t, nb)
	waitValue(t, client(t, nb), "k", "v")
	nb.Drain()

	for _, warm := range []WarmMode{WarmLast, WarmAny} {
		a.Warm = warm
		na = start(t, a)
		waitReady(t, na)
		want, shows := map[WarmMode]string{WarmAny: "v"}[warm], map[WarmMode]string{WarmLast: status.ImageDropped, WarmAny: status.ImageLoaded}[warm]
		it, _ := client(t, na).Get("k")
		if got := shown(t, na).Image.Work; got != shows || (it != nil) != (want != "") {
			t.Errorf("--warm=%s: the image is %s, want %s; it serves %v, want %q", warm, got, shows, it, want)
		}
		if warm == WarmAny {
			break
		}
		c, err := net.Dial("tcp", na.ReplAddr().String())
		if err != nil {
			t.Fatalf("the replication port is shut: %v", err)
		}
		c.Close()
		na.Close()
		path := filepath.Join(a.StateDir, "image")
		if err := os.Rename(path+badSuffix, path); err != nil {
			t.Fatalf("what was dropped is gone: %v", err)
		}
	}
	if !log.Has("waiting for that peer", "event=image_loaded") || !log.Has("level=WARN", "event=image_dropped") {
		t.Errorf("it does not say so:\n%s", log.Tail(2000))
	}
}

// TestImage_OfANodeAloneMeetsNobody: if that is killed before it serves, its image is still all that there is.
func TestImage_OfANodeAloneMeetsNobody(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	n.Drain()
	var steps []imageStep
	cfg.imageStep = func(s imageStep) { steps = append(steps, s) }
	n = start(t, cfg)
	waitReady(t, n)
	if want := []imageStep{stepTaken, stepLoading, stepRemoved, stepUsed}; !slices.Equal(steps, want) {
		t.Errorf("its image was %q, want %q", steps, want)
	}
	waitValue(t, client(t, n), "k", "v")
}
