package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

const patience = testkit.Patience

var (
	waitFor   = testkit.Eventually
	freePorts = testkit.FreePorts
	readFile  = testkit.ReadFile
)

// process is a twincached that runs.
type process struct {
	testkit.Log // all it has said

	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan error
}

func (p *process) said() string { return p.String() }

// run starts twincached; the test ends it.
func run(t *testing.T, args ...string) *process {
	t.Helper()
	return runIn(t, "", args...)
}

// runIn is run in a directory.
func runIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(args...), ended: make(chan error, 1)}
	p.cmd.Dir = dir
	p.cmd.Env = append(p.cmd.Env, "TWINCACHED_LOG_FORMAT=text")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-p.ended:
			p.ended <- err
		case <-time.After(patience):
			p.cmd.Process.Kill()
			t.Error("it did not end")
		}
		if t.Failed() {
			t.Logf("twincached %s said:\n%s", strings.Join(args, " "), p.said())
		}
	})
	return p
}

// command is twincached, as this test binary.
func command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// asRoot adds the flag that root needs.
func asRoot(args ...string) []string {
	if os.Geteuid() == 0 {
		return append(args, "-u", "root")
	}
	return args
}

func (p *process) waitSaid(what string) {
	p.t.Helper()
	waitFor(p.t, fmt.Sprintf("%q", what), func() bool { return strings.Contains(p.said(), what) })
}

// stop returns when every thread of the process stands: right after the signal some
// may still take and acknowledge what the peer sends.
func (p *process) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	err := error(syscall.EINTR)
	for errors.Is(err, syscall.EINTR) {
		_, err = syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	}
	if err != nil || !status.Stopped() {
		p.t.Fatalf("it does not stop: %v", err)
	}
}

// exit waits for the end and returns the status.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
	case <-time.After(patience):
		p.t.Fatal("it did not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestProcess_ServesWritesItsPidAndStopsByPlan(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "pid")
	port := freePorts(t, 1)[0]
	p := run(t, asRoot("-l127.0.0.1", "-p"+port, "-m8", "-P", pidfile, "-o", "modern", "-q8192")...)
	p.waitSaid("msg=ready")
	waitFor(t, "the pid file", func() bool { return strings.HasSuffix(textOf(pidfile), "\n") })
	pid, err := os.ReadFile(pidfile)
	if err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(p.cmd.Process.Pid) {
		t.Errorf("pid file holds %q, %v; want %d", pid, err, p.cmd.Process.Pid)
	}
	if said := p.said(); !strings.Contains(said, "local_keys=*.lock") || !strings.Contains(said, `flags="--extended=modern --queue-length"`) {
		t.Errorf("said %s", said)
	}
	if _, code, out, stderr := parse("healthcheck", "127.0.0.1:"+port); code != exitOK || !strings.Contains(out, "serves (1.6.") {
		t.Errorf("healthcheck: %d %q %q", code, out, stderr)
	}
	p.cmd.Process.Signal(syscall.SIGHUP) // ignored
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(pidfile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pid file after the end: %v", err)
	}
	if _, code, _, stderr := parse("healthcheck", "127.0.0.1:"+port); code != exitFailed || !strings.Contains(stderr, "does not serve") {
		t.Errorf("healthcheck after the end: %d %q", code, stderr)
	}
}

// A file that hangs when SIGHUP has it read again: the node stops as planned all the same.
func TestProcess_StopsWhileAFileHangs(t *testing.T) {
	logins := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(logins, []byte("a:b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, asRoot("-l127.0.0.1", "-p"+freePorts(t, 1)[0], "-m8", "-Y", logins)...)
	p.waitSaid("msg=ready")
	if err := errors.Join(os.Remove(logins), syscall.Mkfifo(logins, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	waitFor(t, "SIGHUP is looked at", func() bool { // nobody can write a FIFO without waiting unless somebody reads it
		f, err := os.OpenFile(logins, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			t.Cleanup(func() { f.Close() }) // the reader waits for what it says
		}
		return err == nil
	})
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

func TestProcess_ExitStatusesAreMemcacheds(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	missing, link := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "link")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("dear"), 0o644), os.Symlink(victim, link)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		root bool // needs to be root
		code int
		want string
	}{
		{asRoot("-l127.0.0.1", "-p"+port), false, exitOSError, "choose another port with -p"},
		{asRoot("-l127.0.0.1", "-p-1", "-X"+port), false, exitOSError, "-X, --repl-port"},
		{asRoot("-l127.0.0.1", "-p-1", "-xother", "-X-1", "--secret-file", missing), false, exitOSError, "--secret-file: open " + missing},
		{asRoot("-l127.0.0.1", "-p-1", "-P", missing+"/pid"), false, exitOSError, "-P, --pidfile"},
		{asRoot("-l127.0.0.1", "-p-1", "-P", link), false, exitOSError, "-P, --pidfile: " + link + " is a symbolic link, which is not followed"},
		{asRoot("-l127.0.0.1", "-d", "-p"+port), false, exitOSError, "choose another port with -p"},
		{[]string{"-l127.0.0.1"}, true, exitUsage, "can't run as root without the -u switch"},
		{[]string{"-unobody9"}, true, exitNoUser, "can't find the user nobody9 to switch to"},
		{[]string{"-unobody", "-l127.0.0.1", "-p-1", "--state-dir", "/proc/none"}, true, exitOSError, "--state-dir: mkdir /proc/none"},
	} {
		if c.root && os.Geteuid() != 0 {
			continue
		}
		p := run(t, c.args...)
		if code := p.exit(); code != c.code || !strings.Contains(p.said(), "twincached: ") || !strings.Contains(p.said(), c.want) {
			t.Errorf("%q: exit %d, %s; want %d and %q", c.args, code, p.said(), c.code, c.want)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "dear" {
		t.Errorf("the file behind the link: %q, %v", text, err)
	}
}

// A million connections' worth of -c works where the machine lets it, and is
// otherwise an answer that says what would work.
func TestProcess_AbsurdConnLimitIsServedOrExplained(t *testing.T) {
	p := run(t, asRoot("-l127.0.0.1", "-p-1", "-m8", "-c16000000")...)
	waitFor(t, "an answer", func() bool {
		return strings.Contains(p.said(), "msg=ready") || strings.Contains(p.said(), "twincached: ")
	})
	if strings.Contains(p.said(), "msg=ready") {
		return
	}
	if code := p.exit(); code != exitOSError || !strings.Contains(p.said(), "-c, --conn-limit 16000000") || !strings.Contains(p.said(), "start with -c") {
		t.Errorf("exit %d: %s", code, p.said())
	}
}

func TestProcess_BecomesTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "only root can become another user")
	}
	p := run(t, "-l127.0.0.1", "-p-1", "-m8", "-u", "65534")
	p.waitSaid("msg=ready")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		testkit.Lacks(t, "no /proc here")
	}
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t65534 "} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
}

