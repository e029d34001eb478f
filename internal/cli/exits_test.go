package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestHelp_ShowsEachExitStatusAndSoDoOperations(t *testing.T) {
	page := projectFile(t, "docs/operations.md")
	_, _, help, _ := parse("-h")
	for _, s := range exitStatuses {
		if row := fmt.Sprintf("  %-3d %s\n", s.code, s.when); !strings.Contains(help, row) {
			t.Errorf("the help lacks %q", row)
		}
		if row := fmt.Sprintf("\n| %d | %s |\n", s.code, s.when); !strings.Contains(page, row) {
			t.Errorf("docs/operations.md lacks %q", row)
		}
	}
}

// A constant without a row would be a status that nobody can look up.
func TestExitStatuses_EachHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "exits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "exit") {
			return true
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok {
			named++
			code, _ := strconv.Atoi(lit.Value)
			if !slices.ContainsFunc(exitStatuses, func(s exitStatus) bool { return s.code == code }) {
				t.Errorf("%s, %d, has no row", v.Names[0].Name, code)
			}
		}
		return true
	})
	if named < 7 {
		t.Errorf("%d constants found", named)
	}
}
