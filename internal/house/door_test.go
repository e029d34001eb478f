package house

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The version of Go stands in go.mod, in the Dockerfile, in CI and in what people read.
func TestDoor_OneVersionOfGo(t *testing.T) {
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if m == nil {
		t.Fatal("go.mod names no version of Go")
	}
	for name, want := range map[string]string{
		"Dockerfile":               "FROM golang:" + m[1] + " AS build",
		".github/workflows/ci.yml": "golang:" + m[1] + "-bookworm .ci/run\n",
		".ci/tools.mod":            "\ngo " + m[1],
		"README.md":                "Go " + m[1],
		"CONTRIBUTING.md":          "Go " + m[1],
	} {
		if !strings.Contains(read(t, name), want) {
			t.Errorf("%s has no %q", name, want)
		}
	}
}

// A release is built as the image is, so that both are the same program.
func TestDoor_ReleasesAreBuiltAsTheImageIs(t *testing.T) {
	m := regexp.MustCompile(`go (build .*) -o /twincached \.`).FindStringSubmatch(read(t, "Dockerfile"))
	if m == nil {
		t.Fatal("the Dockerfile's build line has another form")
	}
	if n := strings.Count(read(t, "docs/releasing.md"), m[1]+" -o twincached-linux-"); n < 2 {
		t.Errorf("docs/releasing.md has %q for %d systems", m[1], n)
	}
}

// The linters have a version in one file, and who imports the module does not get them.
func TestDoor_LintersArePinnedOnce(t *testing.T) {
	pin := regexp.MustCompile(`honnef\.co/go/tools(/\S+)?[@ ]v\d\S*`)
	for _, name := range []string{"Makefile", ".ci/run", ".github/workflows/ci.yml", "go.mod", "CONTRIBUTING.md"} {
		if at := pin.FindString(read(t, name)); at != "" {
			t.Errorf("%s names %s, and so does .ci/tools.mod", name, at)
		}
	}
	if !pin.MatchString(read(t, ".ci/tools.mod")) {
		t.Error(".ci/tools.mod names no version of staticcheck")
	}
	if info, err := os.Stat(filepath.Join(root, ".ci/run")); err != nil || info.Mode()&fs.FileMode(0o111) == 0 {
		t.Errorf(".ci/run cannot be run: %v", err)
	}
}

// runsByName finds a package and the tests of it that are run by name.
var runsByName = regexp.MustCompile(`(?m) test (\./\S+) .*?-run '([^']+)'`)

// notRun is each name that text runs and that matches no test there.
func notRun(text string, all []*source) (found []string) {
	for _, m := range runsByName.FindAllStringSubmatch(text, -1) {
		pkg := strings.TrimSuffix(strings.TrimPrefix(m[1], "./"), "/")
		for name := range strings.SplitSeq(strings.ReplaceAll(m[2], "$$", "$"), "|") {
			re, there := regexp.MustCompile(name), false
			for test := range testNames(slices.DeleteFunc(slices.Clone(all), func(s *source) bool { return pkg != "..." && s.pkg != pkg })) {
				there = there || re.MatchString(test)
			}
			if !there {
				found = append(found, m[1]+" "+name)
			}
		}
	}
	return found
}

// What CI and make run by name is there: go test says nothing of a name without a test.
func TestDoor_WhatIsRunByNameIsThere(t *testing.T) {
	all, runs := sources(t), 0
	for _, name := range []string{".ci/run", "Makefile"} {
		text := read(t, name)
		runs += len(runsByName.FindAllString(text, -1))
		for _, n := range notRun(text, all) {
			t.Errorf("%s: no test matches %s", name, n)
		}
	}
	if runs < 6 {
		t.Errorf("found %d tests that are run by name", runs)
	}
	const moved = "	go test ./internal/sim -v -run '^TestSim$$|TestMutants_EachIsNoticed'"
	if n := notRun(moved, all); len(n) != 1 || n[0] != "./internal/sim TestMutants_EachIsNoticed" {
		t.Errorf("of a test that is elsewhere it says %q", n)
	}
}

// A reader sees the root first: it has what a stranger needs, and no more.
func TestDoor_FewThingsStandAtTheTop(t *testing.T) {
	const most = 21
	out, err := exec.Command("git", "-C", root, "ls-tree", "--name-only", "HEAD").Output()
	if err != nil {
		t.Skip("SKIPPED: this is no checkout: " + err.Error())
	}
	top := map[string]bool{}
	for name := range strings.Lines(string(out)) {
		if !strings.HasPrefix(name, ".") {
			top[strings.TrimSpace(name)] = true
		}
	}
	if len(top) > most {
		t.Errorf("%d files and folders at the top, want %d at most", len(top), most)
	}
	for _, name := range []string{"LICENSE", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "ARCHITECTURE.md", "main.go"} {
		if !top[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
