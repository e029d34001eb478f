package mutants

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// listed is a package as go list shows it.
type listed struct {
	Dir, ImportPath, Export string
	GoFiles                 []string
}

// TestMutants_EachBuilds: a mutant that does not build is noticed by no check. Only the types are
// checked, which takes a fraction of the time of a build.
func TestMutants_EachBuilds(t *testing.T) {
	byDir, exports := listPackages(t)
	fset := token.NewFileSet()
	c := types.Config{
		Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
		Sizes:    types.SizesFor("gc", runtime.GOARCH),
	}
	for _, m := range table() {
		p, ok := byDir[filepath.Dir(m.file)]
		if !ok {
			t.Errorf("%s: go list does not know the package of %s", m.name, m.file)
			continue
		}
		text, err := m.mutated()
		if err == nil {
			err = p.check(&c, fset, filepath.Base(m.file), text)
		}
		if err != nil {
			t.Errorf("%s does not build: %v", m.name, err)
		}
	}
}

// listPackages builds all packages, and returns those of this module by their directory, and where the
// types of all of them are by their path.
func listPackages(t *testing.T) (byDir map[string]*listed, exports map[string]string) {
	list := exec.Command("go", "list", "-export", "-deps", "-json=Dir,ImportPath,Export,GoFiles", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	byDir, exports = map[string]*listed{}, map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := &listed{}
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return byDir, exports
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if dir, err := filepath.Rel(top, p.Dir); err == nil && filepath.IsLocal(dir) {
			byDir[dir] = p
		}
	}
}

// check checks the types of the package, with another text of one of its files.
func (p *listed) check(c *types.Config, fset *token.FileSet, file, text string) error {
	var files []*ast.File
	for _, name := range p.GoFiles {
		var source any
		if name == file {
			source = text
		}
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	_, err := c.Check(p.ImportPath, fset, files, nil)
	return err
}
