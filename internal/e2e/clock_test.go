package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit/rig"
)

// versionMillis is the time in a version, which clients see as the cas unique.
func versionMillis(n *rig.Node, key string) int64 {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	_, cas, hit := c.Get(key)
	v, err := strconv.ParseUint(cas, 10, 64)
	if !hit || err != nil {
		n.T.Fatalf("node %s: %s: hit %v, cas %q", n.Name, key, hit, cas)
	}
	return int64(v >> 19)
}

// A node with --state-dir is killed and started again, and its wall clock has gone
// back by an hour meanwhile. The clock of this machine stays where it is, so the
// time that the node left on disk goes forward by an hour instead.
func TestClock_KilledAndTheWallWentBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := rig.NewPair(t)
	a.Args = append(a.Args, "--state-dir", dir, "--peer-wait", "200ms")
	rig.StartAll(a)
	a.Load(rig.Keys("before", 200), func(int) string { return "before" })
	last := versionMillis(a, "before199")
	a.Kill()

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

	rig.StartAll(a) // alone
	a.WaitLog("level=WARN", "the wall clock is behind where this node's versions ended")
	if got := a.Dial().Set("k", "after"); got != "STORED" {
		t.Fatal(got)
	}
	if got := versionMillis(a, "k"); got <= bound {
		t.Errorf("a version of %d after a start above %d", got, bound)
	}
	rig.StartAll(b)
	rig.WaitLinked(a, b)
	c := b.Dial()
	defer c.Close()
	c.Set("k", "of b") // later than a's, on a node whose clock is an hour behind those versions
	rig.WaitEqual(a, b, []string{"k"})
	if v, _, _ := a.Dial().Get("k"); v != "of b" {
		t.Errorf("at the end: %q", v)
	}
}
