package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"twincached/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built is the program, and a page to write.
func built(t *testing.T) *settings {
	t.Helper()
	if err := new(sitting).cores(); err != nil {
		t.Skip("SKIPPED: " + err.Error())
	}
	testkit.NeedTool(t, "memcached", "it is measured")
	s := &settings{quick: true, memcached: "memcached", out: filepath.Join(t.TempDir(), "page.md"), disk: t.TempDir(), program: filepath.Join(t.TempDir(), "twincached")}
	if out, err := exec.Command("go", "build", "-o", s.program, "twincached").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// The whole way, with numbers that mean nothing: each section has its rows and its stamp.
func TestRun_MeasuresEachSection(t *testing.T) {
	s := built(t)
	testkit.NeedTool(t, "redis-server", "it is measured")
	s.redis = "redis-server"
	for _, c := range all {
		s.rows += "," + c.name
	}
	s.rows = s.rows[1:]
	if err := s.run(io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.out)
	if err != nil {
		t.Fatal(err)
	}
	p := readPage(string(text))
	for _, c := range all {
		body := p.sections[c.name]
		if !strings.HasPrefix(body, "## "+c.title+"\n") || !strings.Contains(body, "\nMeasured ") || strings.Contains(body, "Not measured") {
			t.Errorf("section %s:\n%s", c.name, body)
			continue
		}
		table := regexp.MustCompile(`(?m)^\| .*`).FindAllString(body, -1)
		if len(table) < 3 {
			t.Errorf("section %s has no rows:\n%s", c.name, body)
			continue
		}
		for _, row := range table[1:] {
			if strings.Count(row, "|") != strings.Count(table[0], "|") || !strings.Contains(row, "---") && !regexp.MustCompile(`\| [0-9.+-]+`).MatchString(row) {
				t.Errorf("section %s: %s\nunder %s", c.name, row, table[0])
			}
		}
	}
	if strings.Contains(string(text), "NaN") || strings.Contains(string(text), "Inf") {
		t.Errorf("a number is none:\n%s", text)
	}
}

// A server that does not start is said where its figures would be, and the rest is measured. A
// section that is not asked for stays.
func TestRun_WhatFailsIsSaidAndWhatWasThereStays(t *testing.T) {
	s := built(t)
	if err := os.WriteFile(s.out, []byte("old\n"+serversMark+"memcached (1); Valkey (2: as it was).\n\n"+mark+"idle -->\n## Idle\n\nas it was\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.memcached, s.pogocache, s.rows = "/nowhere/memcached", "false", "load,open"
	if err := s.run(io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nas it was\n", "memcached did not start: ", "pogocache did not start: ", "Not measured: memcached did not start: ", "memcached (not there); ", "; Valkey (2: as it was).\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestSections_UnknownOneIsNamed(t *testing.T) {
	s := &settings{rows: "load,nothing"}
	if _, err := s.sections(); err == nil || !strings.Contains(err.Error(), `no section "nothing": they are load, `) {
		t.Errorf("%v", err)
	}
	s.rows = ""
	if names, err := s.sections(); err != nil || len(names) != len(all)-1 {
		t.Errorf("%q, %v", names, err)
	}
}

func TestVerdict_SaysWhichTargetIsReached(t *testing.T) {
	for _, c := range []struct {
		ratio, must, goal float64
		want              string
	}{{1.7, 1.35, 1.6, "goal"}, {1.6, 1.35, 1.6, "goal"}, {1.4, 1.35, 1.6, "must"}, {1.3, 1.35, 1.6, "**lost**"}, {2, 0, 0, ""},
		{-0.05, -0.3, -0.1, "goal"}, {-0.2, -0.3, -0.1, "must"}, {-2, -0.3, -0.1, "**lost**"}} {
		if got := verdict(c.ratio, c.must, c.goal); got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
}
