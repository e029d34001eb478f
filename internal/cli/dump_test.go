package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/urfave/cli/v2"

	"twincached/internal/dump"
)

func TestDump_HelpNamesEachFlag(t *testing.T) {
	p := &program{}
	for _, command := range []*cli.Command{p.dumpCommand(), p.restoreCommand()} {
		_, _, help, _ := parse("help", command.Name)
		for _, f := range command.Flags {
			if name := f.Names()[0]; !strings.Contains(help, "--"+name) {
				t.Errorf("the help of %s does not name --%s", command.Name, name)
			}
		}
	}
}

// On unix sockets: into a file, from a pipe, as JSON, and once more.
func TestDump_GoesIntoAnotherNode(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, s := range []string{a, b} {
		run(t, asRoot("-s", s, "-m8")...).waitSaid("msg=ready")
	}
	c := newClient(a)
	defer c.Close()
	for _, key := range []string{"k1", "k2"} {
		if err := c.Set(&memcache.Item{Key: key, Value: []byte("v"), Flags: 7}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("an older dump"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, code, out, stderr := parse("dump", a, file)
	if code != exitOK || !strings.Contains(out, "2 items of "+a) || !strings.Contains(out, "\ndump: items=2 bytes=6 gone=0 seconds=") || stderr != "" {
		t.Fatalf("exit %d, %q %q", code, out, stderr)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(file + "?*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	_, code, out, stderr = parse("restore", file, b)
	if code != exitOK || !strings.Contains(out, "\nrestore: items=2 restored=2 kept=0 expired=0 outdated=0 too_large=0 failed=0 seconds=") || stderr != "" {
		t.Errorf("exit %d, %q %q", code, out, stderr)
	}
	_, code, text, stderr := parse("dump", "--json", b, "-")
	if code != exitOK || !strings.HasPrefix(text, `{"twincached_dump":1}`) || !strings.Contains(text, `{"key":"k1","flags":7,"exp":0,"version":"`) || !strings.Contains(stderr, "\ndump: items=2 ") {
		t.Errorf("exit %d, %q %q", code, text, stderr)
	}
	stdin := &program{args: []string{"restore", "-", b}, stdin: strings.NewReader(text), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	if code := stdin.run(); code != exitOK || !strings.Contains(stdin.stdout.(*bytes.Buffer).String(), "restored=0 kept=2 ") {
		t.Errorf("exit %d, %q %q", code, stdin.stdout, stdin.stderr)
	}
}

// A dump that fails leaves what had the name of the file.
func TestDump_FailureLeavesTheFileThatWasThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("an older dump"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, code, out, stderr := parse("dump", filepath.Join(dir, "nobody"), file)
	if code != exitUnable || out != "" || !strings.Contains(stderr, "it does not serve") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d, %q %q", code, out, stderr)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "an older dump" {
		t.Errorf("%q, %v", b, err)
	}
	if left, _ := filepath.Glob(file + "?*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

func TestDump_BadInputIsAnsweredClearly(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{[]string{"dump"}, exitUsage, "it takes NODE and FILE, not 0 words"},
		{[]string{"dump", "a"}, exitUsage, "not 1 words"},
		{[]string{"restore", "a", "b", "c", "d"}, exitUsage, "it takes FILE and NODE, and perhaps its PEER, not 4 words"},
		{[]string{"restore", "f", "b", "b:11211"}, exitUsage, "both nodes are b:11211"},
		{[]string{"dump", "a", ""}, exitUsage, "the name of the file is empty"},
		{[]string{"dump", "", "f"}, exitUsage, "the address is empty"},
		{[]string{"dump", "a", "--json"}, exitUsage, "the flag --json goes before the other words"},
		{[]string{"restore", "--json", "f", "a"}, exitUsage, "unknown flag --json"},
		{[]string{"dump", "--auth-file", "", "a", "f"}, exitUsage, "--auth-file names no file"},
		{[]string{"dump", "--auth-file", empty, "a", "f"}, exitUsage, "is not a name, a colon and a password"},
		{[]string{"restore", "--tls-ca", empty, "f", "a"}, exitUsage, "holds no certificate in PEM"},
		{[]string{"restore", "--tls-cert", empty, "f", "a"}, exitUsage, "--tls-cert and --tls-key belong together"},
		{[]string{"dump", "a", dir}, exitUnable, "is there, and is no file"},
		{[]string{"dump", "a", filepath.Join(dir, "no", "f")}, exitUnable, "no such file or directory"},
		{[]string{"restore", filepath.Join(dir, "f"), "a"}, exitUnable, "no such file or directory"},
	} {
		_, code, out, stderr := parse(c.words...)
		if code != c.code || out != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q; want %q", c.words, code, out, stderr, c.want)
		}
	}
}

func TestTellRestored_SaysWhyItemsAreMissing(t *testing.T) {
	var b bytes.Buffer
	r := &dump.Restored{Items: 6, Restored: 1, Expired: 2, TooLarge: 2, Failed: 1, Why: "out of memory"}
	if err := tellRestored(&b, "a:1", r); err != nil {
		t.Fatal(err)
	}
	want := "1 items restored to a:1; 0 were there in the same or a newer version, 2 have expired, 0 are outdated\n" +
		"2 items are too large for the node: start it with a larger -I\n" +
		"1 items failed, the first of them: out of memory\n" +
		"restore: items=6 restored=1 kept=0 expired=2 outdated=0 too_large=2 failed=1 seconds=0.0\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestDump_LogsInOverTLS(t *testing.T) {
	right, socket, names := loginNodes(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	plain := "127.0.0.1:" + freePorts(t, 1)[0] // a password is not sent in plain words to whoever should speak TLS
	run(t, asRoot("-m8", "-l", plain, "-Y", right)...).waitSaid("msg=ready")
	if err := os.WriteFile(in("lines"), []byte(`{"key":"k","value":"djE="}`), 0o600); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer(append(names, "PLAIN", plain, "LINES", in("lines"), "FILE", in("file"))...)
	for _, c := range []struct {
		words string
		code  int
		want  string
	}{
		{"restore -Y RIGHT --tls-ca CA --tls-cert CERT --tls-key KEY LINES SECURE", exitOK, "restored=1 "},
		{"dump -Y RIGHT --tls-ca CA --tls-cert CERT --tls-key KEY SECURE FILE", exitOK, "dump: items=1 "},
		{"restore -Y RIGHT FILE SOCKET", exitOK, "restored=1 "},
		{"dump --json -Y RIGHT SOCKET -", exitOK, `"value":"djE="`},
		{"dump -Y WRONG SOCKET -", exitUnable, "it refused the login of --auth-file"},
		{"restore FILE SOCKET", exitUnable, "clients have to log in (-Y): give restore a file with a line name:password by --auth-file"},
		{"dump -Y RIGHT --tls-cert CERT --tls-key KEY SECURE FILE2", exitUnable, "no password is sent over TLS to a node that anybody could be"},
		{"restore -Y RIGHT --tls-ca CA FILE SECURE", exitUnable, "over TLS: "},
		{"restore -Y RIGHT --tls-ca CA FILE PLAIN", exitUnable, "over TLS: "},
	} {
		words := fill.Replace(c.words)
		if _, code, out, stderr := parse(strings.Fields(words)...); code != c.code || !strings.Contains(out+stderr, c.want) {
			t.Errorf("%s: exit %d, %s%s; want %d, %q", c.words, code, out, stderr, c.code, c.want)
		}
	}
	t.Setenv("TWINCACHED_AUTH_FILE", right)
	if _, code, out, stderr := parse("restore", in("file"), socket); code != exitOK {
		t.Errorf("by the variable: exit %d, %s%s", code, out, stderr)
	}
}
