package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/store"
)

// A node that was the last one is killed before it has served. Its peer may have linked with it,
// and have deleted what the image holds: so the image counts only together with that peer now.
func TestWarm_KilledWhenItMayHaveMetItsPeer(t *testing.T) {
	a, b := pairConfigs(t)
	for _, cfg := range []*Config{&a, &b} {
		cfg.StateDir, cfg.Warm, cfg.Handover, cfg.PeerWait = t.TempDir(), WarmLast, time.Millisecond, time.Hour
	}
	na, nb := start(t, a), start(t, b)
	waitReady(t, na, nb)
	mustSet(t, client(t, na), "k", "v")
	waitValue(t, client(t, nb), "k", "v")
	for _, comes := range []bool{true, false} {
		nb.Drain()
		na.Drain()
		na = start(t, a)
		testkit.Eventually(t, "a looks for b", func() bool { return na.Health().State == "joining" })
		if left := filesIn(t, a.StateDir); !slices.Contains(left, "image.met") {
			t.Fatalf("it looks for its peer, and there is %q", left)
		}
		na.Close() // it writes nothing, as one that is killed
		if comes {
			nb = start(t, b)
		} else {
			a.PeerWait = time.Second
		}
		na = start(t, a)
		waitReady(t, na)
		want, shows := map[bool]string{true: "v"}[comes], map[bool]string{true: status.ImageLoaded, false: status.ImageDropped}[comes]
		waitValue(t, client(t, na), "k", want)
		if got := shown(t, na).Image.Work; got != shows {
			t.Errorf("b comes: %v. The image is %s, want %s", comes, got, shows)
		}
		if left := filesIn(t, a.StateDir); slices.Contains(left, "image.met") || slices.Contains(left, "image.bad") == comes {
			t.Errorf("b comes: %v. It serves, and there is %q", comes, left)
		}
		if comes {
			waitReady(t, nb)
		}
	}
}

// TestImage_IsNoProofBesideAPeerThatLives: a node that leaves an item which its peer has not taken says
// so, as long as that peer lives. The last one of the pair has everything in its image.
func TestImage_IsNoProofBesideAPeerThatLives(t *testing.T) {
	a, b := pairConfigs(t)
	for _, cfg := range []*Config{&a, &b} {
		cfg.StateDir, cfg.Warm, cfg.Handover = t.TempDir(), WarmLast, time.Millisecond
	}
	b.MaxItemBytes = 1 << 10
	var log testkit.Log
	a.Log = testConfig(&log).Log
	na, nb := start(t, a), start(t, b)
	waitReady(t, na, nb)
	mustSet(t, client(t, na), "large", strings.Repeat("v", 2<<10))
	testkit.Eventually(t, "the peer has not taken it", func() bool { return na.link.Load().Stats().NotOnPeer == 1 })
	if left := na.Drain(); left != 1 || !log.Has("event=not_handed_over") {
		t.Errorf("it leaves %d items beside a peer that lives, want 1\n%s", left, log.Tail(1000))
	}
	na = start(t, a)
	waitReady(t, na)
	nb.Drain()
	if left := na.Drain(); left != 0 || !log.Has("event=image_left", "items=1") {
		t.Errorf("the last one leaves %d items, and its image has them\n%s", left, log.Tail(1000))
	}
}

// TestImage_ADropDoesNotMoveTheClock: a node that begins anew without its image has written its clock's
// bound ahead. It does not begin there, or each such start would move its versions further ahead.
func TestImage_ADropDoesNotMoveTheClock(t *testing.T) {
	var log testkit.Log
	cfg := warmConfig(t, &log)
	for range 3 {
		if err := os.WriteFile(filepath.Join(cfg.StateDir, imageName), []byte("no image"), 0o600); err != nil {
			t.Fatal(err)
		}
		n := start(t, cfg)
		waitReady(t, n)
		if ahead := store.VersionMillis(n.store.Clock()) - time.Now().UnixMilli(); ahead > boundAheadMillis/2 {
			t.Errorf("its versions are %d ms ahead", ahead)
		}
		n.Drain()
	}
	if !log.Has("event=image_bad") || log.Has("event=clock_behind") {
		t.Errorf("what it says:\n%s", log.Tail(3000))
	}
}
