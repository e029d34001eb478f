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
	"time"
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

// Ports are those of one node, on 127.0.0.1.
type Ports struct{ Client, Repl int }

// patience is how long the two nodes may take to stop before they are
// killed: their own drain timeout and a little.
const patience = 15 * time.Second

// sameSignal is how long after the first signal another one counts as the same, as for
// a node.
const sameSignal = time.Second

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
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	endWithGoRun()

	q.out.print(q.intro())
	for _, n := range q.nodes {
		if err := q.start(n); err != nil {
			q.stopAll(signals)
			return err
		}
	}
	go readKeys(o.In, q.events)
	q.loop(signals)
	q.stopAll(signals)
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
		n := q.nodes[word[0]-'1']
		if n.running() {
			q.out.printf("stopping %s: it hands over what %s does not have yet", n.name, q.other(n).name)
			n.signal(syscall.SIGTERM)
		} else if err := q.start(n); err != nil {
			q.out.printf("%v", err)
		}
	case "k1", "k2":
		if n := q.nodes[word[1]-'1']; n.running() {
			q.out.printf("killing %s with SIGKILL", n.name)
			n.signal(syscall.SIGKILL)
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
	if !other.running() {
		q.out.printf("%s %s. Neither node runs now: the data is gone. 1 or 2 and Enter starts them", n.name, how)
		return
	}
	q.out.printf("%s %s. %s serves on. %s and Enter starts %s again: it copies everything from %s, then opens its port",
		n.name, how, other.name, n.key, n.name, other.name)
}

// stopAll ends both nodes, by force where they take too long or a second signal comes.
func (q *pair) stopAll(signals <-chan os.Signal) {
	timeout, again := time.NewTimer(patience), time.Now().Add(sameSignal)
	defer timeout.Stop()
	for _, n := range q.nodes {
		n.signal(syscall.SIGTERM)
	}
	kill := func() {
		for _, n := range q.nodes {
			n.signal(syscall.SIGKILL)
		}
	}
	for q.nodes[0].running() || q.nodes[1].running() {
		select {
		case e := <-q.events:
			if e.ended != nil {
				e.ended.ended()
			}
		case <-signals:
			if !time.Now().Before(again) {
				kill()
			}
		case <-timeout.C:
			kill()
		}
	}
	q.out.print("both nodes have ended")
}
