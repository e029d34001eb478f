package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// verified is what one call of "twincached verify" said.
type verified struct {
	code        int
	out, errors string
	counts      map[string]int // of the last line
	rssKiB      int
}

var verifyLine = regexp.MustCompile(`^verify: compared=(\d+) equal=(\d+) differ=(\d+) only_a=(\d+) only_b=(\d+) local=(\d+) in_flight=(\d+) seconds=\d+\.\d$`)

// verify compares two nodes by the program's own subcommand. On a busy machine a write may take
// its time: a difference has to stand still for long, unless the flags say otherwise.
func verify(t *testing.T, a, b *rig.Node, flags ...string) verified {
	t.Helper()
	var out, stderr testkit.Log
	cmd := exec.Command(rig.Binary(t), append(append([]string{"verify", "--settle=10s"}, flags...), a.Host, b.Host)...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	most := mostMemory(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	v := verified{code: cmd.ProcessState.ExitCode(), out: out.String(), errors: stderr.String(), counts: map[string]int{}, rssKiB: <-most}
	if v.code > 1 {
		return v
	}
	lines := strings.Split(strings.TrimSuffix(v.out, "\n"), "\n")
	m := verifyLine.FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		t.Fatalf("the last line is %q of\n%s%s", lines[len(lines)-1], v.out, v.errors)
	}
	for i, name := range []string{"compared", "equal", "differ", "only_a", "only_b", "local", "in_flight"} {
		v.counts[name], _ = strconv.Atoi(m[i+1])
	}
	return v
}

func (v *verified) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(v.out+v.errors, part) {
			t.Errorf("it does not say %q", part)
		}
	}
	if v.code != code || t.Failed() {
		t.Fatalf("exit %d, want %d:\n%s%s", v.code, code, v.out, v.errors)
	}
}

func TestVerify_PairAgrees(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t, "-I", "16m")
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := rig.Keys("key", 2000)
	a.Load(names[:1000], func(i int) string { return strings.Repeat("v", i) })
	b.Load(names[1000:], func(i int) string { return strings.Repeat("w", i%7) })
	c := a.Dial()
	for _, odd := range []string{"with space", "\x00", "line\r\nend", strings.Repeat("\xff", 250)} {
		if got := c.Do("ms %s 1 b T0 F7\r\nx", base64.StdEncoding.EncodeToString([]byte(odd))); got != "HD" {
			t.Fatal(got)
		}
	}
	for _, line := range []string{
		"ms large 16000000\r\n" + strings.Repeat("0123456789abcdef", 1_000_000), "ms stale 1\r\nx", "md stale I", "md key1 I",
		"ms short 1 T100\r\nx", "ms touched 1 T100\r\nx", "mg touched T5000", "ms x.lock 1\r\nx", "ma number N0 J5", "ma number", "md key2 q\r\nmn",
	} {
		if got := c.Do("%s", line); got != "HD" && got != "MN" {
			t.Fatalf("%.20q: %s", line, got)
		}
	}
	v := verify(t, a, b, "--strict")
	v.want(t, 0, "local=1 in_flight=0", "2008 keys compared: 2008 equal")
	v = verify(t, b, a)
	v.want(t, 0, "compared=2008 equal=2008 differ=0 only_a=0 only_b=0 local=1 in_flight=0")
	// It has read nothing as a client does.
	if got := a.Dial().Do("mg key1 k"); got != "HD kkey1 X W" {
		t.Errorf("the first reader of a stale item is told %q", got)
	}
	if hits, misses := b.Stat("get_hits"), b.Stat("get_misses"); hits != "0" || misses != "0" {
		t.Errorf("%s hits and %s misses on b", hits, misses)
	}
}

func TestVerify_UnlinkedNodesDiffer(t *testing.T) {
	t.Parallel()
	net := rig.NewNet(t)
	a, b := rig.NewNode(t, "a", net+".1", ""), rig.NewNode(t, "b", net+".2", "")
	rig.StartAll(a, b)
	for n, value := range map[*rig.Node]string{a: "hello", b: "hullo"} {
		c := n.Dial()
		c.Set("greeting", value)
		c.Set("same", "the same")
		c.Set("on"+n.Name, "x")
	}
	v := verify(t, a, b, "--settle=100ms")
	v.want(t, 1, "differs     greeting  value: 5 bytes, the first that differs is number 2; version: ",
		"differs     same  version: ", "only on A   ona", "only on B   onb", "differ=2 only_a=1 only_b=1",
		"they are missing", "has no link to its peer", "the nodes differ")
	v = verify(t, a, b, "--settle=0s", "--show=0")
	v.want(t, 1, "... and 4 more (--show)")
	if strings.Contains(v.out, "greeting") {
		t.Errorf("--show=0 shows\n%s", v.out)
	}
}

