package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// subcommand runs "twincached WORDS" and returns the numbers of its last line, by name, and
// the most memory that it took, in KiB.
func subcommand(t *testing.T, code int, words ...string) (counts map[string]int, rssKiB int) {
	t.Helper()
	var out, stderr testkit.Log
	cmd := exec.Command(rig.Binary(t), words...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	most := mostMemory(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%q: exit %d, want %d\n%s%s", words, got, code, out.String(), stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	counts = map[string]int{}
	for _, m := range regexp.MustCompile(`(\w+)=(\d+)`).FindAllStringSubmatch(lines[len(lines)-1], -1) {
		counts[m[1]], _ = strconv.Atoi(m[2])
	}
	return counts, <-most
}

// Clients write and delete while it is dumped: what stood still is in the dump for sure, and
// of what changed one of its values.
func TestDump_OfANodeThatIsWritten(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	still, moving := rig.Keys("still", 20_000), rig.Keys("moving", 2000)
	a.Load(still, value100)
	a.Load(moving, func(i int) string { return fmt.Sprintf("%d-0", i) })
	rig.WaitEqual(a, b, append(moving, still...)) // both are dumped
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		c := []*rig.Node{a, b}[w].Dial()
		writers.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for i := w; i < len(moving); i += 2 {
					c.Send("set %s 0 0 %d noreply\r\n%d-%d\r\n", moving[i], len(fmt.Sprintf("%d-%d", i, n)), i, n)
					c.Send("set comes%d 0 0 1 noreply\r\nx\r\ndelete comes%d noreply\r\n", i, i)
				}
				c.Do("mn")
			}
		})
	}
	file := filepath.Join(t.TempDir(), "dump")
	for _, words := range [][]string{{"dump", a.Host, file}, {"dump", "--json", b.Host, file + ".json"}} {
		counts, _ := subcommand(t, 0, words...)
		if n := counts["items"]; n < len(still)+len(moving) {
			t.Errorf("%q: %d items", words, n)
		}
	}
	close(stop)
	writers.Wait()

	for _, name := range []string{file, file + ".json"} {
		c := rig.NewNode(t, "empty", rig.NewNet(t)+".1", "")
		rig.StartAll(c)
		counts, _ := subcommand(t, 0, "restore", name, c.Host)
		if counts["restored"] != counts["items"] || counts["kept"]+counts["failed"]+counts["too_large"] != 0 {
			t.Errorf("%v", counts)
		}
		held := c.Dial().Contents(append(moving, still...))
		for i, k := range still {
			if !strings.HasSuffix(held[k], value100(i)) {
				t.Fatalf("%s is %q", k, held[k])
			}
		}
		for i, k := range moving {
			if !strings.Contains(held[k], fmt.Sprintf("%d-", i)) {
				t.Fatalf("%s is %q", k, held[k])
			}
		}
	}
}

// Clients write while an older dump is restored: their last value stays, and what they do not
// write is there again, on both nodes, which are equal.
func TestRestore_BesideWriters(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	keys := rig.Keys("key", 30_000)
	a.Load(keys, func(i int) string { return fmt.Sprintf("dumped%d", i) })
	file := filepath.Join(t.TempDir(), "dump")
	subcommand(t, 0, "dump", a.Host, file)
	if got := a.Dial().Do("flush_all"); got != "OK" { // somebody's mistake
		t.Fatal(got)
	}
	const writers = 3
	last := make([]map[string]string, writers)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		c := a.Dial()
		last[w] = map[string]string{}
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for i := range 50 {
					k, v := keys[(n*50+i)*7*writers%len(keys)+w], fmt.Sprintf("written%d", n)
					if i%5 == 4 {
						v = ""
						c.Send("delete %s noreply\r\n", k)
					} else {
						c.Send("set %s 0 0 %d noreply\r\n%s\r\n", k, len(v), v)
					}
					last[w][k] = v
				}
				c.Do("mn")
			}
		})
	}
	counts, _ := subcommand(t, 0, "restore", file, a.Host)
	t.Logf("%v", counts)
	close(stop)
	all.Wait()
	if counts["restored"]+counts["kept"] != len(keys) || counts["restored"] == 0 {
		t.Errorf("%v", counts)
	}
	held := a.Dial().Contents(keys)
	written, gone := map[string]string{}, 0
	for _, m := range last {
		for k, v := range m {
			written[k] = v
		}
	}
	for i, k := range keys {
		switch v, was := written[k]; {
		case !was && !strings.HasSuffix(held[k], fmt.Sprintf("dumped%d", i)):
			t.Fatalf("%s is %q", k, held[k])
		case was && v != "" && !strings.HasSuffix(held[k], v):
			t.Fatalf("%s is %q, and was %q", k, held[k], v)
		case was && v == "" && held[k] != "":
			gone++ // it was deleted before the restore looked: nobody knows of that
		}
	}
	t.Logf("%d keys were written, %d deleted ones are back", len(written), gone)
	v := verify(t, a, b, "--strict")
	v.want(t, 0, "differ=0 only_a=0 only_b=0")
	counts, _ = subcommand(t, 0, "restore", file, a.Host)
	if counts["kept"] < len(keys)-len(written) {
		t.Errorf("again: %v", counts)
	}
}

