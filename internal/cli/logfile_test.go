package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// textOf is what is in a file, or nothing.
func textOf(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

// loggedNode is a node whose log is a file, and that serves.
func loggedNode(t *testing.T, file string, extra ...string) (p *process, client string) {
	t.Helper()
	client = "127.0.0.1:" + freePorts(t, 1)[0]
	p = run(t, append(asRoot("-l"+client, "-m8", "--log-file", file), extra...)...)
	waitFor(t, "it serves", func() bool { return serves(client) })
	return p, client
}

// dialled is a connection on which words are sent.
func dialled(t *testing.T, client string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", client, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// What logrotate does, with "create" and without: the file is moved, and SIGHUP. While the
// node logs, hundreds of lines at once, each line is in one of the files, once and in order.
func TestLogFile_SighupOpensItAgainAndNoLineIsLost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	p, client := loggedNode(t, file, "-vv", "--log-format=text")
	c := dialled(t, client)
	replies, sent := bufio.NewReader(c), 0
	var moved []string
	ask := func() {
		const many = 500
		if before := sent - many; before > 0 { // what a disk that hangs does not take in time is dropped
			waitFor(t, "the lines of the time before last are written", func() bool {
				return slices.ContainsFunc(append(moved, file), func(name string) bool { return strings.Contains(textOf(name), fmt.Sprintf(` get key%d"`, before-1)) })
			})
		}
		var b strings.Builder
		for range many {
			fmt.Fprintf(&b, "get key%d\r\n", sent)
			sent++
		}
		if _, err := c.Write([]byte(b.String())); err != nil {
			t.Fatal(err)
		}
		for range many {
			if line, err := replies.ReadString('\n'); err != nil || line != "END\r\n" {
				t.Fatalf("%q, %v", line, err)
			}
		}
	}
	for round := range 4 {
		ask()
		moved = append(moved, fmt.Sprint(file, ".", round))
		if err := os.Rename(file, moved[round]); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ask()
		p.cmd.Process.Signal(syscall.SIGHUP)
		for asked := 0; !strings.Contains(textOf(file), "event=reloaded"); asked++ {
			ask()
			if asked > 10_000 {
				t.Fatal("it is not opened again")
			}
		}
	}
	ask()
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	var all string
	for i, name := range append(moved, file) {
		text := testkit.ReadFile(t, name)
		if reopened := strings.Count(text, "event=log_reopened"); reopened != min(i, 1) || text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: opened again %d times", name, reopened)
		}
		all += text
	}
	keys := regexp.MustCompile(`<\d+ get (key\d+)"`).FindAllStringSubmatch(all, -1)
	for i, m := range keys {
		if m[1] != fmt.Sprint("key", i) {
			t.Fatalf("line %d is about %s", i, m[1])
		}
	}
	if len(keys) != sent || !strings.Contains(all, "event=stopped") || strings.Contains(all, "event=log_dropped") {
		t.Errorf("%d lines of %d", len(keys), sent)
	}
}

// A file that cannot be opened again: the log goes on in the old one, and says so. The
// logins are read again all the same.
func TestLogFile_ThatCannotBeOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	file, moved := filepath.Join(dir, "log"), filepath.Join(dir, "moved")
	p, _ := loggedNode(t, file, "--log-format=text")
	if err := os.Rename(file, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "it goes on in the old one", func() bool { return strings.Contains(textOf(moved), "event=reloaded") })
	if text := textOf(moved); !regexp.MustCompile("level=ERROR .* event=log_not_reopened ").MatchString(text) {
		t.Fatalf("the old one has\n%s", text)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "the new one", func() bool { return strings.Contains(textOf(file), "event=log_reopened") })
	if p.said() != "" {
		t.Errorf("stderr has %q", p.said())
	}
}

// A log that takes nothing holds up nobody: a FIFO that nobody reads, and a disk that is
// full. SIGHUP leads away from it.
func TestLogFile_ThatTakesNothingHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	fifo, full := filepath.Join(dir, "fifo"), filepath.Join(dir, "full")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", full); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		testkit.Lacks(t, "no /dev/full here")
	}
	for _, file := range []string{fifo, full} {
		p, client := loggedNode(t, file, "-vv", "--log-format=json")
		c := dialled(t, client)
		replies := bufio.NewReader(c)
		line := "get " + strings.Repeat("k", 240) + "\r\n"
		for range 40 { // 40 times 100 lines of 300 bytes: a pipe takes 64 KiB
			if _, err := c.Write([]byte(strings.Repeat(line, 100))); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				if reply, err := replies.ReadString('\n'); err != nil || reply != "END\r\n" {
					t.Fatalf("%s: %q, %v", file, reply, err)
				}
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		p.cmd.Process.Signal(syscall.SIGHUP)
		waitFor(t, "it leads away", func() bool { return strings.Contains(textOf(file), `"event":"reloaded"`) })
		p.cmd.Process.Signal(syscall.SIGTERM)
		if code := p.exit(); code != exitOK || !strings.Contains(textOf(file), `"event":"stopped"`) {
			t.Errorf("%s: exit %d", file, code)
		}
	}
}

// The file that the node makes as root belongs to the user whom it becomes: in a directory
// of that user's it can be opened again.
func TestLogFile_BelongsToTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "only root can become another user")
	}
	dir, err := os.MkdirTemp("", "twincached-log") // others may look into it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "log")
	client := "127.0.0.1:" + freePorts(t, 1)[0]
	p := run(t, "-l"+client, "-m8", "-u", "65534", "--log-file", file)
	waitFor(t, "it serves", func() bool { return serves(client) })
	const user = 65534
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "it is opened again", func() bool { return strings.Contains(textOf(file), "log_reopened") })
	for _, name := range []string{file, file + ".1"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != user || st.Gid != user || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: user %d, group %d, %v", name, st.Uid, st.Gid, info.Mode())
		}
	}
}

