package node

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twincached/store"
)

func TestStateDir_KeepsTheNodesID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	_, first, err := openStateDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := openStateDir(dir)
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
		version := uint64(now) << versionShift
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
	again, _, err := openStateDir(dir)
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
