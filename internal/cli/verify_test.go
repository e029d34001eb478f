package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/verify"
)

func TestVerify_HelpNamesEachFlag(t *testing.T) {
	_, _, help, _ := parse("help", "verify")
	for _, f := range (&program{}).verifyCommand().Flags {
		if name := f.Names()[0]; !strings.Contains(help, "--"+name) {
			t.Errorf("the help does not name --%s", name)
		}
	}
	for _, want := range []string{verifySettle.String(), fmt.Sprint("default: ", verifyShow)} {
		if !strings.Contains(help, want) {
			t.Errorf("the help does not say %s", want)
		}
	}
}

// Two nodes on unix sockets, and a node that is not there.
func TestVerify_ComparesOverUnixSockets(t *testing.T) {
	dir := t.TempDir()
	sockets := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for i, s := range sockets {
		run(t, asRoot("-s", s, "-m8")...).waitSaid("msg=ready")
		c := newClient(s)
		if err := c.Set(&memcache.Item{Key: fmt.Sprint("keyof", i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	_, code, out, stderr := parse("verify", "--settle=10ms", sockets[0], sockets[1])
	if code != exitFailed || !strings.Contains(out, "only on A   keyof0\n") || !strings.Contains(out, "only on B   keyof1\n") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	if lines := strings.Split(strings.TrimSpace(out), "\n"); !strings.HasPrefix(lines[len(lines)-1], "verify: compared=2 equal=0 differ=0 only_a=1 only_b=1 ") {
		t.Errorf("the last line of\n%s", out)
	}
	if _, code, out, stderr := parse("verify", sockets[0], sockets[0]+"x"); code != exitUnable || out != "" || !strings.Contains(stderr, "node B, "+sockets[0]+"x: it does not serve") {
		t.Errorf("exit %d, %q %q", code, out, stderr)
	}
}

func TestVerify_BadInputIsAnsweredClearly(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, "it takes the two nodes to compare, HOST[:PORT] or a socket each, not 0"},
		{[]string{"a", "b", "c"}, "not 3"},
		{[]string{"a", "a:11211"}, "both nodes are a:11211"},
		{[]string{"", "b"}, "the address is empty"},
		{[]string{"a", "b", "--strict"}, "the flag --strict goes before the nodes"},
		{[]string{"--settle=x", "a", "b"}, `--settle "x" is not a time such as 2s`},
		{[]string{"--settle=2h", "a", "b"}, "1h0m0s at most"},
		{[]string{"--show=-1", "a", "b"}, `--show "-1" is not a number of keys`},
		{[]string{"--quick", "a", "b"}, "unknown flag --quick"},
		{[]string{"--auth-file", "", "a", "b"}, "--auth-file names no file"},
		{[]string{"--auth-file", empty, "a", "b"}, "is not a name, a colon and a password"},
		{[]string{"--tls-ca=", "a", "b"}, "--tls-ca names no file"},
		{[]string{"--tls-ca", empty, "a", "b"}, "holds no certificate in PEM"},
	} {
		_, code, out, stderr := parse(append([]string{"verify"}, c.words...)...)
		if code != exitUsage || out != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q; want %q", c.words, code, out, stderr, c.want)
		}
	}
}

func TestReadLogin_TakesTheFirstLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logins")
	for text, want := range map[string]string{
		"ann:secret\nbob:other\n":     "ann secret",
		"ann:se:cr et\r\n":            "ann se:cr et",
		"ann:":                        "ann ",
		"":                            "is not a name, a colon and a password",
		":secret\n":                   "is not a name, a colon and a password",
		"\nann:secret\n":              "is not a name, a colon and a password",
		"the secret of mine\n":        "is not a name, a colon and a password",
		"ann smith:the secret word\n": "has a space",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		name, password, err := readLogin(file)
		got := name + " " + password
		if err != nil {
			if got = err.Error(); strings.Contains(got, "secret") {
				t.Errorf("%q tells the password", got)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestBar_ShowsProgressOnATerminalOnly(t *testing.T) {
	var w bytes.Buffer
	b := newBar(&w)
	b.show(verify.Progress{Done: 50, Total: 100})
	if b.clear(); w.Len() != 0 {
		t.Errorf("at once: %q", w.String())
	}
	b.next = b.next.Add(-logEvery)
	p := verify.Progress{Done: 150, Total: 100, Suspects: 3, Result: verify.Result{Compared: 70, Differ: 2, OnlyB: 1}}
	b.show(p)
	b.show(p) // too soon
	if got, want := w.String(), "verify: 100%, 70 keys compared, 2 differ, 1 on one node only, 3 to look at again\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.Reset()
	b = &bar{w: &w, tty: true}
	b.show(verify.Progress{Done: 50, Total: 100, Result: verify.Result{Compared: 50}})
	b.clear()
	b.clear()
	if got, want := w.String(), "\r["+strings.Repeat("#", 15)+strings.Repeat(".", 15)+"] 50%, 50 keys compared\x1b[K\r\x1b[K"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.show(verify.Progress{}) // two empty nodes: nothing to divide by
}

func TestQuoteKey_PrintsNoControlBytes(t *testing.T) {
	var got []string
	for _, k := range []string{"user:1", "größe", "with space", "a\x1b[2Jb", "\xff", `a"b`} {
		got = append(got, quoteKey(k))
	}
	want := []string{"user:1", "größe", `"with space"`, `"a\x1b[2Jb"`, `"\xff"`, `"a\"b"`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is held against the nodes is said, and why.
func TestVerifySummary_SaysWhyKeysMayBeMissing(t *testing.T) {
	for _, c := range []struct {
		r      verify.Result
		strict bool
		want   string
	}{
		{verify.Result{OnlyA: 3}, false, "B lacks 3 keys and has neither evicted nor refused anything: they are missing\n"},
		{verify.Result{OnlyA: 3, ExcusedB: true}, false, "B lacks 3 keys, which is no fault"},
		{verify.Result{OnlyB: 3, ExcusedA: true}, true, "A lacks 3 keys; it has evicted items or refused large ones, but --strict takes no excuse\n"},
		{verify.Result{OnlyB: 3, ExcusedB: true}, false, "A lacks 3 keys and has neither"},
	} {
		var out bytes.Buffer
		v := &verifyOutput{p: &program{stdout: &out}}
		if err := v.summary([2]string{"a:1", "b:1"}, &c.r, c.strict); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) || !strings.Contains(out.String(), "... and 3 more (--show)\n") {
			t.Errorf("%q, want %q", out.String(), c.want)
		}
	}
}
