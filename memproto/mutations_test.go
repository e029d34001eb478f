package memproto

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are the files of the package without its tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files, set := map[string]*ast.File{}, token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = parser.ParseFile(set, name, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestLines_EachWordThatDispatchKnowsIsAccountedFor: a word of the classic protocol
// either has a row in lineMutations or changes no item.
func TestLines_EachWordThatDispatchKnowsIsAccountedFor(t *testing.T) {
	harmless := []string{
		"get", "gets", "stats", "version", "verbosity", "lru_crawler", "lru", "slabs", "cache_memlimit", "quit", "watch",
		"shutdown", "refresh_certs",
	}
	words := 0
	ast.Inspect(sources(t)["command.go"], func(n ast.Node) bool {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range c.List {
			l, ok := e.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				continue
			}
			word, err := strconv.Unquote(l.Value)
			if err != nil {
				t.Fatal(err)
			}
			words++
			if !isCommand([]byte(word)) {
				t.Errorf("-vv does not know %q", word)
			}
			row := slices.ContainsFunc(lineMutations, func(line string) bool { return line == word || strings.HasPrefix(line, word+" ") })
			if row == slices.Contains(harmless, word) {
				t.Errorf("%q has a row in lineMutations: %v; is known to change nothing: %v", word, row, !row)
			}
		}
		return true
	})
	if words < 25 {
		t.Errorf("only %d words were found", words)
	}
}

// TestStore_IsChangedByOnePath: of the store's methods that change items the package
// calls these and no others.
func TestStore_IsChangedByOnePath(t *testing.T) {
	calls := map[string]bool{}
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch x := method.X.(type) {
			case *ast.SelectorExpr:
				if x.Sel.Name == "Store" {
					calls[method.Sel.Name] = true
				}
			case *ast.Ident:
				if x.Name == "st" {
					calls[method.Sel.Name] = true
				}
			}
			return true
		})
	}
	changing := []string{"Do", "Fetch", "Flush", "FlushAt"}
	reading := []string{
		"CountFlush", "CountTooLarge", "Get", "GetPinned", "MaxItemBytes", "NewDraft", "Dump", "Stats", "ResetStats", "Sizes", "Crawl", "Crawling", "SetMemoryLimit", "SetEvicted", "Ages",
	}
	for name := range calls {
		if !slices.Contains(changing, name) && !slices.Contains(reading, name) {
			t.Errorf("memproto calls Store.%s: does it change items? Then it needs rows in the tests of mutations", name)
		}
	}
	for _, name := range changing {
		if !calls[name] {
			t.Errorf("no call of Store.%s was found", name)
		}
	}
}
