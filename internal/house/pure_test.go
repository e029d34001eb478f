package house

import (
	"fmt"
	"go/ast"
	"strconv"
	"testing"
)

// pure is what the files of internal/session may import of the standard library. There
// is no socket among it, no context, log, file or clock: the simulation runs what a
// node runs, on one thread, from one seed.
var pure = map[string]bool{
	"bytes": true, "cmp": true, "crypto/hmac": true, "errors": true, "fmt": true, "math/bits": true, "sync/atomic": true, "time": true,
}

// spans is what they may use of package time: how long something takes, never when it is.
var spans = map[string]bool{"Duration": true, "Nanosecond": true, "Millisecond": true, "Second": true, "Minute": true}

// impure is what s has that a pure state machine has not.
func impure(s *source) (found []string) {
	complain := func(n ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%v: %s", s.fset.Position(n.Pos()), fmt.Sprintf(format, args...)))
	}
	for _, spec := range s.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || spec.Name != nil || !within(p, module) && !pure[p] {
			complain(spec, "imports %s", spec.Path.Value)
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n, "starts a goroutine")
		case *ast.ChanType:
			complain(n, "has a channel")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && !spans[n.Sel.Name] {
				complain(n, "uses time.%s", n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestSession_IsPure(t *testing.T) {
	files := 0
	for _, s := range sources(t) {
		if s.pkg != "internal/session" || s.test {
			continue
		}
		files++
		for _, i := range impure(s) {
			t.Error(i)
		}
	}
	if files < 10 {
		t.Errorf("only %d files", files)
	}
}

func TestSession_ImpurityIsSeen(t *testing.T) {
	for text, want := range map[string]int{
		`import "net"`:                        1,
		`import "context"`:                    1,
		`import "log"`:                        1,
		`import "log/slog"`:                   1,
		`import "os"`:                         1,
		`import "sync"`:                       1,
		`import bytes "os"`:                   1,
		`import "twincached/store"`:           0,
		`import "bytes"`:                      0,
		"import \"time\"\nvar x = time.Now()": 1,
		"import \"time\"\nvar f = time.Now":   1,
		"import \"time\"\nconst d time.Duration = 3*time.Second": 0,
		"func f() { go f() }": 1,
		"var c chan int":      1,
	} {
		s, err := parse("internal/session/x.go", []byte("package session\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := impure(s); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}
