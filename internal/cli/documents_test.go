package cli

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top of the module, seen from here.
const root = "../.."

// projectFile is the text of a file, by its name from the top of the module.
func projectFile(t *testing.T, name string) string {
	t.Helper()
	return readFile(t, filepath.Join(root, name))
}

func isCommand(word string) bool { return (&program{}).app().Command(word) != nil }

// shown must parse and validate as it stands.
func shown(t *testing.T, where string, words []string) {
	t.Helper()
	if len(words) > 0 && isCommand(words[0]) && words[0] != "config" {
		words = slices.Insert(slices.Clone(words), 1, "--help") // read the flags, run nothing
	}
	if _, code, _, stderr := parse(words...); code != exitOK {
		t.Errorf("%s shows %q: %s", where, words, stderr)
	}
}

func TestComposeFile_CommandLinesAreValid(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^[# ]*command: (\[.*\])`).FindAllStringSubmatch(projectFile(t, "docker-compose.yml"), -1)
	if len(lines) < 2 {
		t.Fatalf("found %d command lines", len(lines))
	}
	for _, line := range lines {
		var words []string
		if err := json.Unmarshal([]byte(line[1]), &words); err != nil {
			t.Fatalf("%s: %v", line[1], err)
		}
		shown(t, "docker-compose.yml", words)
		if s, _, _, _ := parse(words...); s.Node.Peer == "" {
			t.Errorf("docker-compose.yml: %q has no peer", words)
		}
	}
}

func TestDockerfile_HealthCheckIsASubcommand(t *testing.T) {
	line := regexp.MustCompile(`HEALTHCHECK .*CMD (\[.*\])`).FindStringSubmatch(projectFile(t, "Dockerfile"))
	var words []string
	if line == nil || json.Unmarshal([]byte(line[1]), &words) != nil || len(words) < 2 || words[0] != "/twincached" {
		t.Fatalf("got %q", line)
	}
	shown(t, "Dockerfile", words[1:])
}

// exampleLine finds a command line in a document: a line of its own, behind a
// prompt or not, or between backquotes.
var exampleLine = regexp.MustCompile("(?m)(?:^[a-z0-9]*[$#]?[ \t]*|`)(?:\\./)?(twincached|go run \\.)((?: [^`\n]*)?)(?:`|$)")

func TestDocuments_CommandLinesAreValid(t *testing.T) {
	found := 0
	top, errTop := filepath.Glob(filepath.Join(root, "*.md"))
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || errTop != nil || len(top) == 0 || len(pages) == 0 {
		t.Fatalf("%d pages at the top and %d in docs: %v, %v", len(top), len(pages), errTop, err)
	}
	for _, name := range append(top, pages...) {
		for _, m := range exampleLine.FindAllStringSubmatch(readFile(t, name), -1) {
			line, _, _ := strings.Cut(m[2], " #")
			words := strings.Fields(line)
			if strings.Contains(line, "...") || len(words) == 0 || !strings.HasPrefix(words[0], "-") && !isCommand(words[0]) {
				continue // a name, or prose that goes on
			}
			found++
			shown(t, name, words)
		}
	}
	if found < 20 {
		t.Errorf("found %d command lines in the documents, want 20 or more", found)
	}
}
