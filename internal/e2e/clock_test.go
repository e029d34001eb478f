package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// versionMillis is the time in a version, which clients see as the cas unique.
func (n *node) versionMillis(key string) int64 {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	_, cas, hit := c.get(key)
	v, err := strconv.ParseUint(cas, 10, 64)
	if !hit || err != nil {
		n.t.Fatalf("node %s: %s: hit %v, cas %q", n.name, key, hit, cas)
	}
	return int64(v >> 19)
}

// A node with --state-dir is killed and started again, and its wall clock has gone
// back by an hour meanwhile. The clock of this machine stays where it is, so the
// time that the node left on disk goes forward by an hour instead.
func TestClock_KilledAndTheWallWentBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newPair(t)
	a.args = append(a.args, "--state-dir", dir, "--peer-wait", "200ms")
	startAll(a)
	a.load(keys("before", 200), func(int) string { return "before" })
	last := a.versionMillis("before199")
	a.kill()

	file := filepath.Join(dir, "clock")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || bound <= last {
		t.Fatalf("kept %q, the last version is of %d: %v", text, last, err)
	}
	bound += time.Hour.Milliseconds()
	if err := os.WriteFile(file, fmt.Appendln(nil, bound), 0o600); err != nil {
		t.Fatal(err)
	}

	startAll(a) // alone
	a.waitLog("level=WARN", "the wall clock is behind where this node's versions ended")
	if got := a.dial().set("k", "after"); got != "STORED" {
		t.Fatal(got)
	}
	if got := a.versionMillis("k"); got <= bound {
		t.Errorf("a version of %d after a start above %d", got, bound)
	}
	startAll(b)
	waitLinked(a, b)
	c := b.dial()
	defer c.Close()
	c.set("k", "of b") // later than a's, on a node whose clock is an hour behind those versions
	waitEqual(a, b, []string{"k"})
	if v, _, _ := a.dial().get("k"); v != "of b" {
		t.Errorf("at the end: %q", v)
	}
}
