package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/store"
)

// A node that was the last one is killed when a peer has learned from it, and before it has served. That
// peer may have deleted what the image holds: so the image counts only together with that peer now.
func TestWarm_KilledWhenItMayHaveMetItsPeer(t *testing.T) {
	for _, comes := range []bool{true, false} {
		a, b := stoppedPair(t)
		killed := t.TempDir()
		var once sync.Once
		a.imageStep = func(s imageStep) {
			if s == stepMet {
				once.Do(func() { copyFiles(t, killed, a.StateDir) }) // what stays if it is killed here
			}
		}
		na, nb := start(t, a), start(t, b)
		waitReady(t, na, nb)
		na.Close()
		if err := client(t, nb).Delete("k"); err != nil {
			t.Fatal(err)
		}
		if !comes {
			nb.Close()
			a.PeerWait = time.Second
		}
		a.StateDir, a.imageStep = killed, nil
		if left := filesIn(t, killed); !slices.Contains(left, "image.met") {
			t.Fatalf("it has met its peer, and there was %q", left)
		}
		na = start(t, a)
		waitReady(t, na)
		if _, err := client(t, na).Get("k"); err != memcache.ErrCacheMiss {
			t.Errorf("b comes: %v. What b deleted: %v", comes, err)
		}
		shows := map[bool]string{true: status.ImageLoaded, false: status.ImageDropped}[comes]
		if got := shown(t, na).Image.Work; got != shows {
			t.Errorf("b comes: %v. The image is %s, want %s", comes, got, shows)
		}
		if left := filesIn(t, killed); slices.Contains(left, "image.met") || slices.Contains(left, "image.bad") == comes {
			t.Errorf("b comes: %v. It serves, and there is %q", comes, left)
		}
	}
}

// A node that was the last one is killed while it looks for its peer. Nobody has learned anything from
// it, so its image is still that of the last node.
func TestWarm_KilledBeforeItHasMetItsPeer(t *testing.T) {
	a, b := stoppedPair(t)
	for range 2 {
		na := start(t, a)
		testkit.Eventually(t, "a looks for b", func() bool { return na.Health().State == "joining" })
		na.Close() // it writes nothing, as one that is killed
		if left := filesIn(t, a.StateDir); !slices.Contains(left, "image.loading") {
			t.Fatalf("it has met nobody, and there is %q", left)
		}
	}
	a.PeerWait = time.Second
	na := start(t, a)
	waitReady(t, na)
	waitValue(t, client(t, na), "k", "v")
	waitReady(t, start(t, b)) // the image is gone: there is nothing to rename any more
	select {
	case err := <-na.Failed():
		t.Error(err)
	default:
	}
}

// stoppedPair is a pair with the item k that was stopped with images, b first.
func stoppedPair(t *testing.T) (a, b Config) {
	a, b = warmConfigs(t)
	a.PeerWait, b.PeerWait = time.Hour, time.Hour
	na, nb := startWithItem(t, a, b)
	nb.Drain()
	na.Drain()
	return a, b
}

// warmConfigs are those of a pair whose nodes write images, and wait for nobody as they stop.
func warmConfigs(t *testing.T) (a, b Config) {
	a, b = pairConfigs(t)
	for _, cfg := range []*Config{&a, &b} {
		cfg.StateDir, cfg.Warm, cfg.Handover = t.TempDir(), WarmLast, time.Millisecond
	}
	return a, b
}

// startWithItem starts a pair that has the item k.
func startWithItem(t *testing.T, a, b Config) (na, nb *Node) {
	na, nb = start(t, a), start(t, b)
	waitReady(t, na, nb)
	mustSet(t, client(t, na), "k", "v")
	waitValue(t, client(t, nb), "k", "v")
	return na, nb
}

// copyFiles copies the files of one directory into another one.
func copyFiles(t *testing.T, to, from string) {
	for _, name := range filesIn(t, from) {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestImage_IsNoProofBesideAPeerThatLives: a node that leaves an item which its peer has not taken says
// so, as long as that peer lives. The last one of the pair has everything in its image.
func TestImage_IsNoProofBesideAPeerThatLives(t *testing.T) {
	a, b := warmConfigs(t)
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
