package house

import (
	"fmt"
	"go/ast"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// walks are the sections of ARCHITECTURE.md that lead through the code, and the fewest
// steps that each may have.
var walks = map[string]int{"A client's key to the peer's store": 20, "An item of a copy": 12}

// step is one row of a walk: its number, on which node (or nothing), a file, functions.
var step = regexp.MustCompile("(?m)^\\| (\\d+) \\| (?:[^`|]+ \\| )?`([^`]+)` \\| (`[^|]+`) \\| ")

// lostSteps is what a walk in text says of the code, and is not so. declares tells
// whether a file is there and has a function, or a method, of that name.
func lostSteps(text, walk string, least int, declares func(file, function string) bool) (found []string) {
	_, section, _ := strings.Cut(text, "\n## "+walk+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := step.FindAllStringSubmatch(section, -1)
	if len(rows) < least {
		found = append(found, fmt.Sprintf("%d steps, want %d or more", len(rows), least))
	}
	for i, m := range rows {
		if m[1] != strconv.Itoa(i+1) {
			found = append(found, fmt.Sprintf("step %s stands at place %d", m[1], i+1))
		}
		for function := range strings.SplitSeq(m[3], ", ") {
			if function = strings.Trim(function, "`"); !declares(m[2], function) {
				found = append(found, fmt.Sprintf("step %s: %s has no function %s", m[1], m[2], function))
			}
		}
	}
	return found
}

func TestWalks_LeadThroughTheCode(t *testing.T) {
	declared := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !s.test {
				declared[s.name+" "+f.Name.Name] = true
			}
		}
	}
	text := read(t, "ARCHITECTURE.md")
	for walk, least := range walks {
		for _, l := range lostSteps(text, walk, least, func(file, function string) bool { return declared[file+" "+function] }) {
			t.Errorf("ARCHITECTURE.md, %s: %s", walk, l)
		}
	}
}

func TestWalks_LossIsSeen(t *testing.T) {
	there := func(file, function string) bool { return file == "a.go" && (function == "F" || function == "g") }
	for text, want := range map[string]int{
		"| 1 | `a.go` | `F` | x |\n| 2 | *b* | `a.go` | `g`, `F` | y |\n": 0,
		"| 1 | `a.go` | `F` | x |\n":                                      1, // too few
		"| 1 | `a.go` | `F` | x |\n| 3 | `a.go` | `g` | y |\n":            1,
		"| 1 | `b.go` | `F` | x |\n| 2 | `a.go` | `g`, `h` | y |\n":       2,
	} {
		if got := lostSteps("# T\n\n## A walk\n"+text+"\n## Next\n| 3 | `b.go` | `F` | x |\n", "A walk", 2, there); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}
