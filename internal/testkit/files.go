package testkit

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// ReadFile returns what is in a file; a test that cannot read it ends.
func ReadFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Output is the directory for what tests show people, as screenshots: TESTS_OUTPUT, which is
// made where it is missing. "": nobody wants to see anything.
func Output(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TESTS_OUTPUT")
	if dir == "" {
		return ""
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ReadTree looks at every directory of the project, from within a test that runs what is
// built from them: the go command repeats a test whose result it has cached only if
// something that a test itself looked at has changed, and it does not see what a build,
// or another program, reads.
func ReadTree(t testing.TB) {
	t.Helper()
	if err := readTree(); err != nil {
		t.Fatal(err)
	}
}

var readTree = sync.OnceValue(func() error {
	root := "."
	for _, err := os.Stat("go.mod"); err != nil; _, err = os.Stat(filepath.Join(root, "go.mod")) {
		if root = filepath.Join("..", root); len(root) > 100 {
			return err
		}
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
})
