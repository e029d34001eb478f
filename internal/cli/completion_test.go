package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"twincached/internal/testkit"
)

// shellScript is what "twincached completion" prints for a shell, in a file.
func shellScript(t *testing.T, shell string) string {
	t.Helper()
	_, code, out, stderr := parse("completion", shell)
	if code != exitOK || stderr != "" {
		t.Fatalf("%s: exit %d, %s", shell, code, stderr)
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// inShell runs a command of a shell in which twincached is this test binary, and
// returns the words it prints.
func inShell(t *testing.T, shell string, args ...string) []string {
	t.Helper()
	testkit.NeedTool(t, shell, "its completion is tried in it")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "twincached")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", shell, args, err, out)
	}
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("%s %q: it leaves %v, %v", shell, args, left, err)
	}
	return strings.Fields(string(out))
}

// completions are beginnings of command lines, what is offered, and what is not.
var completions = []struct {
	words []string // the last one is under way
	offer []string
	not   []string
}{
	{[]string{"twincached", "ver"}, []string{"verify", "version"}, []string{"pair"}},
	{[]string{"twincached", ""}, []string{"pair", "config", "cert", "healthcheck", "status", "top", "verify", "dump", "restore", "help", "version", "completion", "man"}, []string{"bash"}},
	{[]string{"twincached", "--mem"}, []string{"--memory-limit", "--memory-file"}, []string{"--port", "pair"}},
	{[]string{"twincached", "verify", "--s"}, []string{"--settle", "--show", "--strict"}, []string{"--secret-file", "--tls-ca"}},
	{[]string{"twincached", "status", "--tls"}, []string{"--tls-ca", "--tls-cert", "--tls-key"}, []string{"--json"}},
	{[]string{"twincached", "config", "--secret"}, []string{"--secret-file"}, []string{"--port"}},
}

func checkOffer(t *testing.T, got, offer, not []string) {
	t.Helper()
	for _, want := range offer {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not offered: %q", want, got)
		}
	}
	for _, word := range not {
		if slices.Contains(got, word) {
			t.Errorf("%s is offered: %q", word, got)
		}
	}
}

const bashAsks = `source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_twincached && printf '%s\n' "${COMPREPLY[@]}"`

func TestCompletion_Bash(t *testing.T) {
	file := shellScript(t, "bash")
	inShell(t, "bash", "-n", file)
	for _, c := range completions {
		got := inShell(t, "bash", append([]string{"-c", bashAsks, "bash", file}, c.words...)...)
		checkOffer(t, got, c.offer, c.not)
	}
	if got := inShell(t, "bash", "-c", bashAsks, "bash", file, "twincached", "completion", "f"); !slices.Equal(got, []string{"fish"}) {
		t.Errorf("shells: %q", got)
	}
	for _, last := range []string{"", "m"} { // what -m is to be, or which file --config reads
		for _, flag := range []string{"-m", "--config"} {
			if got := inShell(t, "bash", "-c", bashAsks, "bash", file, "twincached", flag, last); len(got) > 0 {
				t.Errorf("behind %s: %q", flag, got)
			}
		}
	}
	if got := inShell(t, "bash", "-c", `source "$1"; complete -p twincached`, "bash", file); !slices.Contains(got, "_twincached") {
		t.Errorf("bash does not know of it: %q", got)
	}
}

// zshAsks stands in for what zsh has only at a prompt.
const zshAsks = `compdef() { : }
_describe() { print -l -- ${(P)2%%:*} }
_files() { print files }
source $1; shift
words=("$@") CURRENT=$#
_twincached`

func TestCompletion_Zsh(t *testing.T) {
	file := shellScript(t, "zsh")
	inShell(t, "zsh", "-n", file)
	for _, c := range completions {
		got := inShell(t, "zsh", append([]string{"-f", "-c", zshAsks, "zsh", file}, c.words...)...)
		checkOffer(t, got, c.offer[:1], nil) // zsh itself picks those that begin as the word does
	}
	for _, words := range [][]string{{"verify", ""}, {"-m", ""}, {"--config", "m"}} { // no word is known
		got := inShell(t, "zsh", append([]string{"-f", "-c", zshAsks, "zsh", file, "twincached"}, words...)...)
		if !slices.Equal(got, []string{"files"}) {
			t.Errorf("%q: %q", words, got)
		}
	}
}

func TestCompletion_Fish(t *testing.T) {
	file := shellScript(t, "fish")
	inShell(t, "fish", "-n", file)
	for _, c := range completions {
		got := inShell(t, "fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2] | string split -f1 \\t", file, strings.Join(c.words, " "))
		checkOffer(t, got, c.offer, c.not)
	}
	for line, want := range map[string]bool{"twincached --auth-file /et": true, "twincached --port /et": false} {
		got := inShell(t, "fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", file, line)
		if slices.Contains(got, "/etc/") != want {
			t.Errorf("%s: files are offered: %v: %q", line, !want, got)
		}
	}
}

// Whoever presses the tabulator starts nothing.
func TestCompletion_RunsNothing(t *testing.T) {
	dir := t.TempDir()
	for _, words := range [][]string{
		{}, {"-m"}, {"-m64"}, {"-d"}, {"-z"}, {"--"}, {"-d", "--"}, {"cert", "--dir", dir, "n1"}, {"cert", "--dir", dir, "--", "n1"}, {"pair"}, {"pair", "--"}, {"healthcheck", "--"},
		{"verify", "a"}, {"-p", "x"}, {"--", "pair"}, {"memcached"}, {"help"}, {"help", "--"},
	} {
		s, code, _, stderr := parse(append(slices.Clone(words), completionWord)...)
		if code != exitOK || stderr != "" || s.Node.Port != 0 {
			t.Errorf("%q: exit %d, %s, settings for port %d", words, code, stderr, s.Node.Port)
		}
	}
	if names := dirNames(t, dir); len(names) > 0 {
		t.Errorf("it has made %q", names)
	}
}

func TestCompletion_BadInputIsAnsweredClearly(t *testing.T) {
	for line, want := range map[string]string{
		"completion":          "completion: it takes the name of a shell",
		"completion bash zsh": "completion: it takes the name of a shell",
		"completion csh":      `completion: "csh" is neither bash nor zsh nor fish`,
	} {
		if _, code, out, stderr := parse(strings.Fields(line)...); code != exitUsage || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q, %s", line, code, out, stderr)
		}
	}
}
