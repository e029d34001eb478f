package pair

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// Options say which nodes to run, and where the person is.
type Options struct {
	Self       string    // the program's file, which is also a node
	Memory     string    // of each node, in MiB, as its -m takes it
	Nodes      [2]Ports  // A and B
	LeftStatus int       // the exit status of a node that stops with items that are on it alone
	In         io.Reader // what is typed, line by line
	Out        io.Writer // what is shown; it may not block
}

// Ports are those of one node, on 127.0.0.1. Status 0: it has no status page.
type Ports struct{ Client, Repl, Status int }

// pair is the two nodes. One goroutine owns it; nodes, keyboard and signals send it
// events.
type pair struct {
	out        *prefixer
	nodes      [2]*node
	leftStatus int
	events     chan event
}

// event is something that happened: a word typed, or a node's end.
type event struct {
	typed string
	ended *node
	err   error // of the node's process
}

// Run starts both nodes and serves the keyboard until q or a signal ends them.
func Run(o Options) error {
	// The nodes' ids outlive a restart, as they would on a real machine.
	dir, err := os.MkdirTemp("", "twincached-pair-")
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	defer os.RemoveAll(dir)
	a, b := o.Nodes[0], o.Nodes[1]
	q := &pair{out: &prefixer{w: o.Out}, leftStatus: o.LeftStatus, events: make(chan event, 16)}
	q.nodes[0] = newNode("A", "1", o.Self, a.Client, nodeArgs(o.Memory, dir+"/a", a, b.Repl))
	q.nodes[1] = newNode("B", "2", o.Self, b.Client, nodeArgs(o.Memory, dir+"/b", b, a.Repl))
	q.nodes[0].statusPort, q.nodes[1].statusPort = a.Status, b.Status
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	endWithGoRun()

	q.out.print(q.intro())
	for _, n := range q.nodes {
		if err := q.start(n); err != nil {
			q.end()
			return err
		}
	}
	go readKeys(o.In, q.events)
	q.loop(signals)
	q.end()
	return nil
}

func (q *pair) loop(signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			return
		case e := <-q.events:
			if e.ended != nil {
				q.nodeEnded(e.ended, e.err)
				q.startAgain(e.ended)
			} else if !q.typed(e.typed) {
				return
			}
		}
	}
}

// typed does what was asked for; false is the end.
func (q *pair) typed(line string) bool {
	if q.items(line) {
		return true
	}
	switch word := strings.ToLower(line); word {
	case "1", "2":
		q.stopOrStart(q.nodes[word[0]-'1'])
	case "k1", "k2":
		if n := q.nodes[word[1]-'1']; n.running() {
			q.out.printf("killing %s with SIGKILL", n.name)
			n.signal(syscall.SIGKILL)
			n.killed, n.again = true, false
		} else {
			q.out.printf("%s does not run: %s and Enter starts it", n.name, n.key)
		}
	case "s":
		for _, n := range q.nodes {
			q.out.print(n.status(q.other(n).name))
		}
	case "q", "quit", "exit":
		return false
	case "":
	default:
		q.out.print(keys)
	}
	return true
}

// stopOrStart is what the node's key does. One that is on its way out is started again once
// it has ended, however soon that is asked for.
func (q *pair) stopOrStart(n *node) {
	other := q.other(n)
	switch {
	case n.cmd == nil:
		if err := q.start(n); err != nil {
			q.out.printf("%v", err)
		}
		return
	case n.killed || n.stopping:
		n.again = true
		q.out.printf("%s starts again once it has ended", n.name)
		return
	case other.running():
		q.out.printf("stopping %s: it hands over what %s does not have yet", n.name, other.name)
	default:
		q.out.printf("stopping %s: %s does not run, so it waits a few seconds for it. %s and Enter starts %s: it takes everything over", n.name, other.name, other.key, other.name)
	}
	n.signal(syscall.SIGTERM)
	n.stopping = true
}

// startAgain starts a node that has ended, if that was asked for meanwhile.
func (q *pair) startAgain(n *node) {
	if !n.again {
		return
	}
	n.again = false
	if err := q.start(n); err != nil {
		q.out.printf("%v", err)
	}
}

func (q *pair) other(n *node) *node {
	if n == q.nodes[0] {
		return q.nodes[1]
	}
	return q.nodes[0]
}

func (q *pair) start(n *node) error {
	if err := n.start(q.out, q.events); err != nil {
		return fmt.Errorf("pair: start %s: %w", n.name, err)
	}
	q.out.printf("%s started, pid %d", n.name, n.pid())
	return nil
}

// nodeEnded says how a node ended and how to get it back.
func (q *pair) nodeEnded(n *node, err error) {
	n.ended()
	how := "stopped by plan; nothing is lost"
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == q.leftStatus {
		how = "stopped; some items were on it alone"
	} else if err != nil {
		how = "ended: " + err.Error()
	}
	other := q.other(n)
	if n.again {
		q.out.printf("%s %s", n.name, how)
		return
	}
	if !other.running() {
		q.out.printf("%s %s. Neither node runs now: the data is gone. 1 or 2 and Enter starts them", n.name, how)
		return
	}
	q.out.printf("%s %s. %s serves on. %s and Enter starts %s again: it copies everything from %s, then opens its port",
		n.name, how, other.name, n.key, n.name, other.name)
}

// end kills both nodes. There is nothing to wait for: no other node is there that could
// take over what they hold.
func (q *pair) end() {
	for _, n := range q.nodes {
		n.signal(syscall.SIGKILL)
	}
	for q.nodes[0].cmd != nil || q.nodes[1].cmd != nil {
		if e := <-q.events; e.ended != nil {
			e.ended.ended()
		}
	}
	q.out.print("both nodes have ended: what they held is gone, as nothing is on a disk")
}