// What they hold is bounded; the data is not.
func TestDump_MemoryDoesNotGrowWithTheData(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector's own memory is measured, and its speed")
	}
	t.Parallel()
	const items, limitMiB = 400_000, 64
	net := rig.NewNet(t)
	a, b := rig.NewNode(t, "a", net+".1", ""), rig.NewNode(t, "b", net+".2", "")
	rig.StartAll(a, b)
	a.Load(rig.Keys("a-key-of-usual-length:", items), value100)
	file := filepath.Join(t.TempDir(), "dump")
	for _, words := range [][]string{{"dump", a.Host, file}, {"restore", file, b.Host}, {"dump", "--json", a.Host, file}, {"restore", file, b.Host}} {
		counts, rssKiB := subcommand(t, 0, words...)
		if counts["items"] != items || rssKiB == 0 || rssKiB > limitMiB<<10 {
			t.Errorf("%q: %v, %d KiB, %d MiB at most", words, counts, rssKiB, limitMiB)
		}
		t.Logf("%q: %d KiB", words, rssKiB)
	}
}

// A node that is killed while it is dumped, or restored into, is an error; and the next call
// does the rest.
func TestDump_NodeKilledOnTheWay(t *testing.T) {
	t.Parallel()
	net := rig.NewNet(t)
	a, b := rig.NewNode(t, "a", net+".1", ""), rig.NewNode(t, "b", net+".2", "")
	rig.StartAll(a, b)
	const items = 30_000
	a.Load(rig.Keys("key", items), value100)
	file := filepath.Join(t.TempDir(), "dump")
	subcommand(t, 0, "dump", a.Host, file)

	subcommand(t, 2, "restore", file, killedBehind(t, b, 500<<10).Host)
	b.Wait()
	b.Start()
	b.WaitServing()
	counts, _ := subcommand(t, 0, "restore", file, b.Host)
	if counts["items"] != items || counts["failed"] != 0 {
		t.Errorf("%v", counts)
	}
	subcommand(t, 2, "dump", killedBehind(t, b, 100<<10).Host, file+"2")
	b.Wait()
	if left, _ := filepath.Glob(file + "2*"); len(left) > 0 {
		t.Errorf("%q is left of a dump that failed", left)
	}
}

// What a node with --warm has left for its next process can be put into any node: also if the
// file is damaged, up to there.
func TestRestore_OfAnImage(t *testing.T) {
	t.Parallel()
	net, dir := rig.NewNet(t), t.TempDir()
	a, b := rig.NewNode(t, "a", net+".1", "", "--warm", "--state-dir", dir), rig.NewNode(t, "b", net+".2", "")
	rig.StartAll(a, b)
	keys := rig.Keys("key", 5000)
	a.Load(keys, value100)
	if got := a.Dial().Do("delete %s", keys[0]); got != "DELETED" {
		t.Fatal(got)
	}
	a.Stop()
	image, err := os.ReadFile(filepath.Join(dir, "image"))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	if err := os.WriteFile(cut, image[:len(image)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	counts, _ := subcommand(t, 2, "restore", cut, b.Host)
	if n := counts["restored"]; n == 0 || n >= len(keys)-1 {
		t.Errorf("%v", counts)
	}
	counts, _ = subcommand(t, 0, "restore", filepath.Join(dir, "image"), b.Host)
	if counts["items"] != len(keys)-1 || counts["kept"]+counts["restored"] != len(keys)-1 || counts["restored"] == 0 {
		t.Errorf("%v", counts)
	}
	if held := b.Dial().Contents(keys); len(held) != len(keys)-1 {
		t.Errorf("%d keys", len(held))
	}
}
