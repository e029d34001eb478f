package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the module, seen from here.
const root = "../.."

// source is one Go file.
type source struct {
	name string // slash-separated, from the top of the module
	pkg  string // its directory, "." at the top
	test bool
	fset *token.FileSet
	ast  *ast.File
}

func parse(name string, text []byte) (*source, error) {
	s := &source{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: token.NewFileSet()}
	file, err := parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	s.ast = file
	return s, err
}

// files calls f for each file of the project, with its slash-separated name.
func files(t *testing.T, f func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // another test's temporary file
			}
			return err
		}
		if e.IsDir() && e.Name() == ".git" {
			return filepath.SkipDir
		}
		if e.Type().IsRegular() {
			name, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			f(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sources is every Go file that the go command would look at.
func sources(t *testing.T) (all []*source) {
	t.Helper()
	files(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || ignored(name) {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	})
	if len(all) < 10 {
		t.Fatalf("only %d Go files found under %s", len(all), root)
	}
	return all
}

// ignored says whether the go command passes over a file because of its name.
func ignored(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "testdata" || part == "vendor" || strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") {
			return true
		}
	}
	return false
}

// within says whether import path p is module m or a package of it.
func within(p, m string) bool { return p == m || strings.HasPrefix(p, m+"/") }

// imports is the import paths of s.
func (s *source) imports() (all []string) {
	for _, spec := range s.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// breaches is what s imports against the table.
func (r *rules) breaches(s *source) (found []string) {
	complain := func(format string, args ...any) {
		found = append(found, s.name+": "+fmt.Sprintf(format, args...))
	}
	allowed, known := r.table[s.pkg]
	if (!known || allowed.testsOnly) && !s.test {
		complain("package %s has no row in the table", s.pkg)
	}
	for _, p := range s.imports() {
		for m, users := range r.onlyIn {
			if within(p, m) && !slices.Contains(users, s.pkg) {
				complain("imports %s, which is for %s only", p, strings.Join(users, ", "))
			}
		}
		if s.test || !known {
			continue // tests may look at more: what a cycle would be, the compiler refuses
		}
		first, _, _ := strings.Cut(p, "/")
		switch {
		case within(p, module):
			if !slices.Contains(allowed.imports, p) {
				complain("imports %s against the table", p)
			}
		case strings.Contains(first, "."):
			if !slices.ContainsFunc(allowed.imports, func(m string) bool { return within(p, m) }) {
				complain("imports %s against the table", p)
			}
		}
	}
	return found
}

func TestImports_FollowTheTable(t *testing.T) {
	r := architecture(t)
	for _, s := range sources(t) {
		for _, b := range r.breaches(s) {
			t.Error(b)
		}
	}
}

func TestImports_BreachIsSeen(t *testing.T) {
	r := architecture(t)
	for name, text := range map[string]string{
		"store/x.go":           `import "twincached/internal/wire"`,
		"memproto/x.go":        `import "twincached/replicator"`,
		"memproto/y.go":        `import "github.com/bradfitz/gomemcache/memcache"`,
		"replicator/x.go":      `import "github.com/vmihailenco/msgpack/v5"`,
		"replicator/x_test.go": `import "github.com/vmihailenco/msgpack/v5/msgpcode"`,
		"main.go":              `import "twincached/internal/node"`,
		"internal/cli/x.go":    `import "twincached/store"`,
		"somewhere/x.go":       `import "fmt"`,
		"internal/node/x.go":   `import "github.com/urfave/cli/v2"`,
	} {
		s, err := parse(name, []byte("package x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.breaches(s)) == 0 {
			t.Errorf("%s with %s passes", name, text)
		}
	}
	for name, text := range map[string]string{
		"store/x.go":           `import "golang.org/x/sys/unix"`,
		"internal/wire/x.go":   `import "github.com/vmihailenco/msgpack/v5/msgpcode"`,
		"memproto/x_test.go":   `import "github.com/bradfitz/gomemcache/memcache"`,
		"internal/pair/x.go":   `import "github.com/bradfitz/gomemcache/memcache"`,
		"replicator/x.go":      `import "twincached/internal/wire"`,
		"internal/x/x_test.go": `import "twincached/internal/node"`,
	} {
		s, err := parse(name, []byte("package x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if b := r.breaches(s); len(b) > 0 {
			t.Error(b)
		}
	}
}

// outsider matches names of places that are outside the project.
var outsider = regexp.MustCompile(`(\.\./|work/)` + `shared|shared/(design|style|model|hooks|bench)\b|(^|[^\w.])\.` + `library\b`)

func TestFiles_NameNothingOutsideTheProject(t *testing.T) {
	const largest = 4 << 20 // larger ones are built, not written
	files(t, func(name string) {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() > largest {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || bytes.IndexByte(text, 0) >= 0 || name == "internal/house/house_test.go" {
			return
		}
		if at := outsider.FindIndex(text); at != nil {
			t.Errorf("%s:%d: names %q", name, 1+bytes.Count(text[:at[0]], []byte("\n")), text[at[0]:at[1]])
		}
	})
}

func TestOutsider_IsSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"see ../" + "shared/design.md": true, "/work/" + "shared": true, "in ." + "library/": true, "`shared/" + "style.md`": true,
		"shared memory": false, "a.library of": false, "the two share": false,
	} {
		if outsider.MatchString(text) != want {
			t.Errorf("%q: match is %v", text, !want)
		}
	}
}
