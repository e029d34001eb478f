package house

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What somebody sees who opens the project: one page of names, and a program of one
// page.
const (
	rootEntries = 21
	mainLines   = 40
)

func TestRoot_IsOnePage(t *testing.T) {
	built := strings.Fields(read(t, ".gitignore"))
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || ignoredBy(built, name) {
			continue
		}
		seen = append(seen, name)
		if strings.HasSuffix(name, ".go") && name != "main.go" {
			t.Errorf("%s stands at the top: the command line is in internal/cli", name)
		}
	}
	if len(seen) > rootEntries {
		t.Errorf("%d entries at the top, %d at most: %q", len(seen), rootEntries, seen)
	}
	if n := strings.Count(read(t, "main.go"), "\n"); n > mainLines {
		t.Errorf("main.go has %d lines, %d at most", n, mainLines)
	}
}

// ignoredBy tells whether .gitignore has the name: such a file was built.
func ignoredBy(patterns []string, name string) bool {
	for _, p := range patterns {
		if is, err := filepath.Match(strings.TrimPrefix(p, "/"), name); err == nil && is {
			return true
		}
	}
	return false
}
