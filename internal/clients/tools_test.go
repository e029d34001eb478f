package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// toolRun is what became of a command-line tool.
type toolRun struct {
	stdout, stderr string
	code           int // its exit status
}

// runTool runs a tool of Debian's package to its end.
func runTool(t *testing.T, debian, name string, args ...string) toolRun {
	t.Helper()
	path := testkit.NeedTool(t, name, "it comes with Debian's "+debian)
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s: %v", name, err)
	}
	return toolRun{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// startPiped starts a program that a test talks to. The test ends it and waits for it.
func startPiped(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// libmemcached runs one of its tools on a node, and wants its exit status.
func libmemcached(t *testing.T, n *rig.Node, code int, name string, args ...string) string {
	t.Helper()
	args = append([]string{"--servers=" + n.Host + rig.ClientPort}, args...)
	r := runTool(t, "libmemcached-tools", name, args...)
	if r.code != code {
		t.Fatalf("%s %q: exit status %d, want %d\n%s%s", name, args, r.code, code, r.stdout, r.stderr)
	}
	return r.stdout + r.stderr
}

// TestMemccapable_PassesAsWithMemcached is libmemcached's own test of a server. It wants
// "delete KEY 1" refused, as old memcacheds did: two of its tests of delete fail with
// memcached 1.6.45, which passes over the 1, and with us.
func TestMemccapable_PassesAsWithMemcached(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	for _, n := range []*rig.Node{a, b} {
		for _, protocol := range []string{"-a", "-b"} {
			r := runTool(t, "libmemcached-tools", "memccapable", "-h", n.Host, "-p", rig.ClientPort[1:], protocol)
			passed := strings.Count(r.stdout, "[pass]\n")
			good := r.code == 0 && passed == 27 && strings.HasSuffix(r.stdout, "All tests passed\n")
			if protocol == "-a" {
				// What fails is marked on stderr, behind the name on stdout.
				good = r.code != 0 && passed == 25 && strings.Count(r.stdout+r.stderr, "[FAIL]") == 2 &&
					regexp.MustCompile(`ascii delete +(\[FAIL\]\s*)?ascii delete noreply +(\[FAIL\]\s*)?ascii incr +\[pass\]`).MatchString(r.stdout)
			}
			if !good {
				t.Errorf("memccapable %s on node %s: exit status %d, %d passed\n%s%s", protocol, n.Name, r.code, passed, r.stdout, r.stderr)
			}
		}
	}
}

func TestLibmemcachedTools_OnEachNode(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	for _, nodes := range [][2]*rig.Node{{a, b}, {b, a}} {
		for _, protocol := range [][]string{nil, {"--binary"}} {
			t.Run(fmt.Sprint("on ", nodes[0].Name, protocol), func(t *testing.T) {
				copyInAndOut(t, nodes[0], nodes[1], protocol)
				slap(t, nodes[0], protocol)
			})
		}
	}
	both := "--servers=" + a.Host + rig.ClientPort + "," + b.Host + rig.ClientPort
	r := runTool(t, "libmemcached-tools", "memcstat", both, "--analyze")
	for _, want := range []string{"Number of Servers Analyzed         : 2\n", "Pool-wide Hit Ratio"} {
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("memcstat --analyze: exit status %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	b.Kill()
	if r := runTool(t, "libmemcached-tools", "memcping", "--verbose", both); r.code == 0 || strings.Contains(r.stderr, a.Host) || !strings.Contains(r.stderr, b.Host) {
		t.Errorf("memcping of a live and a dead node: exit status %d, %s", r.code, r.stderr)
	}
}

// copyInAndOut sends files through one node, and looks at the other one, too.
func copyInAndOut(t *testing.T, near, far *rig.Node, protocol []string) {
	dir := t.TempDir()
	var files, names []string
	for name, content := range map[string]string{
		"small": "a line\nand another", "large": strings.Repeat("0123456789abcdef", 50_000), "binary": "\x00\r\nEND\r\n\xff",
	} {
		names, files = append(names, name), append(files, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(args ...string) []string { return slices.Concat(protocol, args) }
	libmemcached(t, near, 0, "memcping")
	libmemcached(t, near, 0, "memcflush", protocol...)
	libmemcached(t, near, 0, "memccp", with(append([]string{"--set", "--flag=7", "--expire=1000"}, files...)...)...)
	rig.WaitEqual(near, far, names)
	for _, n := range []*rig.Node{near, far} {
		for i, name := range names {
			back := filepath.Join(dir, "back")
			libmemcached(t, n, 0, "memccat", with("--file="+back, name)...)
			if got, want := testkit.ReadFile(t, back), testkit.ReadFile(t, files[i]); got != want {
				t.Errorf("node %s gave %d bytes of %s back, not the %d that it got", n.Name, len(got), name, len(want))
			}
		}
		if got := libmemcached(t, n, 0, "memccat", with("--flags", "small")...); got != "7\na line\nand another\n" {
			t.Errorf("memccat --flags on node %s: %q", n.Name, got)
		}
	}
	if got := libmemcached(t, near, 1, "memccp", with("--add", files[0])...); !strings.Contains(got, "NOT STORED") && !strings.Contains(got, "DATA EXISTS") {
		t.Errorf("memccp --add over a value: %s", got)
	}
	libmemcached(t, near, 0, "memcexist", with("small")...)
	libmemcached(t, near, 1, "memcexist", with("other")...)
	libmemcached(t, near, 0, "memctouch", with("--expire=2000", "small")...)
	libmemcached(t, near, 1, "memctouch", with("--expire=2000", "other")...)
	libmemcached(t, near, 0, "memcrm", with("small")...)
	libmemcached(t, near, 1, "memcrm", with("small")...)
	libmemcached(t, near, 1, "memccat", with("small")...)
	libmemcached(t, near, 1, "memccp", with("--replace", filepath.Join(dir, "small"))...)
	testkit.Eventually(t, "the far node has removed it", func() bool { return far.Count(names) == 2 })
	testkit.Eventually(t, "the near node has swept what was flushed", func() bool { return near.Stat("curr_items") == "2" })
	for row, want := range map[string]string{"curr_items": "2", "version": near.Stat("version")} {
		got := libmemcached(t, near, 0, "memcstat", with()...)
		if !strings.Contains(got, "\t"+row+": "+want+"\n") {
			t.Errorf("no %s of %s in memcstat\n%s", row, want, got)
		}
	}
	libmemcached(t, near, 0, "memcflush", protocol...)
	testkit.Eventually(t, "both nodes are empty", func() bool { return near.Count(names)+far.Count(names) == 0 })
}

var missed = regexp.MustCompile(`(?m)^get_misses: 0$`)

// slap puts libmemcached's two load generators on a node, for a moment.
func slap(t *testing.T, n *rig.Node, protocol []string) {
	for test, want := range map[string]string{"set": "Time to set ", "get": "Time to get ", "mget": "Time to mget "} {
		got := libmemcached(t, n, 0, "memcslap", slices.Concat(protocol, []string{"--test=" + test, "--concurrency=2", "--execute-number=300", "--flush"})...)
		if !regexp.MustCompile(want + ` *600 keys by +2 threads`).MatchString(got) {
			t.Errorf("memcslap --test=%s:\n%s", test, got)
		}
	}
	got := libmemcached(t, n, 0, "memcaslap", slices.Concat(protocol, []string{"--threads=2", "--concurrency=8", "--execute_number=4000", "--division=4"})...)
	if !missed.MatchString(got) || !strings.Contains(got, "cmd_get: 3600\ncmd_set: 400\n") {
		t.Errorf("memcaslap:\n%s", got)
	}
}
