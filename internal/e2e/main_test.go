// Package e2e runs the real program: processes, sockets, signals and faults, on
// addresses of 127.0.0.0/8 that each test has to itself.
package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"twincached/internal/testkit"
)

// binary is the program under test, built once; with the race detector where the
// tests have it.
var binary string

func TestMain(m *testing.M) { goleak.VerifyTestMain(built{m}) }

// built is the tests of a package that need the program.
type built struct{ m *testing.M }

// Run builds the program, runs the tests and returns their exit status.
func (b built) Run() int {
	dir, err := os.MkdirTemp("", "twincached-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "twincached")
	args := []string{"build", "-o", binary}
	if testkit.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "twincached")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: building the program: %v\n%s", err, out)
		return 1
	}
	return b.m.Run()
}

// Binary is where the program under test is. It also looks at every directory of the
// project, from within a test: the go command repeats a test whose result it has
// cached only if something that a test itself looked at has changed, and it does not
// see what the build of the program reads.
func Binary(t testing.TB) string {
	t.Helper()
	if err := readTree(); err != nil {
		t.Fatal(err)
	}
	return binary
}

var readTree = sync.OnceValue(func() error {
	return filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
})

// netCount numbers the small networks that tests take their addresses from.
var netCount atomic.Uint32

// newNet returns the first three bytes of addresses that nobody else uses:
// by process and by test.
func newNet() string {
	n := int(netCount.Add(1))
	return fmt.Sprintf("127.%d.%d", 64+(os.Getpid()+n/250)%128, 1+n%250)
}
