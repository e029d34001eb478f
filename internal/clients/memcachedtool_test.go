package clients

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// scriptDir is where Debian's memcached has its scripts.
const scriptDir = "/usr/share/memcached/scripts/"

// memcachedTool runs memcached's own tool on a node, and wants it to have nothing
// to complain of but what it announces.
func memcachedTool(t *testing.T, n *rig.Node, mode, announces string) string {
	t.Helper()
	r := runTool(t, "memcached", scriptDir+"memcached-tool", n.Host+rig.ClientPort, mode)
	if r.code != 0 || r.stderr != announces {
		t.Fatalf("memcached-tool %s: exit status %d\n%s%s", mode, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// rows are the names and values of a table that memcached-tool prints.
func rows(table string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) == 2 && !strings.HasPrefix(line, "#") {
			m[f[0]] = f[1]
		}
	}
	return m
}

func TestMemcachedTool_ShowsEachNode(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	small, large := rig.Keys("small", 30), rig.Keys("large", 5)
	a.Load(small, func(int) string { return "a value" })
	b.Load(large, func(int) string { return strings.Repeat("v", 100_000) })
	rig.WaitEqual(a, b, append(small, large...))
	for _, n := range []*rig.Node{a, b} {
		stats := rows(memcachedTool(t, n, "stats", ""))
		for row, want := range map[string]string{
			"curr_items": "35", "version": n.Stat("version"), "limit_maxbytes": "268435456", "repl_link": "stream", "evictions": "0",
		} {
			if stats[row] != want {
				t.Errorf("memcached-tool stats on node %s: %s is %q, want %q", n.Name, row, stats[row], want)
			}
		}
		settings := rows(memcachedTool(t, n, "settings", ""))
		for row, want := range map[string]string{"maxbytes": "268435456", "tcpport": "11211", "inter": n.Host, "evictions": "on", "item_size_max": "1048576"} {
			if settings[row] != want {
				t.Errorf("memcached-tool settings on node %s: %s is %q, want %q", n.Name, row, settings[row], want)
			}
		}
		if sizes := memcachedTool(t, n, "sizes", ""); !strings.HasPrefix(sizes, "#"+n.Host+rig.ClientPort) || len(rows(sizes)) == 0 {
			t.Errorf("memcached-tool sizes on node %s:\n%s", n.Name, sizes)
		}
		displays(t, n, 30, 5)
	}
}

// displayed is a line of memcached-tool's display: class, chunk size, age, pages,
// number of items.
var displayed = regexp.MustCompile(`(?m)^ *(\d+) +([0-9.]+[BK]) +\d+s +(\d+) +(\d+) +(yes|no) +0 +0 +0$`)

// displays wants one class with so many small items and one with so many large ones.
func displays(t *testing.T, n *rig.Node, small, large int) {
	t.Helper()
	got := memcachedTool(t, n, "display", "")
	lines := displayed.FindAllStringSubmatch(got, -1)
	if len(lines) != 2 || strings.Count(got, "\n") != 3 {
		t.Errorf("memcached-tool display on node %s:\n%s", n.Name, got)
		return
	}
	for i, want := range []struct {
		number int
		unit   string
	}{{small, "B"}, {large, "K"}} {
		if number, size := lines[i][4], lines[i][2]; number != strconv.Itoa(want.number) || !strings.HasSuffix(size, want.unit) {
			t.Errorf("node %s has %s items of %s, want %d\n%s", n.Name, number, size, want.number, got)
		}
	}
}

// TestDamemtop_ShowsBothNodes runs memcached's "top" on a terminal.
func TestDamemtop_ShowsBothNodes(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, scriptDir+"damemtop", "it comes with Debian's memcached")
	testkit.NeedTool(t, "script", "it is damemtop's terminal")
	for module, debian := range map[string]string{"AnyEvent": "libanyevent-perl", "YAML": "libyaml-perl", "Term::ReadKey": "libterm-readkey-perl"} {
		if exec.Command("perl", "-M"+module, "-e1").Run() != nil {
			testkit.NeedTool(t, debian, "damemtop is written with it")
		}
	}
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	a.Load(rig.Keys("k", 1234), func(i int) string { return "v" })
	rig.WaitEqual(a, b, rig.Keys("k", 1234))
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "script", "-qec", "stty rows 40 cols 200; exec perl "+scriptDir+"damemtop", "/dev/null")
	cmd.Env = append(os.Environ(), "HOME="+damemtopHome(t, a, b), "TERM=dumb", "LC_ALL=C")
	in, out := startPiped(t, cmd) // in stays open: damemtop reads keys
	missing, version := map[string]bool{a.Host: true, b.Host: true}, a.Stat("version")
	screen := bufio.NewScanner(out)
	for len(missing) > 0 && screen.Scan() {
		f := strings.Fields(screen.Text())
		if len(f) == 5 && f[1] == version && f[2] == "1,234" {
			delete(missing, strings.TrimSuffix(f[0], rig.ClientPort))
		}
	}
	if len(missing) > 0 {
		t.Errorf("damemtop does not show %v", missing)
	}
	in.Close()
	cancel()
	_ = cmd.Wait() // killed
}

