package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
)

const (
	clientPort = ":11211"
	replPort   = ":11212"
)

// node is one process of the program, or its place while it is stopped.
type node struct {
	t    testing.TB
	name string
	host string
	args []string

	cmd    *exec.Cmd
	log    *testkit.Log
	stderr *os.File // where the log goes instead; nil: to log

	done chan struct{} // closed when the process has ended
	code int           // its exit status; -1: by a signal
}

// newNode describes a node that listens on host; peer is its -x ("" none).
func newNode(t testing.TB, name, host, peer string, extra ...string) *node {
	args := []string{"-u", "root", "-l", host, "-m", "256"}
	if peer != "" {
		args = append(args, "-x", peer)
	}
	n := &node{t: t, name: name, host: host, args: append(args, extra...)}
	t.Cleanup(func() {
		if n.running() {
			n.kill()
		}
		if t.Failed() && n.log != nil {
			t.Logf("--- last log of node %s\n%s", n.name, n.log.Tail(6000))
		}
	})
	return n
}

// newPair describes two nodes that know each other directly.
func newPair(t testing.TB, extra ...string) (a, b *node) {
	net := newNet()
	return newNode(t, "a", net+".1", net+".2", extra...), newNode(t, "b", net+".2", net+".1", extra...)
}

// start runs the process; it does not wait for anything.
func (n *node) start() {
	n.t.Helper()
	n.log = &testkit.Log{}
	n.cmd = exec.Command(Binary(n.t), n.args...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if n.stderr != nil {
		n.cmd.Stderr = n.stderr
	}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		_ = cmd.Wait() // its status is read below
		n.code = cmd.ProcessState.ExitCode()
		close(done)
	}()
}

// process is the one that runs, or ran last.
func (n *node) process() *os.Process { return n.cmd.Process }

func (n *node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

func (n *node) signal(s os.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatalf("%v to node %s: %v", s, n.name, err)
	}
	for end := time.Now().Add(testkit.Patience); s == syscall.SIGSTOP && !n.stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("node %s does not stop", n.name)
		}
	}
}

// stopped tells whether SIGSTOP has reached every thread: it may take a while.
func (n *node) stopped() bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", n.cmd.Process.Pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if _, state, ok := strings.Cut(string(text), ") "); err == nil && ok && state[0] != 'T' {
			return false
		}
	}
	return true
}

func (n *node) wait() int {
	n.t.Helper()
	select {
	case <-n.done:
	case <-time.After(testkit.Patience):
		n.t.Fatalf("node %s does not end", n.name)
	}
	return n.code
}

// kill ends the process as a power cut would.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	n.wait()
}

// stop ends it as planned and returns its exit status.
func (n *node) stop() int {
	n.signal(syscall.SIGTERM)
	return n.wait()
}

// serving reports whether the client port accepts connections now.
func (n *node) serving() bool {
	c, err := net.DialTimeout("tcp", n.host+clientPort, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (n *node) waitServing() {
	n.t.Helper()
	testkit.Eventually(n.t, "node "+n.name+" serves", func() bool {
		if !n.running() {
			n.t.Fatalf("node %s ended with status %d:\n%s", n.name, n.code, n.log.Tail(3000))
		}
		return n.serving()
	})
}

// startAll starts nodes at once and waits until all serve.
func startAll(nodes ...*node) {
	for _, n := range nodes {
		n.t.Helper()
		n.start()
	}
	for _, n := range nodes {
		n.waitServing()
	}
}
