package node

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/status"
	"twincached/internal/testkit"
	"twincached/memproto"
)

// loginFile writes a file of logins.
func loginFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// firstLine sends bytes on a conn of their own and returns the first reply line.
func firstLine(t *testing.T, n *Node, send string) string {
	t.Helper()
	c := dial(t, n)
	defer c.Close()
	fmt.Fprint(c, send)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

const (
	loginBob = "set login 0 0 10\r\nbob secret\r\n"
	loginEve = "set login 0 0 5\r\neve x\r\n"
)

func TestNode_LoginsAreReadAgain(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.AuthFile = loginFile(t, "bob:secret\n")
	n := start(t, cfg)
	waitReady(t, n)
	if got := firstLine(t, n, "get k\r\n"); got != "CLIENT_ERROR unauthenticated" {
		t.Errorf("a stranger: %q", got)
	}
	if got := firstLine(t, n, loginBob); got != "STORED" {
		t.Errorf("bob: %q", got)
	}
	if err := os.WriteFile(cfg.AuthFile, []byte("eve:x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := firstLine(t, n, loginEve); got != "CLIENT_ERROR authentication failure" {
		t.Errorf("eve, before: %q", got)
	}
	if err := n.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := firstLine(t, n, loginEve); got != "STORED" {
		t.Errorf("eve: %q", got)
	}
	if got := firstLine(t, n, loginBob); got != "CLIENT_ERROR authentication failure" {
		t.Errorf("bob, after: %q", got)
	}
	if err := os.WriteFile(cfg.AuthFile, []byte("bob:secret\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Reload(); err == nil || !strings.Contains(err.Error(), "-Y, --auth-file") || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a bad file: %v", err)
	}
	waitWarned(t, n, true)
	if got := firstLine(t, n, loginEve); got != "STORED" {
		t.Errorf("eve, after a bad file: %q", got)
	}
	settings := statRows(n.settingsRows())
	if settings["auth_enabled_ascii"] != cfg.AuthFile || settings["auth_enabled_sasl"] != "no" || settings["binding_protocol"] != "ascii" {
		t.Errorf("%v", settings)
	}
	if err := os.WriteFile(cfg.AuthFile, []byte("eve:x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Reload(); err != nil {
		t.Error(err)
	}
	waitWarned(t, n, false)
}

// waitWarned waits until the status has the warning reload_failed, or has it no more.
func waitWarned(t *testing.T, n *Node, want bool) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("reload_failed: %v", want), func() bool {
		return want == slices.ContainsFunc(n.Latest().Warnings, func(w status.Warning) bool {
			return w.Word == "reload_failed" && strings.Contains(w.Text, "line 2")
		})
	})
}

func TestReload_NamesWhoMustReadTheFile(t *testing.T) {
	denied := fmt.Errorf("node: -Y, --auth-file: %w", &fs.PathError{Op: "open", Path: "/f", Err: syscall.EACCES})
	me, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	if got, want := withReader(denied).Error(), "open /f: permission denied; the node runs as the user "+me.Username+", who must be able to read it"; !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	other := errors.Join(nil, syscall.ENOENT)
	if got := withReader(other); got != other || withReader(nil) != nil {
		t.Errorf("%v", got)
	}
}

func TestStart_NamesALoginFileThatCannotBeRead(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"-Y, --auth-file: open /nowhere/f": func(c *Config) { c.AuthFile = "/nowhere/f" },
		"MEMCACHED_SASL_PWDB: open /no/db": func(c *Config) { c.SASL, c.SASLFile = true, "/no/db" },
		"line 1 is not a name, a colon":    func(c *Config) { c.AuthFile = loginFile(t, "nonsense") },
		"longer than":                      func(c *Config) { c.AuthFile = loginFile(t, strings.Repeat("a:b\n", 1<<19)) },
	} {
		cfg := testConfig(t.Output())
		change(&cfg)
		if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", n, err, want)
		}
	}
}

func TestNode_WhichProtocolsLoginsLeave(t *testing.T) {
	const quit = "\x80\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, row := range []struct {
		change       func(*Config)
		text, binary string // how the reply to each begins
		protocol     string
	}{
		{func(c *Config) {}, "END", "\x81\x07\x00\x00\x00\x00\x00\x00", "auto-negotiate"},
		{func(c *Config) { c.AuthFile = "f" }, "CLIENT_ERROR unauth", "CLIENT_ERROR the binary protocol", "ascii"},
		{func(c *Config) { c.SASL, c.SASLFile = true, "f" }, "", "\x81\x07\x00\x00\x00\x00\x00\x20", "binary"},
		{func(c *Config) { c.SASL, c.AuthFile = true, "f" }, "CLIENT_ERROR unauth", "\x81\x07\x00\x00\x00\x00\x00\x20", "auto-negotiate"},
		{func(c *Config) { c.SASL, c.AuthFile, c.Protocol = true, "f", ProtocolBinary }, "", "\x81\x07\x00\x00\x00\x00\x00\x20", "binary"},
	} {
		cfg := testConfig(t.Output())
		row.change(&cfg)
		file := loginFile(t, "bob:secret\n")
		cfg.AuthFile = strings.Replace(cfg.AuthFile, "f", file, 1)
		cfg.SASLFile = strings.Replace(cfg.SASLFile, "f", file, 1)
		n := start(t, cfg)
		waitReady(t, n)
		if got := firstLine(t, n, "get k k k k k k k k k k k\r\n"); !strings.HasPrefix(got, row.text) || row.text == "" && got != "" {
			t.Errorf("%s: text: %q", row.protocol, got)
		}
		if got := firstLine(t, n, quit); !strings.HasPrefix(got, strings.TrimSpace(row.binary)) {
			t.Errorf("%s: binary: %q", row.protocol, got)
		}
		if got := statRows(n.settingsRows())["binding_protocol"]; got != row.protocol {
			t.Errorf("%s: %q", row.protocol, got)
		}
	}
}

func TestNode_ShutdownCommandAsksForTheEnd(t *testing.T) {
	cfg := testConfig(t.Output())
	n := start(t, cfg)
	waitReady(t, n)
	if got := firstLine(t, n, "shutdown\r\n"); got != "SERVER_ERROR: shutdown not enabled" {
		t.Errorf("%q", got)
	}
	cfg.AllowShutdown = true
	n = start(t, cfg)
	waitReady(t, n)
	for range 3 { // once is enough; more do no harm
		if got := firstLine(t, n, "shutdown graceful\r\n"); got != "" {
			t.Errorf("%q", got)
		}
	}
	select {
	case <-n.Asked():
	case <-time.After(testkit.Patience):
		t.Fatal("nobody was asked")
	}
}

// statRows are the rows by name.
func statRows(list []memproto.Stat) map[string]string {
	m := map[string]string{}
	for _, row := range list {
		m[row.Name] = row.Value
	}
	return m
}