func TestProcess_DaemonOutlivesItsCommand(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "pid")
	port := freePorts(t, 1)[0]
	cmd := command(asRoot("-dl127.0.0.1", "-p", port, "-m8", "-P", pidfile)...)
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid == cmd.Process.Pid {
		t.Fatalf("pid %q, command's %d", text, cmd.Process.Pid)
	}
	if session, err := syscall.Getpgid(pid); err != nil || session != pid {
		t.Errorf("process group %d of %d, %v", session, pid, err)
	}
	waitFor(t, "the daemon serves", func() bool { return serves("127.0.0.1:" + port) })
	syscall.Kill(pid, syscall.SIGTERM)
	waitFor(t, "the daemon's end", func() bool { _, err := os.Stat(pidfile); return errors.Is(err, os.ErrNotExist) })
}

// twoNodes starts two processes that are each other's peer.
func twoNodes(t *testing.T, extra ...string) (a, b *process, clients []string) {
	t.Helper()
	ports := freePorts(t, 4)
	line := func(i int) []string {
		return asRoot(append([]string{"-l127.0.0.1", "-m8", "-p" + ports[i], "-X" + ports[2+i], "-x127.0.0.1:" + ports[3-i]}, extra...)...)
	}
	a, b = run(t, line(0)...), run(t, line(1)...)
	a.waitSaid("msg=ready")
	b.waitSaid("msg=ready")
	return a, b, []string{"127.0.0.1:" + ports[0], "127.0.0.1:" + ports[1]}
}

func TestProcess_SigtermSaysWhatThePeerLacks(t *testing.T) {
	a, b, clients := twoNodes(t, "--drain-timeout=300ms")
	b.stop()
	defer b.cmd.Process.Signal(syscall.SIGCONT)
	c := newClient(clients[0])
	for i := range 10 {
		if err := c.Set(&memcache.Item{Key: fmt.Sprint("k", i), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	a.cmd.Process.Signal(syscall.SIGTERM)
	if code := a.exit(); code != exitLeft || !strings.Contains(a.said(), "10 items are not on a live peer") {
		t.Errorf("exit %d: %s", code, a.said())
	}
}

func TestProcess_SecondSignalEndsADrain(t *testing.T) {
	a, b, clients := twoNodes(t, "--drain-timeout=1h")
	b.stop()
	defer b.cmd.Process.Signal(syscall.SIGCONT)
	c := newClient(clients[0])
	if err := c.Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	a.cmd.Process.Signal(syscall.SIGTERM)
	a.waitSaid("msg=draining")
	a.cmd.Process.Signal(syscall.SIGTERM)    // as timeout(1) does
	waitFor(t, "that is seen", func() bool { // in time for it to count as the same, or not
		return strings.Contains(a.said(), "signals within a second count as one") || strings.Contains(a.said(), "second signal")
	})
	waitFor(t, "the end by a later signal", func() bool {
		a.cmd.Process.Signal(syscall.SIGINT)
		return strings.Contains(a.said(), "second signal")
	})
	if code := a.exit(); code != exitLeft || !strings.Contains(a.said(), "second signal") {
		t.Errorf("exit %d: %s", code, a.said())
	}
}

// Every set that was answered before SIGTERM closed the port is on the peer.
func TestProcess_SigtermUnderPipelinedSetsLosesNothing(t *testing.T) {
	a, _, clients := twoNodes(t, "-m256", "--drain-timeout=1m") // room for all that the loop below could send: nothing is evicted
	conn, err := net.Dial("tcp", clients[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		w := bufio.NewWriter(conn)
		for i := range 1_000_000 {
			if _, err := fmt.Fprintf(w, "set k%d 0 0 1\r\nv\r\n", i); err != nil {
				return
			}
		}
		w.Flush()
	}()
	acknowledged := 0
	for replies := bufio.NewScanner(conn); replies.Scan(); acknowledged++ {
		if replies.Text() != "STORED" {
			t.Fatalf("got %q", replies.Text())
		}
		if acknowledged == 5000 {
			a.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	if code := a.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	c := newClient(clients[1])
	for i := range acknowledged {
		if _, err := c.Get(fmt.Sprint("k", i)); err != nil {
			t.Fatalf("k%d of %d acknowledged: %v", i, acknowledged, err)
		}
	}
	t.Logf("%d sets were acknowledged, all are on the peer", acknowledged)
}

// newClient waits as long as a busy machine takes; the library itself waits half a
// second.
func newClient(address string) *memcache.Client {
	c := memcache.New(address)
	c.Timeout = patience
	return c
}
