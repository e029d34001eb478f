// Package torture breaks real things under real load: node processes in network
// namespaces of their own, clients that remember what was acknowledged, faults,
// and after each round a comparison of both nodes in full.
//
//	go test ./internal/torture -run TestTorture -torture.minutes 10 -v -timeout 30m
//
// Without -torture.minutes each kind of fault has one short round. A run prints
// its seed; with the same seed the same faults come in the same order.
package torture

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
)

var (
	minutes = flag.Float64("torture.minutes", 0, "how long; 0: one short round of each fault")
	seed    = flag.Uint64("torture.seed", 0, "seed of the schedule; 0: any")
	only    = flag.String("torture.only", "", "names of faults with commas; empty: all")
	warm    = flag.Bool("torture.warm", false, "nodes keep images all the time, not only in the rounds that need them")
	keep    = flag.String("torture.dir", "", "keep the nodes' logs and the report here; empty: only when a promise was broken")
)

// insideEnv names the working directory for the process that runs inside the
// clients' namespace. Its absence makes the process build the world first.
const insideEnv = "TWINCACHED_TORTURE_INSIDE"

func TestTorture(t *testing.T) {
	if os.Getenv(insideEnv) != "" {
		torture(t)
		return
	}
	if _, err := choose(*only); err != nil {
		t.Fatal(err)
	}
	needNamespaces(t)
	watchTree(t)
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "twincached-torture-"); err != nil {
			t.Fatal(err)
		}
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, dir)
	w := &world{id: fmt.Sprintf("tt%d", os.Getpid())}
	sweep()
	t.Cleanup(w.remove)
	if err := w.make(); err != nil {
		t.Fatal(err)
	}
	if err := runInside(w, dir); err != nil {
		t.Fatalf("%v; the nodes' logs are in %s", err, dir)
	}
	if *keep == "" {
		_ = os.RemoveAll(dir) // nothing in it that is worth keeping
	}
}

// runInside runs this program again in the clients' namespace, and ends it when
// this process is told to end, so that the world can be taken down.
func runInside(w *world, dir string) error {
	args := []string{"netns", "exec", w.ns(hub), os.Args[0], "-test.run", "^TestTorture$", "-test.timeout", "0"}
	for _, name := range []string{"torture.minutes", "torture.seed", "torture.only", "torture.warm", "torture.dir"} {
		args = append(args, "-"+name+"="+flag.Lookup(name).Value.String())
	}
	cmd := exec.Command("ip", args...)
	cmd.Env = append(os.Environ(), insideEnv+"="+dir, "TWINCACHED_TORTURE_WORLD="+w.id)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return errors.New("a promise was broken, or the harness failed: see above")
		}
		return nil
	case s := <-signals:
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends its nodes itself
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		return fmt.Errorf("ended by %v", s)
	}
}

// build makes the program under test, with a wall clock that can be stepped.
func build(t *testing.T, dir string) {
	args := []string{"build", "-tags", "faults", "-o", filepath.Join(dir, "twincached")}
	if testkit.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "twincached")...).CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
}

// needNamespaces skips where the machine does not let us make networks.
func needNamespaces(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "tc"} {
		testkit.NeedTool(t, tool, "it makes networks; it comes with iproute2")
	}
	probe := fmt.Sprintf("tt%dp", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", probe).CombinedOutput(); err != nil {
		testkit.Lacks(t, fmt.Sprintf("no network namespaces here: %v %s", err, strings.TrimSpace(string(out))))
	}
	_ = exec.Command("ip", "netns", "del", probe).Run() // sweep finds it otherwise
}

// watchTree looks at every directory of the project: the go command repeats a
// test whose result it has cached only when something that it looked at changed.
func watchTree(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
