package cli

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"twincached/internal/node"
)

func TestHelpAndVersion_BeginAsScriptsExpect(t *testing.T) {
	for _, line := range []string{"-h", "--help", "-V", "--version", "-m1 -h", "help", "version", "help help", "help version", "memcached -h", "/usr/bin/twincached version"} {
		_, code, out, stderr := parse(strings.Fields(line)...)
		if code != exitOK || stderr != "" || !strings.HasPrefix(out, "memcached "+node.MemcachedVersion+"\ntwincached "+node.Version+"\n") {
			t.Errorf("%q: exit %d, %q, %q", line, code, out, stderr)
		}
	}
	for _, command := range []string{"pair", "status", "top", "verify", "cert", "config", "healthcheck"} {
		for _, line := range []string{command + " --help", command + " -h", "help " + command} {
			if _, code, out, stderr := parse(strings.Fields(line)...); code != exitOK || stderr != "" || !strings.HasPrefix(out, "twincached "+command) {
				t.Errorf("%s: exit %d, %q, %q", line, code, out, stderr)
			}
		}
	}
}

func TestHelp_IsTheSameAskedForInAnyWay(t *testing.T) {
	_, _, want, _ := parse("-h")
	for _, line := range []string{"help", "help help", "help version", "-p1 --help"} {
		if _, _, got, _ := parse(strings.Fields(line)...); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// Whoever keeps it in a file has to hear that the disk is full.
func TestHelpAndVersion_AnErrorOfTheOutputIsOne(t *testing.T) {
	for _, line := range []string{"-h", "help", "help pair", "pair -h", "-V", "version", "config", "man", "completion bash", "completion fish"} {
		var stderr strings.Builder
		p := program{args: strings.Fields(line), stdout: fullDisk{}, stderr: &stderr}
		if code := p.run(); code != exitFailed || stderr.String() != "twincached: the disk is full\n" {
			t.Errorf("%s: exit %d, %q", line, code, stderr.String())
		}
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestHelp_NamesEachFlagOnce(t *testing.T) {
	_, _, text, _ := parse("-h")
	for _, f := range (&program{}).app().Flags {
		long := f.Names()[0]
		n := 0
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" ,=\n", r) }) {
			if word == "--"+long {
				n++
			}
		}
		if n == 0 || n > 3 {
			t.Errorf("--%s stands %d times in the help", long, n)
		}
	}
}

// What the help calls a default, read back, is the default.
func TestHelp_DefaultsAreTheNodesOwn(t *testing.T) {
	inWords := []string{ // what stands for something else
		"listen", "unix-socket", "threads", "prefix-delimiter", "protocol", "auth-file", "config", "peer", "repl-port", "repl-listen", "peer-id", "state-dir", "memory-file",
		"status", "status-auth",
	}
	n, want := newNodeOptions(), node.Default()
	n.settings.Node = node.Config{Threads: want.Threads, TLS: want.TLS} // no flag has a number for these
	for _, o := range n.all {
		if o.DefaultText == "" || slices.Contains(inWords, o.Name) {
			continue
		}
		if err := o.read(o.DefaultText); err != nil {
			t.Errorf("--%s: %v", o.Name, err)
		}
		if _, _, out, _ := parse("-h"); !strings.Contains(out, "(default: "+o.DefaultText+")") {
			t.Errorf("the help does not say %s of --%s", o.DefaultText, o.Name)
		}
	}
	if !reflect.DeepEqual(n.settings.Node, want) {
		t.Errorf("the help says\n%+v, a node is\n%+v", n.settings.Node, want)
	}
}

func TestHelp_FitsATerminal(t *testing.T) {
	_, _, out, _ := parse("-h")
	flags, _, _ := strings.Cut(out, "\nEach flag has")
	for row := range strings.SplitSeq(flags, "\n") {
		if len(row) > 110 || strings.HasSuffix(row, " ") {
			t.Errorf("%d: %q", len(row), row)
		}
	}
}

func TestRows_CutsBetweenWords(t *testing.T) {
	got := rows([]string{"one", "two", "three", "much-too-long", "x"}, 9)
	if want := []string{"one two", "three", "much-too-long", "x"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := rows(nil, 9); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