// Four clients write, touch and delete on both nodes, as fast as they can: no look
// finds a difference that stays.
func TestVerify_TrafficIsNoDifference(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load(rig.Keys("key", 20000), value100)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range 4 {
		c := []*rig.Node{a, b}[w%2].Dial()
		all.Go(func() { scribble(c, rand.New(rand.NewPCG(uint64(w), 1)), stop) })
	}
	again := 0
	for range 3 {
		v := verify(t, a, b, "--strict")
		v.want(t, 0, "differ=0 only_a=0 only_b=0")
		if m := regexp.MustCompile(`(\d+) looked at again`).FindStringSubmatch(v.out); m != nil && m[1] != "0" {
			again++
		}
		t.Log(strings.TrimSpace(v.out))
	}
	close(stop)
	all.Wait()
	if again == 0 {
		t.Error("no key was ever found under way: the writers did not write")
	}
	v := verify(t, a, b, "--strict")
	v.want(t, 0, "in_flight=0")
}

// scribble changes keys until it is stopped, 20 in each burst.
func scribble(c *rig.Conn, r *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		for range 20 {
			switch k := r.IntN(20000); r.IntN(6) {
			case 0:
				c.Send("delete key%d\r\n", k)
			case 1:
				c.Send("touch key%d %d\r\n", k, 100+r.IntN(1000))
			case 2:
				c.Send("md key%d I\r\n", k)
			default:
				c.Send("set key%d %d %d 4\r\n%04d\r\n", k, k%9, 1000*r.IntN(2), r.IntN(10000))
			}
		}
		for range 20 {
			c.Line()
		}
	}
}

func TestVerify_WhatIsInTheWayHasItsOwnStatus(t *testing.T) {
	t.Parallel()
	net := rig.NewNet(t)
	file := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(file, []byte("ann:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := rig.NewNode(t, "open", net+".1", "")
	closed := rig.NewNode(t, "closed", net+".2", "", "--disable-dumping")
	login := rig.NewNode(t, "login", net+".3", "", "-Y", file)
	binaryOnly := rig.NewNode(t, "binary", net+".4", "", "-B", "binary")
	rig.StartAll(open, closed, login, binaryOnly)
	for _, c := range []struct {
		b     *rig.Node
		flags []string
		want  string
	}{
		{rig.NewNode(t, "none", net+".5", ""), nil, "node B, " + net + ".5:11211: it does not serve: "},
		{closed, nil, "start it without that flag"},
		{login, nil, "give verify a file with a line name:password by --auth-file"},
		{binaryOnly, nil, "verify needs the text protocol"},
	} {
		v := verify(t, open, c.b, c.flags...)
		v.want(t, 2, "twincached: verify: node B, ", c.want)
	}
	v := verify(t, open, login, "-Y", file)
	v.want(t, 0, "compared=0 ")
}

func TestVerify_NodeKilledOnTheWay(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	const items = 50_000
	a.Load(rig.Keys("key", items), value100)
	waitCount(b, items)
	front := killedBehind(t, b, 100<<10) // it looks at values then
	v := verify(t, a, front)
	b.Wait() // or its end would meet that of the test
	v.want(t, 2, "twincached: verify: node B, "+front.Host+rig.ClientPort+": ", "was it stopped? Start verify again once it serves")
}

// TestVerify_MemoryDoesNotGrowWithTheData: what it holds is bounded; a million keys
// and their values are not.
func TestVerify_MemoryDoesNotGrowWithTheData(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector's own memory is measured, and its speed")
	}
	t.Parallel()
	const items, limitMiB = 500_000, 64
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load(rig.Keys("a-key-of-usual-length:", items), value100)
	waitCount(b, items)
	v := verify(t, a, b)
	v.want(t, 0, fmt.Sprintf("equal=%d ", items))
	t.Logf("%d KiB, %s", v.rssKiB, v.out)
	if v.rssKiB == 0 || v.rssKiB > limitMiB<<10 {
		t.Errorf("it took %d KiB for %d items, %d MiB at most", v.rssKiB, items, limitMiB)
	}
}

// mostMemory sends the most memory a process had, in KiB, once it has ended. (What wait
// tells of a child begins with what its parent had.)
func mostMemory(pid int) <-chan int {
	most := make(chan int, 1)
	go func() {
		kib := 0
		for {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, row, ok := strings.Cut(string(text), "VmHWM:")
			if err != nil || !ok { // none, or one that has ended
				most <- kib
				return
			}
			_, _ = fmt.Sscan(row, &kib)
			time.Sleep(time.Millisecond)
		}
	}()
	return most
}
