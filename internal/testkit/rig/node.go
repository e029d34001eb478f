package rig

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// The ports of every node, as they stand behind its address.
const (
	ClientPort = ":11211"
	ReplPort   = ":11212"
	StatusPort = ":8211" // of the status page, where Tests asks for one
)

// Node is one process of the program, or its place while it is stopped.
type Node struct {
	T    testing.TB // fails with the node; its end is the node's
	Name string     // in messages
	Host string     // an address, without a port
	Args []string   // the command line of its next start

	Program string   // what its next start runs; "": the program under test
	Bare    bool     // its command line is Args alone: an earlier release does not know what the tests add to it
	Env     []string // what that has besides this process's environment

	Log    *testkit.Log // of its last start
	Stderr *os.File     // where that goes from its next start on; nil: to Log
	Code   int          // exit status, once it has ended; -1: by a signal

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// NewNode describes a node that listens on host; peer is its -x ("" none), extra its
// further flags. It ends with the test.
func NewNode(t testing.TB, name, host, peer string, extra ...string) *Node {
	args := []string{"-u", "root", "-l", host, "-m", "256"}
	if peer != "" {
		args = append(args, "-x", peer)
	}
	n := &Node{T: t, Name: name, Host: host, Args: append(args, extra...)}
	t.Cleanup(func() {
		if n.Running() {
			n.Kill()
		}
		if t.Failed() && n.Log != nil {
			t.Logf("--- last log of node %s\n%s", n.Name, n.Log.Tail(6000))
		}
	})
	return n
}

// NewPair describes two nodes that know each other directly.
func NewPair(t testing.TB, extra ...string) (a, b *Node) {
	net := NewNet(t)
	return NewNode(t, "a", net+".1", net+".2", extra...), NewNode(t, "b", net+".2", net+".1", extra...)
}

// Start runs the process; it does not wait for anything.
func (n *Node) Start() {
	n.T.Helper()
	n.Log = &testkit.Log{}
	args := slices.Clone(n.Args)
	if !n.Bare {
		args = append(args, "--log-format=text")
		if statusPages && !slices.Contains(args, "--status") {
			args = append(args, "--status", n.Host+StatusPort)
		}
	}
	n.cmd = exec.Command(cmp.Or(n.Program, Binary(n.T)), args...)
	n.cmd.Env = append(os.Environ(), n.Env...)
	n.cmd.Stdout, n.cmd.Stderr = n.Log, n.Log
	if n.Stderr != nil {
		n.cmd.Stderr = n.Stderr
	}
	n.cmd.SysProcAttr = childAttributes()
	if err := n.cmd.Start(); err != nil {
		n.T.Fatal(err)
	}
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		_ = cmd.Wait() // its status is read below
		n.Code = cmd.ProcessState.ExitCode()
		close(done)
	}()
}

// Process is the one that runs, or ran last.
func (n *Node) Process() *os.Process { return n.cmd.Process }

// Running tells whether the process is there, stopped by SIGSTOP or not.
func (n *Node) Running() bool {
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

// Signal sends a signal; behind SIGSTOP it waits until no thread runs.
func (n *Node) Signal(s os.Signal) {
	n.T.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.T.Fatalf("%v to node %s: %v", s, n.Name, err)
	}
	for end := time.Now().Add(testkit.Patience); s == syscall.SIGSTOP && !n.stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			n.T.Fatalf("node %s does not stop", n.Name)
		}
	}
}

// stopped tells whether SIGSTOP has reached every thread: it may take a while.
func (n *Node) stopped() bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", n.cmd.Process.Pid))
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if _, state, ok := strings.Cut(string(text), ") "); err == nil && ok && state[0] != 'T' {
			return false
		}
	}
	return true
}

// Wait waits for the end of the process and returns its exit status.
func (n *Node) Wait() int {
	n.T.Helper()
	select {
	case <-n.done:
	case <-time.After(testkit.Patience):
		n.T.Fatalf("node %s does not end", n.Name)
	}
	return n.Code
}

// Kill ends the process as a power cut would.
func (n *Node) Kill() {
	n.Signal(syscall.SIGKILL)
	n.Wait()
}

// Stop ends it as planned and returns its exit status.
func (n *Node) Stop() int {
	n.Signal(syscall.SIGTERM)
	return n.Wait()
}

// Serving reports whether the client port accepts connections now.
func (n *Node) Serving() bool {
	c, err := net.DialTimeout("tcp", n.Host+ClientPort, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// WaitServing waits until clients can connect. A process that ends instead fails the
// test at once.
func (n *Node) WaitServing() {
	n.T.Helper()
	testkit.Eventually(n.T, "node "+n.Name+" serves", func() bool {
		if !n.Running() {
			n.T.Fatalf("node %s ended with status %d:\n%s", n.Name, n.Code, n.Log.Tail(3000))
		}
		return n.Serving()
	})
}

// StartAll starts nodes at once and waits until all serve.
func StartAll(nodes ...*Node) {
	for _, n := range nodes {
		n.T.Helper()
		n.Start()
	}
	for _, n := range nodes {
		n.WaitServing()
	}
}
