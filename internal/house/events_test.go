package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"twincached/internal/nodelog"
)

// eventFile is where the event words of the log stand.
const eventFile = "internal/nodelog/events.go"

// eventNames is what the code calls each event word.
func eventNames(s *source) map[string]string {
	words := map[string]string{}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if call, ok := v.Values[0].(*ast.CallExpr); ok && fmt.Sprint(call.Fun) == "word" {
			word, _ := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
			words[v.Names[0].Name] = word
		}
		return true
	})
	return words
}

// eventUse is a use of an event word by a call, or by something else.
type eventUse struct {
	name  string // as the code calls it
	level string // INFO, WARN, ERROR; "" = the text does not say
}

// loggers are the methods that log, and which of their values is the event word.
var loggers = map[string]int{"Info": 1, "Warn": 1, "Error": 1, "logSeldom": 1, "Say": 3, "note": 3}

// eventsIn is the uses of event words in s, and the calls that log without one. names is
// what they are called.
func eventsIn(s *source, names map[string]string) (uses []eventUse, without []token.Pos) {
	nameOf := func(n ast.Node) (found string) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if fmt.Sprint(n.X) == "nodelog" && names[n.Sel.Name] != "" {
					found = n.Sel.Name
				}
			case *ast.Ident:
				if s.pkg == "internal/nodelog" && names[n.Name] != "" {
					found = n.Name
				}
			}
			return found == ""
		})
		return found
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if name := nameOf(e); name != "" {
				uses = append(uses, eventUse{name: name})
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		method, level := "", ""
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			method = f.Sel.Name
		}
		for _, a := range call.Args {
			if l, ok := a.(*ast.SelectorExpr); ok && fmt.Sprint(l.X) == "slog" && strings.HasPrefix(l.Sel.Name, "Level") {
				level = strings.ToUpper(strings.TrimPrefix(l.Sel.Name, "Level"))
			}
		}
		at, logs := loggers[method]
		switch {
		case method == "LogAttrs", strings.HasSuffix(method, "Context") && loggers[strings.TrimSuffix(method, "Context")] > 0:
			without = append(without, call.Pos())
			return true
		case !logs || method == "note" && s.pkg != "replicator":
			return true
		case at == 1 && method != "logSeldom":
			level = strings.ToUpper(method)
		}
		if at >= len(call.Args) {
			without = append(without, call.Pos())
			return true
		}
		name := nameOf(call.Args[at])
		if variable, ok := call.Args[at].(*ast.Ident); name == "" && (!ok || at == 1 || variable.Name != "event") {
			without = append(without, call.Pos())
		}
		uses = append(uses, eventUse{name, level})
		return true
	})
	return uses, without
}

// Each line of the log from INFO on has an event word, at a level that the table says; and
// each word of the table is used.
func TestEvents_EachLineHasAWord(t *testing.T) {
	var table *source
	all := sources(t)
	for _, s := range all {
		if s.name == eventFile {
			table = s
		}
	}
	names := eventNames(table)
	if len(names) != len(nodelog.Words()) {
		t.Fatalf("%d words in %s, %d in the table", len(names), eventFile, len(nodelog.Words()))
	}
	levels, used := map[string]string{}, map[string]bool{}
	for _, w := range nodelog.Words() {
		levels[w.Word] = w.Levels
	}
	for _, s := range all {
		if s.test || s == table || within(module+"/"+s.pkg, module+"/internal/testkit") {
			continue
		}
		uses, without := eventsIn(s, names)
		for _, pos := range without {
			t.Errorf("%v: a line of the log without an event word: take one of %s, or add it there", s.fset.Position(pos), eventFile)
		}
		for _, u := range uses {
			used[u.name] = true
			if word := names[u.name]; u.name != "" && !slices.Contains(strings.Split(levels[word], ", "), u.level) && u.level != "" {
				t.Errorf("%s: %s is logged as %s, the table says %s", s.name, word, u.level, levels[word])
			}
		}
	}
	for name := range names {
		if !used[name] {
			t.Errorf("%s: nobody uses %s", eventFile, name)
		}
	}
}

func TestEvents_MissingWordsAreSeen(t *testing.T) {
	names := map[string]string{"Ready": "ready"}
	for code, want := range map[string]int{
		`log.Info("x", nodelog.Ready, "a", 1)`:                    0,
		`log.Info("x", append([]any{nodelog.Ready}, args...)...)`: 0,
		`log.Info("x")`:                                                   1,
		`log.Warn("x", "a", 1)`:                                           1,
		`log.Error("x", nodelog.Writer)`:                                  1,
		`log.Debug("x")`:                                                  0,
		`_ = err.Error()`:                                                 0,
		`log.WarnContext(ctx, "x", nodelog.Ready)`:                        1,
		`log.LogAttrs(ctx, level, "x")`:                                   1,
		`s.Say(log, slog.LevelInfo, now, nodelog.Ready, "", "x")`:         0,
		`s.Say(log, slog.LevelInfo, now, "key", "", "x")`:                 1,
		`l.refusals.note(log, level, now, event, "", "", "x")`:            0,
		`l.refusals.note(log, level, now, slog.String("event", "x"), "")`: 1,
	} {
		s, err := parse("replicator/x.go", []byte("package p\nfunc f() {\n"+code+"\n}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, without := eventsIn(s, names); len(without) != want {
			t.Errorf("%s: %d, want %d", code, len(without), want)
		}
	}
	s, _ := parse("replicator/x.go", []byte("package p\nfunc f() { log.Warn(\"x\", nodelog.Ready) }\n"))
	if uses, _ := eventsIn(s, names); !slices.Contains(uses, eventUse{"Ready", "WARN"}) {
		t.Errorf("%v", uses)
	}
}

// eventTable is the table of docs/operations.md.
func eventTable() string {
	var b strings.Builder
	b.WriteString("| event | level | says | what to do |\n|---|---|---|---|\n")
	for _, w := range nodelog.Words() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", w.Word, w.Levels, w.Meaning, w.Do)
	}
	return b.String()
}

func TestEvents_TheDocumentHasEach(t *testing.T) {
	const page = "docs/operations.md"
	_, section, _ := strings.Cut(read(t, page), "\n### Events\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, got, found := strings.Cut(section, "\n| event |")
	if got = "| event |" + got; !found || strings.TrimSpace(got) != strings.TrimSpace(eventTable()) {
		t.Errorf("%s, Events: the table is not that of %s, which is\n%s", page, eventFile, eventTable())
	}
}
