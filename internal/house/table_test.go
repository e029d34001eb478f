// Package house holds the rules of the house that a compiler does not: who may
// import whom, that what is exported is explained, and that documents are right.
// It has tests only.
package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is this module's name in import paths.
const module = "twincached"

// row is what the non-test files of one package may import besides the standard
// library: import paths, of this module and of others.
type row struct {
	imports   []string
	testsOnly bool // it has no other files
}

// rules is what ARCHITECTURE.md says about imports.
type rules struct {
	table  map[string]row      // by directory, "." at the top
	onlyIn map[string][]string // by import path of a module: the packages whose files, tests too, may import it at all
}

var (
	placeRow  = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| ([^|]*) \\|$")
	moduleRow = regexp.MustCompile("(?m)^\\| (\\S+) \\| `([^`]+)` \\| ([^|]+) \\|$")
	onlyFor   = regexp.MustCompile("^only `([^`]+)`")
)

// readRules takes the two tables out of the text of ARCHITECTURE.md.
func readRules(text string) (*rules, error) {
	_, house, _ := strings.Cut(text, "\n## The house\n")
	house, _, _ = strings.Cut(house, "\n## ")
	r := &rules{table: map[string]row{}, onlyIn: map[string][]string{}}
	words := map[string]string{} // what the third column calls it: its import path
	for _, m := range moduleRow.FindAllStringSubmatch(house, -1) {
		words[m[1]] = m[2]
		if only := onlyFor.FindStringSubmatch(m[3]); only != nil {
			r.onlyIn[m[2]] = []string{only[1]}
		}
	}
	places := placeRow.FindAllStringSubmatch(house, -1)
	for _, m := range places {
		if dir := placeOf(m[1]); dir != "." {
			words[path.Base(dir)] = module + "/" + dir
		}
	}
	for _, m := range places {
		dir, entry := placeOf(m[1]), row{}
		if _, twice := r.table[dir]; twice {
			return nil, fmt.Errorf("%s has two rows", m[1])
		}
		switch m[2] {
		case "tests only":
			entry.testsOnly = true
		case "nothing":
		default:
			for word := range strings.SplitSeq(m[2], ", ") {
				p := words[word]
				if p == "" {
					return nil, fmt.Errorf("%s imports %q, which is no place and no module of the tables", m[1], word)
				}
				entry.imports = append(entry.imports, p)
			}
		}
		r.table[dir] = entry
	}
	if len(r.table) < 20 || len(r.onlyIn) == 0 {
		return nil, fmt.Errorf("found %d places and %d modules with one user", len(r.table), len(r.onlyIn))
	}
	return r, nil
}

// placeOf is the directory that a row is about.
func placeOf(place string) string {
	if place == "main.go" {
		return "."
	}
	return strings.TrimSuffix(place, "/")
}

func architecture(t *testing.T) *rules {
	t.Helper()
	r, err := readRules(read(t, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatalf("ARCHITECTURE.md: %v", err)
	}
	return r
}

// What the table allows is there, and is made use of: one that allows more than is
// needed says less than it could.
func TestTable_SaysNoMoreThanIsSo(t *testing.T) {
	r := architecture(t)
	used := map[string][]string{} // by directory: import paths
	for _, s := range sources(t) {
		if !s.test {
			used[s.pkg] = append(used[s.pkg], s.imports()...)
		}
	}
	for dir, entry := range r.table {
		if !exists(dir) {
			t.Errorf("ARCHITECTURE.md: there is no %s", dir)
		}
		if entry.testsOnly && len(used[dir]) > 0 {
			t.Errorf("ARCHITECTURE.md: %s has more than tests", dir)
		}
		for _, p := range entry.imports {
			if !slices.ContainsFunc(used[dir], func(u string) bool { return within(u, p) }) {
				t.Errorf("ARCHITECTURE.md: %s does not import %s", dir, p)
			}
		}
	}
}

func TestTable_NonsenseIsSeen(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	for name, change := range map[string][2]string{
		"a word that is nothing": {"| session, snapshot, steady, store, strictv1, wire |", "| session, steady, store, wiring |"},
		"a place with two rows":  {"| `snapshot/` |", "| `memproto/` |"},
		"no table":               {"\n## The house\n", "\n## A house\n"},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Errorf("%s: the text has no %q", name, change[0])
		}
		if _, err := readRules(changed); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
