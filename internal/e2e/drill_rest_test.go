package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
	"twincached/internal/wire"
)

// The tests below look at faults whose own tests run no process.

func TestDrill_PeerAddressIsNoNode(t *testing.T) {
	t.Parallel()
	network := rig.NewNet(t)
	p := listenAsPeer(t, network+".2")
	go func() {
		for c := range p.calls { // as a memcached does
			_, _ = io.WriteString(c, "ERROR\r\n")
			c.Close()
		}
	}()
	n := rig.NewNode(t, "n", network+".1", network+".2", "--peer-wait", "500ms")
	n.Start()
	saw(t, "no node", n)
}

func TestDrill_VersionsFarAhead(t *testing.T) {
	t.Parallel()
	n := rig.NewNode(t, "n", rig.NewNet(t)+".1", "", "-X", "11212")
	rig.StartAll(n)
	c := call(n)
	c.hello(someHello())
	c.expect(wire.THello)
	c.auth("")
	c.expect(wire.TAuth)
	c.state()
	w := wire.NewWriter()
	w.Flush(wire.Flush{N: 1, Flush: 1<<63 - 1})
	c.raw(w.Bytes())
	n.WaitLog("BADFRAME")
	saw(t, "versions", n)
}

func TestDrill_CopiedStateDir(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	one, two := t.TempDir(), t.TempDir()
	a.Args, b.Args = append(a.Args, "--state-dir", one), append(b.Args, "--state-dir", two)
	rig.StartAll(a)
	if err := exec.Command("cp", filepath.Join(one, "node-id"), two).Run(); err != nil {
		t.Fatal(err)
	}
	rig.StartAll(b)
	rig.WaitLinked(a, b)
	saw(t, "copied state", a, a, b)
	saw(t, "copied state", b, a, b)
}

func TestDrill_StateDirOfTwo(t *testing.T) {
	t.Parallel()
	dir, network := t.TempDir(), rig.NewNet(t)
	a := rig.NewNode(t, "a", network+".1", "", "--state-dir", dir)
	rig.StartAll(a)
	second := rig.NewNode(t, "second", network+".2", "", "--state-dir", dir)
	second.Start()
	second.Wait()
	saw(t, "shared state", second)
	if err := os.Mkdir(filepath.Join(dir, "clock.new"), 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	saw(t, "state disk", a)
}

func TestDrill_TwoSigtermsAtOnce(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	b.Signal(syscall.SIGSTOP)
	a.Load([]string{"k"}, value100)
	a.Signal(syscall.SIGTERM)
	a.Signal(syscall.SIGINT)
	a.WaitLog("signals within a second count as one")
	b.Signal(syscall.SIGCONT)
	a.Wait()
	saw(t, "two sigterms", a)
}

// movedClock is a program whose clock the returned file moves, by the milliseconds in it.
func movedClock(t *testing.T) (program, offset string) {
	t.Helper()
	dir := t.TempDir()
	program, offset = filepath.Join(dir, "twincached"), filepath.Join(dir, "offset")
	args := []string{"build", "-tags", "faults", "-o", program} // as internal/torture does, or it is all compiled once more
	if testkit.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "twincached")...).CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return program, offset
}

func TestDrill_ClocksAreWrong(t *testing.T) {
	t.Parallel()
	program, offset := movedClock(t)
	move := func(d time.Duration) {
		if err := os.WriteFile(offset, fmt.Append(nil, d.Milliseconds()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	a, b := rig.NewPair(t)
	a.Program, a.Env = program, []string{"TWINCACHED_CLOCK_OFFSET_FILE=" + offset}
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	move(400 * day)
	saw(t, "clock jumps", a, a, b)
	move(0)
	saw(t, "clock is right", a, a, b)

	a.Kill()
	b.Kill()
	move(10 * 365 * day)
	rig.StartAll(a)
	a.Load([]string{"k"}, value100)
	rig.StartAll(b)
	rig.WaitLinked(a, b)
	saw(t, "clock of the start", b, a, b)
	a.Kill()
	move(0)
	rig.StartAll(a)
	rig.WaitLinked(a, b)
	saw(t, "clock of the start, after", a, a, b)

	c, d := rig.NewPair(t)
	rig.StartAll(d)
	d.Load([]string{"k"}, value100)
	move(10 * 365 * day)
	c.Program, c.Env = a.Program, a.Env
	c.Start()
	saw(t, "clock refused, a", c, c, d)
	saw(t, "clock refused, b", d, c, d)
}
