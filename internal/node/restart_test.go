package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/store"
)

// A wall clock that went back over a restart may not make new writes older than
// the ones before.
func TestNode_VersionsGoOnWhereTheStateDirSays(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.StateDir = t.TempDir()
	ahead := time.Now().Add(time.Hour).UnixMilli() // as if the wall had gone back by an hour
	if err := os.WriteFile(filepath.Join(cfg.StateDir, boundFile), fmt.Appendln(nil, ahead), 0o600); err != nil {
		t.Fatal(err)
	}
	n := start(t, cfg)
	waitReady(t, n)
	c := client(t, n)
	mustSet(t, c, "k", "v")
	it, err := c.Get("k")
	if err != nil || store.VersionMillis(it.CasID) < ahead {
		t.Fatalf("version %d is before %d, %v", store.VersionMillis(it.CasID), ahead, err)
	}
	n.Drain()
	d, _, err := openStateDir(cfg.StateDir)
	defer d.close()
	if err != nil || d.bound <= store.VersionMillis(it.CasID) {
		t.Errorf("the bound that is kept, %d, does not cover %d: %v", d.bound, it.CasID, err)
	}
	if over := d.bound - store.VersionMillis(it.CasID); over > 1 {
		t.Errorf("a planned stop keeps a bound that is %d ms above the last version", over)
	}
}

// A node is killed, its wall clock goes back, it starts alone: what it then writes
// is newer than all it ever wrote, and so is the time it says it was born at.
func TestNode_KilledAndTheWallWentBack(t *testing.T) {
	var log testkit.Log
	h := &hands{wall: time.Now().UnixMilli()}
	cfg := testConfig(&log)
	cfg.ReplPort, cfg.ReplInsecure = -1, true // it remembers deletes for a peer
	cfg.StateDir, cfg.clock = t.TempDir(), h.clock()
	first := start(t, cfg)
	waitReady(t, first)
	c := client(t, first)
	var last uint64
	for range 100 {
		mustSet(t, c, "k", "v")
		it, err := c.Get("k")
		if err != nil || it.CasID <= last {
			t.Fatalf("%v, version %d after %d", err, it.CasID, last)
		}
		last = it.CasID
	}
	killed := t.TempDir() // what the disk holds at that moment
	if err := os.CopyFS(killed, os.DirFS(cfg.StateDir)); err != nil {
		t.Fatal(err)
	}
	first.Close()
	for _, back := range []int64{time.Hour.Milliseconds(), 30 * 24 * time.Hour.Milliseconds()} {
		h = &hands{wall: h.wall - back}
		cfg.StateDir, cfg.clock = killed, h.clock()
		second := start(t, cfg)
		waitReady(t, second)
		if born := second.store.State().Born; born <= last {
			t.Errorf("%d ms back: born at %d, it wrote %d before", back, born, last)
		}
		c = client(t, second)
		mustSet(t, c, "k", "v")
		it, err := c.Get("k")
		if err != nil || it.CasID <= last {
			t.Errorf("%d ms back: version %d, it wrote %d before: %v", back, it.CasID, last, err)
		}
		last = it.CasID
		if !strings.Contains(log.String(), "the wall clock is behind where this node's versions ended") {
			t.Error("not said")
		}
		second.Close()
	}
}
