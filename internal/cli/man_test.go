package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// rendered is the manual page as a terminal shows it, without more than one space
// between two words.
func rendered(t *testing.T) string {
	t.Helper()
	testkit.NeedTool(t, "man", "it renders the manual page; it comes with man-db")
	_, code, page, stderr := parse("man")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	file := filepath.Join(t.TempDir(), "twincached.8")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("man", "--warnings=w", "-E", "ascii", "--no-hyphenation", "--no-justification", "-l", file)
	cmd.Env = append(os.Environ(), "MANWIDTH=400", "MAN_KEEP_FORMATTING=", "LC_ALL=C.UTF-8")
	var warned strings.Builder
	cmd.Stderr = &warned
	out, err := cmd.Output()
	if err != nil || warned.Len() > 0 {
		t.Fatalf("%v, %s", err, warned.String())
	}
	return regexp.MustCompile(` +`).ReplaceAllString(string(out), " ")
}

func TestMan_TakesNoWord(t *testing.T) {
	if _, code, out, stderr := parse("man", "pair"); code != exitUsage || out != "" || !strings.Contains(stderr, `unexpected word "pair"`) {
		t.Errorf("exit %d, %q, %s", code, out, stderr)
	}
}

func TestMan_SaysWhatTheHelpSays(t *testing.T) {
	page := rendered(t)
	for _, heading := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "FLAGS", "COMMANDS", "ENVIRONMENT", "EXIT STATUS"} {
		if !strings.Contains(page, "\n"+heading+"\n") {
			t.Errorf("no %s", heading)
		}
	}
	app := (&program{}).app()
	flags := app.Flags
	for _, c := range app.Commands {
		if !strings.Contains(page, "\n twincached "+c.Name) {
			t.Errorf("no command %s", c.Name)
		}
		for row := range strings.SplitSeq(c.Description, "\n") { // as it stands
			if words := strings.Join(strings.Fields(row), " "); row != "" && !strings.Contains(page, "\n "+words+"\n") {
				t.Errorf("%s: no %q", c.Name, words)
			}
		}
		flags = append(flags, c.Flags...)
	}
	for _, f := range flags {
		o, ok := f.(*option)
		if !ok {
			continue
		}
		row := "--" + o.Name
		if len(o.Aliases) > 0 {
			row = "-" + o.Aliases[0] + ", " + row
		}
		if o.word != "" {
			row += "=" + o.word
		}
		if row += "\n"; o.Usage != "" {
			row += " " + o.Usage
		}
		if o.DefaultText != "" {
			row += " (default: " + o.DefaultText + ")\n"
		}
		onOneLine := strings.Replace(row, "\n ", " ", 1) // as man has a short flag
		if !strings.Contains(page, row) && !strings.Contains(page, "\n "+onOneLine) {
			t.Errorf("no %q", row)
		}
	}
	for _, s := range exitStatuses {
		if row := fmt.Sprintf("\n %d %s\n", s.code, s.when); !strings.Contains(page, row) {
			t.Errorf("no %q", row)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}
