package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestProcess_UnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "tcp") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	user, uid := "root", os.Geteuid()
	if uid == 0 {
		user, uid = "65534", 65534
	}
	p := run(t, "-s", socket, "-a770", "-m8", "-u", user)
	p.waitSaid("msg=ready")
	info, err := os.Lstat(socket)
	if err != nil || info.Mode() != fs.ModeSocket|0o770 {
		t.Fatalf("%v, %v", info, err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != uid {
		t.Errorf("the socket belongs to %d, want %d", owner, uid)
	}
	for _, words := range [][]string{{"healthcheck", socket}, {"healthcheck"}} {
		if len(words) == 1 {
			t.Setenv("TWINCACHED_UNIX_SOCKET", socket)
		}
		if _, code, out, stderr := parse(words...); code != exitOK || !strings.Contains(out, socket+" serves (1.6.") {
			t.Errorf("%q: %d %q %q", words, code, out, stderr)
		}
	}
	second := run(t, asRoot("-s", socket, "-m8")...)
	if code := second.exit(); code != exitOSError || !strings.Contains(second.said(), "another process has this socket") {
		t.Errorf("a second one: %d %s", code, second.said())
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file after the end: %v", err)
	}
	if _, code, _, stderr := parse("healthcheck", socket); code != exitFailed || !strings.Contains(stderr, "does not serve") {
		t.Errorf("healthcheck after the end: %d %q", code, stderr)
	}
}

// A process that was killed leaves its socket file; the next one replaces it.
func TestProcess_UnixSocketAfterKill(t *testing.T) {
	dir, err := os.MkdirTemp("", "tcp")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	p := run(t, asRoot("-s", socket, "-m8")...)
	p.waitSaid("msg=ready")
	p.cmd.Process.Kill()
	p.exit()
	if _, err := os.Lstat(socket); err != nil {
		t.Fatal("nothing is left over:", err)
	}
	next := run(t, asRoot("-s", socket, "-m8")...)
	next.waitSaid("msg=ready")
	if _, code, _, stderr := parse("healthcheck", socket); code != exitOK {
		t.Error(stderr)
	}
}
