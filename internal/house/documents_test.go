package house

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are what people read, from the top of the module. Each may name files, tests,
// flags and commands.
func documents(t *testing.T) (all []string) {
	t.Helper()
	files(t, func(name string) {
		if dir := path.Dir(name); strings.HasSuffix(name, ".md") && (dir == "." || dir == "docs") {
			all = append(all, name)
		}
	})
	if len(all) < 6 {
		t.Fatalf("found %q only", all)
	}
	return all
}

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	makeLine   = regexp.MustCompile("(?m)(?:^|`)make ([a-z]+)((?: [A-Z]+=\\S+?)*)(?:`|$)")
	testLine   = regexp.MustCompile("(?m)(?:^|`)(go test [^`\n]+)(?:`|$)")
	testFlag   = regexp.MustCompile(` -((?:sim|mutants|torture|porcupine)\.[a-z]+|full)\b`)
	flagMade   = regexp.MustCompile(`flag\.[A-Z]\w+\("([a-z.]+)"`)
	target     = regexp.MustCompile(`(?m)^([a-z]+):`)
	variable   = regexp.MustCompile(`(?m)^([A-Z]+) +\?=`)
	namedTest  = regexp.MustCompile("`((?:Test|Fuzz|Example)\\w+)`")
	makesTests = regexp.MustCompile(`(?m)^faults:.*\n.*-run '([^']+)'`)
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anchors is what a link may name of a document behind its #.
func anchors(text string) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		keep := func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
				return r
			}
			return -1
		}
		all = append(all, strings.Map(keep, strings.ToLower(m[1])))
	}
	return all
}

// project is what documents may name.
type project struct {
	makefile string
	there    func(file string) bool   // a file or a directory, from the top of the module
	text     func(file string) string // of a document that is there
	tests    map[string]bool          // tests, fuzz tests and examples
	flags    map[string]bool          // those that tests define
}

// broken is what the document called name, with this text, names and is not there. Links are
// seen from its directory, go test from the top.
func (p *project) broken(name, text string) (found []string) {
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		file, anchor, _ := strings.Cut(m[1], "#")
		target, page := path.Join(path.Dir(name), file), text
		switch {
		case strings.Contains(m[1], "://"):
			continue
		case file != "" && !p.there(target):
			complain("the link %s leads nowhere", m[1])
			continue
		case file != "" && anchor != "":
			page = p.text(target)
		}
		if anchor != "" && !slices.Contains(anchors(page), anchor) {
			complain("the link %s: no heading is #%s", m[1], anchor)
		}
	}
	made := func(re *regexp.Regexp) (all []string) {
		for _, m := range re.FindAllStringSubmatch(p.makefile, -1) {
			all = append(all, m[1])
		}
		return all
	}
	for _, m := range makeLine.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(made(target), m[1]) {
			complain("make %s: there is no such target", m[1])
		}
		for _, word := range strings.Fields(m[2]) {
			if name, _, _ := strings.Cut(word, "="); !slices.Contains(made(variable), name) {
				complain("make %s: the Makefile has no %s", m[1], name)
			}
		}
	}
	for _, m := range testLine.FindAllStringSubmatch(text, -1) {
		for _, f := range testFlag.FindAllStringSubmatch(m[1], -1) {
			if !p.flags[f[1]] {
				complain("%s: no test takes -%s", m[1], f[1])
			}
		}
		for _, word := range strings.Fields(m[1]) {
			if dir, ok := strings.CutPrefix(word, "./"); ok && dir != "..." && !p.there(dir) {
				complain("%s: there is no %s", m[1], dir)
			}
		}
	}
	for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
		if !p.tests[m[1]] {
			complain("there is no %s", m[1])
		}
	}
	return found
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, file))
	return err == nil
}

// testsAndFlags is what the tests of the project are called, and what they take.
func testsAndFlags(t *testing.T) (names, flags map[string]bool) {
	names, flags = map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		text := read(t, s.name)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`).FindAllStringSubmatch(text, -1) {
			names[m[1]] = true
		}
		for _, m := range flagMade.FindAllStringSubmatch(text, -1) {
			flags[m[1]] = true
		}
	}
	return names, flags
}

func TestDocuments_NameWhatIsThere(t *testing.T) {
	p := &project{makefile: read(t, "Makefile"), there: exists, text: func(file string) string { return read(t, file) }}
	p.tests, p.flags = testsAndFlags(t)
	for _, name := range documents(t) {
		for _, b := range p.broken(name, read(t, name)) {
			t.Errorf("%s: %s", name, b)
		}
	}
}

func TestDocuments_WhatIsNotThereIsSeen(t *testing.T) {
	p := &project{
		makefile: "SEEDS ?= 1\n\nsim: ## it\n",
		there:    func(file string) bool { return file == "there" || file == "docs/beside" },
		text:     func(string) string { return "# Another page\n" },
		tests:    map[string]bool{"TestA": true},
		flags:    map[string]bool{"sim.seed": true, "full": true},
	}
	for text, want := range map[string]int{
		"[a](../there)":                         0,
		"[a](there)":                            1,
		"[a](beside)":                           0,
		"[a](beside#another-page)":              0,
		"[a](beside#no-page)":                   1,
		"# No page\n[a](beside#no-page)":        1,
		"[a](https://example.org/x)":            0,
		"# One `Node`, two\n[a](#one-node-two)": 0,
		"# One node\n[a](#one)":                 1,
		"`make sim SEEDS=5`":                    0,
		"make sim":                              0,
		"`make simulation`":                     1,
		"`make sim ROUNDS=5`":                   1,
		"`go test ./there -sim.seed 4 -full`":   0,
		"`go test ./there -sim.sead 4`":         1,
		"go test ./elsewhere -run X":            1,
		"go test ./...":                         0,
		"`TestA`":                               0,
		"`TestB` and `FuzzC`":                   2,
	} {
		if got := p.broken("docs/page.md", text); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}

// What docs/faults.md names, the command it gives runs.
func TestFaults_TheCommandRunsThem(t *testing.T) {
	m := makesTests.FindStringSubmatch(read(t, "Makefile"))
	if m == nil {
		t.Fatal("make faults runs no tests")
	}
	runs := regexp.MustCompile(m[1])
	for _, test := range testName.FindAllStringSubmatch(readFaults(t), -1) {
		if !runs.MatchString(test[1]) {
			t.Errorf("make faults does not run %s", test[1])
		}
	}
}
