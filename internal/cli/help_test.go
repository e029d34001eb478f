package cli

import (
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
	for _, command := range []string{"pair", "verify", "cert", "config", "healthcheck"} {
		for _, line := range []string{command + " --help", command + " -h", "help " + command} {
			if _, code, out, stderr := parse(strings.Fields(line)...); code != exitOK || stderr != "" || !strings.HasPrefix(out, "twincached "+command) {
				t.Errorf("%s: exit %d, %q, %q", line, code, out, stderr)
			}
		}
	}
}

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
		"listen", "unix-socket", "threads", "prefix-delimiter", "protocol", "auth-file", "config", "peer", "repl-port", "repl-listen", "peer-id", "state-dir",
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
