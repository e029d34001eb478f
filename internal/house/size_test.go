package house

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// What one can read without scrolling back: a file in one sitting, a function at a glance.
const (
	fileLines     = 400
	functionLines = 70
)

// tooLong are the files and functions of a source with more lines than that.
func tooLong(s *source) (found []string) {
	file := s.fset.File(s.ast.Pos())
	if n := file.LineCount(); n > fileLines {
		found = append(found, fmt.Sprintf("%s has %d lines, %d at most", s.name, n, fileLines))
	}
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || s.test { // a table of cases is no harder to read for being long
			continue
		}
		if n := file.Line(f.End()) - file.Line(f.Pos()) + 1; n > functionLines {
			found = append(found, fmt.Sprintf("%s: %s has %d lines, %d at most", s.name, f.Name, n, functionLines))
		}
	}
	return found
}

func TestSize_FilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		for _, text := range tooLong(s) {
			t.Error(text)
		}
	}
}

func TestSize_LongOnesAreSeen(t *testing.T) {
	for text, want := range map[string]int{
		"func f() {" + strings.Repeat("\n", functionLines-1) + "}": 0,
		"func f() {" + strings.Repeat("\n", functionLines) + "}":   1,
		strings.Repeat("\n", fileLines):                            1,
	} {
		s, err := parse("store/x.go", []byte("package store\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if found := tooLong(s); len(found) != want {
			t.Errorf("%d found, want %d: %q", len(found), want, found)
		}
	}
}