func TestLogFile_ThatCannotBeMadeIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none", "log")
	p := run(t, asRoot("-l127.0.0.1", "-p-1", "--log-file", missing)...)
	if code := p.exit(); code != exitOSError || !strings.Contains(p.said(), "twincached: --log-file: open "+missing) {
		t.Errorf("exit %d: %s", code, p.said())
	}
}

// An error that ends the process stands in the file and on the terminal.
func TestLogFile_TheErrorThatEndsItStandsOnTheTerminalToo(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file := filepath.Join(t.TempDir(), "log")
	p := run(t, asRoot("-l"+busy.Addr().String(), "--log-file", file, "--log-format=json")...)
	if code := p.exit(); code != exitOSError || !strings.HasPrefix(p.said(), "twincached: clients: ") {
		t.Errorf("exit %d: %s", code, p.said())
	}
	if text := textOf(file); !strings.Contains(text, `"event":"ended","status":71`) || strings.Contains(text, "twincached: ") {
		t.Errorf("the file has %s", text)
	}
}

func TestLogFormat_BadInputIsAnsweredClearly(t *testing.T) {
	const want = "--log-format: \"xml\" is neither auto nor text nor json"
	_, code, _, stderr := parse("--log-format", "xml")
	if code != exitUsage || !strings.Contains(stderr, want) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	t.Setenv("TWINCACHED_LOG_FORMAT", "xml")
	if _, code, _, stderr := parse(); code != exitUsage || !strings.Contains(stderr, "is neither auto nor text nor json") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// To a pipe it is JSON, from the first line to the error that ends it.
func TestLogFormat_EachLineOfAPipeIsJSON(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	cmd := command(asRoot("-l"+busy.Addr().String(), "-U", "5")...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("it serves on a busy port")
	}
	var words []string
	for line := range strings.Lines(string(out)) {
		var l struct{ Time, Level, Msg, Event string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" || l.Level == "" || l.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
		words = append(words, l.Event)
	}
	if got := strings.Join(words, " "); got != "starting udp_refused ended" {
		t.Errorf("the words are %q", got)
	}
}

// Under systemd the lines have priorities, and journald's time.
func TestLogFormat_Journal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := w.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	cmd := command(asRoot("-l127.0.0.1", "-p-1", "-m8", "-U", "5", "--state-dir", "/proc/none")...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino))
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var said testkit.Log
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
	}
	if cmd.Wait() == nil {
		t.Error("it has a state directory in /proc")
	}
	for _, want := range []string{"<6>level=INFO msg=starting event=starting ", "<4>level=WARN msg=\"UDP is refused", "<3>level=ERROR msg=\"--state-dir: "} {
		if !strings.Contains("\n"+said.String(), "\n"+want) {
			t.Errorf("no %q in\n%s", want, said.String())
		}
	}
	if text := said.String(); strings.Contains(text, "time=") || strings.Contains(text, "twincached: ") {
		t.Errorf("said\n%s", text)
	}
}

// What clients name and send stays out of the log, whatever they do wrong; -vv shows keys.
func TestLog_HasNoKeyNoValueAndNoPassword(t *testing.T) {
	dir := t.TempDir()
	logins := filepath.Join(dir, "logins")
	if err := os.WriteFile(logins, []byte("user:pass4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verbose := range []string{"--verbose=0", "--verbose=1", "--verbose=3"} {
		file := filepath.Join(dir, "log"+verbose)
		p, client := loggedNode(t, file, "-Y", logins, "-I", "1k", "--log-format=json", verbose)
		for _, words := range []string{
			"set auth 0 0 13\r\nuser wrong4711\r\n",
			"set auth 0 0 13\r\nuser pass4711\r\nset key4711 0 0 9\r\nvalue4711\r\nget key4711\r\nincr key4711 4711\r\n",
			"set auth 0 0 13\r\nuser pass4711\r\nset key4711 0 0 4\r\nvalue4711\r\nset key4711 0 0 4000\r\n" + strings.Repeat("value4711", 500),
			"set auth 0 0 13\r\nuser pass4711\r\n" + strings.Repeat("key4711", 10_000) + "\r\n",
			"set auth 0 0 13\r\nuser pass4711\r\nmg key4711 v\r\nms key4711 S9\r\nvalue4711\r\nmd " + strings.Repeat("key4711", 100) + "\r\n",
			"\x80\x01\x00\x07key4711value4711" + strings.Repeat("\x00", 24),
		} {
			c := dialled(t, client)
			if _, err := c.Write([]byte(words)); err != nil {
				t.Fatal(err)
			}
			c.(*net.TCPConn).CloseWrite()
			bufio.NewReader(c).WriteTo(new(testkit.Log)) // until it hangs up; a reset is an end as well
		}
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.exit()
		text := testkit.ReadFile(t, file)
		for _, secret := range []string{"value4711", "pass4711", "wrong4711"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: the log has %s", verbose, secret)
			}
		}
		if has := strings.Contains(text, "key4711"); has != (verbose == "--verbose=3") || !strings.Contains(text, `"event":"stopped"`) {
			t.Errorf("%s: the log has keys: %v", verbose, has)
		}
	}
}
