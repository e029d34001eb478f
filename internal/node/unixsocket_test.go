package node

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// socketPath is short enough for a socket's address, as t.TempDir may not be.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// askUnix sends one line to a socket and returns the lines of the reply up to END.
func askUnix(t *testing.T, path, line string) (reply []string) {
	t.Helper()
	c, err := net.DialTimeout("unix", path, testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "%s\r\n", line)
	s := bufio.NewScanner(c)
	for s.Scan() {
		reply = append(reply, s.Text())
		if s.Text() == "END" || s.Text() == "STORED" {
			return reply
		}
	}
	t.Fatalf("%s: got %q, %v", line, reply, s.Err())
	return nil
}

func TestNode_ServesOnAUnixSocketOnly(t *testing.T) {
	port := freePort(t)
	cfg := testConfig(t.Output())
	cfg.Port, cfg.UnixSocket, cfg.UnixMask = port, socketPath(t), 0o750
	n := start(t, cfg)
	waitReady(t, n)
	askUnix(t, cfg.UnixSocket, "set k 0 0 1\r\nv")
	if got := askUnix(t, cfg.UnixSocket, "get k"); len(got) != 3 || got[1] != "v" {
		t.Errorf("got %q", got)
	}
	settings := strings.Join(askUnix(t, cfg.UnixSocket, "stats settings"), "\n")
	for _, want := range []string{"STAT domain_socket " + cfg.UnixSocket, "STAT umask 750", "STAT tcpport " + strconv.Itoa(port)} {
		if !strings.Contains(settings, want+"\n") {
			t.Errorf("no %q in\n%s", want, settings)
		}
	}
	if info, err := os.Lstat(cfg.UnixSocket); err != nil || info.Mode() != fs.ModeSocket|0o750 {
		t.Errorf("%v, %v", info, err)
	}
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
		c.Close()
		t.Error("the TCP port is open")
	}
	if left := n.Drain(); left != 0 {
		t.Errorf("%d left", left)
	}
	if _, err := os.Lstat(cfg.UnixSocket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file after the end: %v", err)
	}
}

func TestNode_UnixSocketRefusesUntilReady(t *testing.T) {
	a, b := pairConfigs(t)
	b.Boot = BootWait
	b.UnixSocket = socketPath(t)
	joiner := start(t, b) // its peer is not there
	if c, err := net.Dial("unix", b.UnixSocket); err == nil {
		c.Close()
		t.Fatal("the socket accepts before the gate is open")
	}
	// It is taken all the same: another node finds that out at its own start.
	thief := testConfig(t.Output())
	thief.UnixSocket = b.UnixSocket
	if n, err := Start(thief); err == nil || !strings.Contains(err.Error(), "another process has this socket") {
		t.Fatalf("%v, %v", n, err)
	}
	first := start(t, a)
	waitReady(t, first)
	mustSet(t, client(t, first), "k", "v")
	waitReady(t, joiner)
	testkit.Eventually(t, "the copy", func() bool { return len(askUnix(t, b.UnixSocket, "get k")) == 3 })
}

func TestStart_RemovesTheSocketFileWhenItFails(t *testing.T) {
	cfg := testConfig(t.Output())
	cfg.UnixSocket = socketPath(t)
	cfg.StateDir = cfg.UnixSocket + "/no"
	if n, err := Start(cfg); err == nil {
		n.Close()
		t.Fatal("it started")
	}
	if _, err := os.Lstat(cfg.UnixSocket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
	cfg.UnixSocket, cfg.StateDir = cfg.UnixSocket+"/no/s", ""
	if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "the directory must be there") {
		t.Fatalf("%v, %v", n, err)
	}
}
