package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// RequireTools is the environment variable that turns every test that would skip
// for want of a tool into one that fails. CI sets it.
const RequireTools = "TESTS_REQUIRE_TOOLS"

// Lacks ends a test that cannot run on this machine; what says which tool is missing,
// and why it is needed. It is said once for each reason in a package, where whoever
// runs the tests sees it, also without -v.
func Lacks(t testing.TB, what string) {
	t.Helper()
	what = strings.Join(strings.Fields(what), " ") // a tool's own complaint may have lines
	if os.Getenv(RequireTools) != "" {
		t.Fatalf("%s: needed here, %s is set", what, RequireTools)
	}
	if _, again := said.LoadOrStore(what, true); !again {
		tell(fmt.Sprintf("SKIPPED: %s, and maybe others: %s\n", t.Name(), what))
	}
	t.Skipf("SKIPPED: %s", what)
}

// NeedTool returns where a program is, or ends the test with Lacks; why says what
// it is for.
func NeedTool(t testing.TB, name, why string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacks(t, fmt.Sprintf("%s is not installed: %s", name, why))
	}
	return path
}

var said sync.Map // reasons, in this process

// tell prints a line on the standard error of the go command, whose child a test is:
// what a package itself prints, the go command throws away when its tests pass. Without
// such a parent it is the test's own. It never waits for a reader.
func tell(line string) {
	parent := fmt.Sprintf("/proc/%d/", os.Getppid())
	if name, err := os.ReadFile(parent + "comm"); err == nil && strings.TrimSpace(string(name)) == "go" {
		if f, err := os.OpenFile(parent+"fd/2", os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0); err == nil {
			defer f.Close()
			_, _ = f.WriteString(line)
			return
		}
	}
	_, _ = os.Stderr.WriteString(line)
}
