package rig

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"twincached/internal/testkit"
)

// binary is the program under test, built once; with the race detector where the
// tests have it.
var binary string

// Tests are the tests of a package that need the program: its TestMain gives them to
// goleak.VerifyTestMain.
type Tests struct {
	M           *testing.M
	StatusPages bool // each node has its status page, at StatusPort
}

// statusPages is that of the package that runs.
var statusPages bool

// Run builds the program, runs the tests and returns their exit status.
func (r Tests) Run() int {
	statusPages = r.StatusPages
	dir, err := os.MkdirTemp("", "twincached-rig-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := manyAtOnce(); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		return 1
	}
	binary = filepath.Join(dir, "twincached")
	args := []string{"build", "-o", binary}
	if testkit.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "twincached")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "rig: building the program: %v\n%s", err, out)
		return 1
	}
	return r.M.Run()
}

// manyAtOnce lets four parallel tests run for each processor, unless -parallel says
// otherwise: most of what they do is waiting, for clocks and for other processes. A
// program with the race detector takes more memory and time, so there it is two.
func manyAtOnce() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	each := 4
	if testkit.Race {
		each = 2
	}
	return flag.Set("test.parallel", strconv.Itoa(each*runtime.GOMAXPROCS(0)))
}

// Binary is where the program under test is, which was built from the whole tree.
func Binary(t testing.TB) string {
	t.Helper()
	testkit.ReadTree(t)
	return binary
}

// network is what this process has of 127.0.0.0/8: the second byte of its addresses,
// and how many third bytes of it are given away. No other process has it while the
// listener stands, on an address that no test gets.
var network struct {
	sync.Mutex
	second, given int
	claims        []net.Listener // the last one is of second
}

// NewNet returns the first three bytes of addresses that nobody else uses, in no
// other test and no other process. They are given back when the process ends.
func NewNet(t testing.TB) string {
	t.Helper()
	network.Lock()
	defer network.Unlock()
	if len(network.claims) == 0 || network.given == 254 {
		if err := claimNetwork(); err != nil {
			t.Fatal(err)
		}
	}
	network.given++
	return fmt.Sprintf("127.%d.%d", network.second, network.given)
}

// claimNetwork takes a second byte from 64 to 191 that is free.
func claimNetwork() error {
	var err error
	for n := range 128 {
		second := 64 + (os.Getpid()+n)%128
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.%d.0.1%s", second, ClientPort)); err == nil {
			network.second, network.given = second, 0
			network.claims = append(network.claims, l)
			return nil
		}
	}
	return fmt.Errorf("rig: no network of 127.0.0.0/8 is free: %w", err)
}
