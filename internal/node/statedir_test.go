package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"twincached/internal/testkit"
	"twincached/store"
)

func TestStateDir_KeepsTheNodesID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	d, first, err := openStateDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.close()
	d, second, err := openStateDir(dir)
	defer d.close()
	if err != nil || first != second || first == (store.ID{}) {
		t.Fatalf("%x, then %x, %v", first, second, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v; want 0700", info.Mode().Perm(), err)
	}
}

func TestStateDir_WithoutOneEachStartIsAnotherNode(t *testing.T) {
	d, first, err := openStateDir("")
	_, second, _ := openStateDir("")
	if d != nil || err != nil || first == second {
		t.Fatalf("%v, %x, %x, %v", d, first, second, err)
	}
	if d.begin(7) != 7 || d.keep(1, 1) != nil {
		t.Fatal("no directory is not nothing")
	}
}

// Whatever was written before a crash, the next start begins above all versions
// that can have been made until then.
func TestStateDir_BoundStaysAheadOfEveryVersion(t *testing.T) {
	dir := t.TempDir()
	d, _, err := openStateDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := int64(1_700_000_000_000)
	writes := 0
	for range 100 {
		now += 500
		before := d.bound
		version := store.VersionAt(now)
		if err := d.keep(now, version); err != nil {
			t.Fatal(err)
		}
		if d.bound != before {
			writes++
		}
		if d.bound < now+2000 {
			t.Fatalf("at %d the bound is %d", now, d.bound)
		}
	}
	if writes > 25 {
		t.Errorf("%d writes for 50 s", writes)
	}
	d.close()
	again, _, err := openStateDir(dir)
	defer again.close()
	if err != nil || again.bound != d.bound {
		t.Fatalf("got %d, %v; want %d", again.bound, err, d.bound)
	}
	for now, want := range map[int64]int64{0: d.bound + 1, d.bound: d.bound + 1, d.bound + 2: d.bound + 2} {
		if got := again.begin(now); got != want {
			t.Errorf("a start at %d begins at %d, want %d", now, got, want)
		}
	}
}

func TestStateDir_SaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	badID, badClock, endOfTime, noise, inTheWay := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(noise, idFile), bytes.Repeat([]byte("\xf5\n"), 1<<20), 0o600)
	os.Mkdir(filepath.Join(inTheWay, idFile+".new"), 0o700)
	os.WriteFile(filepath.Join(badID, idFile), []byte("hello"), 0o600)
	os.WriteFile(filepath.Join(badClock, boundFile), []byte("noon"), 0o600)
	os.WriteFile(filepath.Join(endOfTime, boundFile), []byte("17592186044415"), 0o600) // no version could follow
	for dir, want := range map[string]string{
		filepath.Join(file, "d"): "not a directory",
		noise:                    "is not the 32 hexadecimal digits of a node id; without this file the node begins as a new one",
		inTheWay:                 "node: --state-dir: open " + filepath.Join(inTheWay, idFile+".new") + ": is a directory",
		badID:                    `"hello" is not the 32 hexadecimal digits`,
		badClock:                 `holds "noon", not a time`,
		endOfTime:                `holds "17592186044415", not a time`,
	} {
		if _, _, err := openStateDir(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "node: --state-dir") ||
			strings.Count(err.Error(), "node: ") > 1 || len(err.Error()) > 500 || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

// A disk that is full is said once in ten seconds, and what it costs.
func TestFailure_StateDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, boundFile+".new"), 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	s, err := store.New(store.Config{MemoryBytes: 8 << 20, MaxItemBytes: 1 << 20}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var said testkit.Log
	h := &hands{wall: 1_000_000}
	n := &Node{log: slog.New(slog.NewTextHandler(&said, nil)), clock: h.clock(), state: &stateDir{dir: dir}, store: s}
	for range 30 {
		n.tendBound()
		h.pass(time.Second)
	}
	if got := said.String(); strings.Count(got, "level=ERROR") != 3 || strings.Count(got, "repeated=9") != 2 || !strings.Contains(got, dir) {
		t.Errorf("in 30 s it said\n%s", got)
	}
	if !n.unkept.Load() {
		t.Error("the snapshot does not know")
	}
	if err := os.Remove(filepath.Join(dir, boundFile+".new")); err != nil {
		t.Fatal(err)
	}
	n.tendBound()
	if n.state.bound < h.wall || n.unkept.Load() {
		t.Error("it does not go on when there is room")
	}
}

// Two processes with one directory would be one node to everybody else.
func TestStateDir_OneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	first, id, err := openStateDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		_, _, err = openStateDir(dir)
		if want := fmt.Sprintf("--state-dir %s is in use by another process (pid %d): each node needs a directory of its own", dir, os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if waited := time.Since(before); waited < lockPatience {
			t.Errorf("it waited %v only for a process that is on its way out", waited)
		}
	})
	first.close()
	again, same, err := openStateDir(dir)
	if err != nil || same != id {
		t.Fatalf("%v, id %x then %x", err, id, same)
	}
	again.close()
}

// A node that ended, and one that did not start, leave the directory free.
func TestStateDir_IsFreeAfterTheNode(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.StateDir = t.TempDir()
	n := start(t, cfg)
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := openStateDir(cfg.StateDir); err == nil {
			t.Error("a node runs, and its directory is free")
		}
	})
	n.Close()
	n = start(t, cfg)
	n.Drain()
	d, _, err := openStateDir(cfg.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	d.close()
}
