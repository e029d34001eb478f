package testkit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const asked = "TWINCACHED_TESTKIT_SKIPS" // set for the run within the run

// TestLacks_IsSaidWithoutV: somebody who runs "go test ./..." learns which tests did
// not run, and why; each reason once.
func TestLacks_IsSaidWithoutV(t *testing.T) {
	cmd := exec.Command("go", "test", "-count=1", "-run", "^TestSkipping", ".")
	cmd.Env = append(os.Environ(), asked+"=1", RequireTools+"=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const want = "SKIPPED: TestSkipping1, and maybe others: no-such-tool is not installed: it is made up\n"
	if strings.Count(string(out), want) != 1 || strings.Count(string(out), "SKIPPED") != 1 || !strings.Contains(string(out), "\nok ") {
		t.Errorf("go test without -v says\n%s\nwant once\n%s", out, want)
	}
}

// TestLacks_FailsWhereToolsAreRequired: CI cannot lose a tool without noticing.
func TestLacks_FailsWhereToolsAreRequired(t *testing.T) {
	cmd := exec.Command("go", "test", "-count=1", "-run", "^TestSkipping1$", ".")
	cmd.Env = append(os.Environ(), asked+"=1", RequireTools+"=1")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no-such-tool is not installed: it is made up: needed here") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSkipping1(t *testing.T) { skipping(t) }
func TestSkipping2(t *testing.T) { skipping(t) }

// skipping is the test of a missing tool, in the run within the run only.
func skipping(t *testing.T) {
	if os.Getenv(asked) != "" {
		NeedTool(t, "no-such-tool", "it is made up")
		t.Error("a tool that does not exist was found")
	}
}
