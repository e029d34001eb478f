package rule

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRules_LeaveNothingInTheProgram builds it and looks for this package. With the
// tag it is there: so the search finds what it looks for.
func TestRules_LeaveNothingInTheProgram(t *testing.T) {
	for _, build := range []struct {
		tags string
		want bool
	}{{"", false}, {"mutants", true}} {
		out := filepath.Join(t.TempDir(), "twincached")
		cmd := exec.Command("go", "build", "-trimpath", "-tags", build.tags, "-o", out, "../..")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, text)
		}
		program, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(program, []byte("twincached/internal/rule.")); got != build.want {
			t.Errorf("built with tags %q: internal/rule in the program is %v, want %v", build.tags, got, build.want)
		}
	}
}

func TestRules_EachHasItsText(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range All {
		if r.Name == "" || r.Says == "" || r.Mutant == "" || seen[r.Name] {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
}
