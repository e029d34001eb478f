package house

import (
	"go/ast"
	"testing"
)

// starts tells whether a file starts goroutines: by a go statement, or by the Go of
// a wait group.
func starts(s *source) (found bool) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			found = found || called(n) == "Go" && len(n.Args) == 1
		}
		return !found
	})
	return found
}

// called is the name behind the dot of what is called, or none.
func called(call *ast.CallExpr) string {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		return sel.Sel.Name
	}
	return ""
}

// looksForLeaks tells whether a file has a TestMain that goleak ends.
func looksForLeaks(s *source) (found bool) {
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !s.test || f.Recv != nil || f.Name.Name != "TestMain" || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			found = found || ok && called(call) == "VerifyTestMain"
			return !found
		})
	}
	return found
}

func TestPackages_ThatStartGoroutinesLookForLeaks(t *testing.T) {
	starter, looked := map[string]string{}, map[string]bool{}
	for _, s := range sources(t) {
		if starts(s) {
			starter[s.pkg] = s.name
		}
		looked[s.pkg] = looked[s.pkg] || looksForLeaks(s)
	}
	if len(starter) < 5 {
		t.Errorf("only %d packages are found to start goroutines", len(starter))
	}
	for pkg, name := range starter {
		if !looked[pkg] {
			t.Errorf("%s starts goroutines, and package %s has no TestMain with goleak.VerifyTestMain", name, pkg)
		}
	}
}

func TestLeaks_AreLookedForWhereTheyCanBe(t *testing.T) {
	for text, want := range map[string][2]bool{ // starts, looks
		"func f() { go f() }":                                            {true, false},
		"func f() { g(func() { go f() }) }":                              {true, false},
		"func f() { w.Go(f) }":                                           {true, false},
		"func f() { g.Run(f) }":                                          {false, false},
		"func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }":       {false, true},
		"func TestMain(m *testing.M) { os.Exit(m.Run()) }":               {false, false},
		"func TestOther(t *testing.T) { goleak.VerifyTestMain(m) }":      {false, false},
		"func (x T) TestMain(m *testing.M) { goleak.VerifyTestMain(m) }": {false, false},
	} {
		s, err := parse("x/x_test.go", []byte("package x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{starts(s), looksForLeaks(s)}; got != want {
			t.Errorf("%s: starts, looks: %v", text, got)
		}
	}
}