// damemtopHome is a home directory with the file that damemtop reads there.
func damemtopHome(t *testing.T, a, b *rig.Node) string {
	t.Helper()
	home := t.TempDir()
	config := "delay: 0.1\nmode: t\ntop_mode:\n  sort_column: hostname\n  sort_order: asc\n  columns:\n" +
		"    - hostname\n    - all_version\n    - all_curr_items\n    - all_fill_rate\n    - hit_rate\n" +
		"servers:\n  - " + a.Host + rig.ClientPort + "\n  - " + b.Host + rig.ClientPort + "\n"
	if err := os.Mkdir(filepath.Join(home, ".damemtop"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".damemtop", "damemtop.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// What memcached-tool prints of a memcached is restored with flags and times of expiry; and of
// a node it prints what another one takes, and a memcached too.
func TestMemcachedTool_DumpIsRestored(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	old := startMemcached(t)
	c := old.Dial()
	values := map[string]string{"plain": "v", "empty": "", "lines": "add x 0 0 1\r\ny\r\n", "large": strings.Repeat("v", 500_000)}
	for key, value := range values {
		if got := c.Do("set %s 7 0 %d\r\n%s", key, len(value), value); got != "STORED" {
			t.Fatal(got)
		}
	}
	c.Do("set short 4294967295 5000 1\r\nx")
	if got := b.Dial().Set("plain", "newer"); got != "STORED" {
		t.Fatal(got)
	}
	rig.WaitEqual(a, b, []string{"plain"})
	restore := func(from *rig.Node, want string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "dump")
		if err := os.WriteFile(file, []byte(memcachedTool(t, from, "dump", "Dumping memcache contents\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		r := runTool(t, "twincached", rig.Binary(t), "restore", file, a.Host)
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("exit status %d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	restore(old, "restore: items=5 restored=4 kept=1 expired=0 outdated=0 too_large=0 failed=0 ")
	values["plain"] = "newer"
	for _, n := range []*rig.Node{a, b} {
		testkit.Eventually(t, "it is on both nodes", func() bool { return n.Stat("curr_items") == "5" })
		c := n.Dial()
		for key, value := range values {
			if v, _, _ := c.Get(key); v != value {
				t.Errorf("%s is %.40q", key, v)
			}
		}
		fields := strings.Fields(c.Do("mg short f t"))
		if seconds, _ := strconv.Atoi(strings.TrimPrefix(fields[2], "t")); fields[1] != "f4294967295" || seconds > 5000 || seconds < 4000 {
			t.Errorf("%q", fields)
		}
	}
	restore(b, "restored=0 kept=5 ")
	back := startMemcached(t)
	conn, err := net.Dial("tcp", back.Host+rig.ClientPort)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(memcachedTool(t, b, "dump", "Dumping memcache contents\n") + "quit\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != strings.Repeat("STORED\r\n", 5) {
		t.Errorf("a memcached answers %q, %v", got, err)
	}
	if got := back.Dial().Do("mg lines f v"); got != "VA 16 f7" {
		t.Errorf("a memcached has %q", got)
	}
}
