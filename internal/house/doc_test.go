package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"testing"
)

// undocumented is the exported names of s that no comment explains. A comment
// on a group of constants, variables or types counts for its members, and so
// does one behind a member. Methods of unexported types are left out: they are
// there for an interface that explains them.
func undocumented(s *source) (found []string) {
	complain := func(name *ast.Ident) {
		if name.IsExported() {
			found = append(found, fmt.Sprintf("%v: %s", s.fset.Position(name.Pos()), name.Name))
		}
	}
	for _, d := range s.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && (d.Recv == nil || receiver(d).IsExported()) {
				complain(d.Name)
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT || d.Doc != nil {
				continue
			}
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Doc == nil && spec.Comment == nil {
						complain(spec.Name)
					}
				case *ast.ValueSpec:
					if spec.Doc == nil && spec.Comment == nil {
						for _, name := range spec.Names {
							complain(name)
						}
					}
				}
			}
		}
	}
	return found
}

// receiver is the name of the type that method d belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x
		default:
			return d.Name
		}
	}
}

func TestExported_NamesAreDocumented(t *testing.T) {
	packages := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		packages[s.pkg] = packages[s.pkg] || s.ast.Doc != nil
		if home := path.Base(s.name) == "doc.go"; s.ast.Name.Name != "main" && home != (s.ast.Doc != nil) {
			t.Errorf("%s: a package is described in its doc.go, and nowhere else", s.name)
		}
		for _, name := range undocumented(s) {
			t.Errorf("%s has no doc comment", name)
		}
	}
	for pkg, documented := range packages {
		if !documented {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

func TestExported_MissingCommentIsSeen(t *testing.T) {
	for text, want := range map[string]int{
		"func F() {}":                                        1,
		"// F does.\nfunc F() {}":                            0,
		"func f() {}":                                        0,
		"type T struct{}":                                    1,
		"// T is.\ntype T struct{}":                          0,
		"// t is.\ntype t struct{}\nfunc (t) M()":            0,
		"// T is.\ntype T struct{}\nfunc (*T) M()":           1,
		"// T is.\ntype T[E any] struct{}\nfunc (*T[E]) M()": 1,
		"const A, B = 1, 2":                                  2,
		"const (\nA = 1 // one\nB = 2\nc = 3\n)":             1,
		"// Both are.\nconst (\nA = 1\nB = 2\n)":             0,
		"var V int":                                          1,
		"type (\n// A is.\nA int\nB int\n)":                  1,
		"import \"fmt\"":                                     0,
	} {
		s, err := parse("x.go", []byte("package x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := undocumented(s); len(got) != want {
			t.Errorf("%q: %d names, want %d: %v", text, len(got), want, got)
		}
	}
}
