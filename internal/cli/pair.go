package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// pairPatience is how long the two nodes may take to stop before they are
// killed: their own drain timeout and a little.
const pairPatience = 15 * time.Second

// pair runs two nodes on this machine and lets a person stop, kill and start
// them. One goroutine owns it; nodes, keyboard and signals send it events.
type pair struct {
	out    *prefixer
	nodes  [2]*pairNode
	events chan pairEvent
}

// pairEvent is something that happened: a word typed, or a node's end.
type pairEvent struct {
	typed string
	ended *pairNode
	err   error // of the node's process
}

// pairWords is what the command line says of a pair.
type pairWords struct {
	memory string // for each node's -m
	ports  [4]int // of clients of A and B, then for replication
}

// pairFlags are the flags of pairWords.ports.
var pairFlags = [4]string{"port-a", "port-b", "repl-port-a", "repl-port-b"}

// pairDistance is how far the ports of B are from those of A.
const pairDistance = 10

func (p *program) pairCommand() *cli.Command {
	d := node.Default()
	w := &pairWords{
		memory: strconv.Itoa(d.MemoryMiB),
		ports:  [4]int{d.Port, d.Port + pairDistance, node.DefaultReplPort, node.DefaultReplPort + pairDistance},
	}
	port := func(i int, usage string) *option {
		return newOption(pairFlags[i], "", "PORT", numberFrom(1, 65535, "a port from 1 to 65535", &w.ports[i]), usage)
	}
	return &cli.Command{
		Name:  "pair",
		Usage: "run two nodes on this machine, to try it",
		Flags: asFlags([]*option{
			newOption("memory-limit", "m", "MIB", text(&w.memory), "memory of each node"),
			port(0, "port for clients of node A"),
			port(1, "port for clients of node B"),
			port(2, "replication port of node A"),
			port(3, "replication port of node B"),
		}),
		Before: applyOptions,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return exitWith(exitUsage, fmt.Errorf("pair: unexpected word %q", c.Args().First()))
			}
			return p.runPair(w)
		},
	}
}

// runPair starts both nodes and serves the keyboard until q or a signal.
func (p *program) runPair(w *pairWords) error {
	// A terminal that stands still (Ctrl-S) holds up neither the keyboard nor the end.
	p.log = nodelog.NewWriter(p.stdout, func(lines uint64) []byte {
		return fmt.Appendf(nil, "%d lines were dropped: they came faster than they could be shown\n", lines)
	})
	q := &pair{out: &prefixer{w: p.log}, events: make(chan pairEvent, 16)}
	self, err := os.Executable()
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("pair: %w", err))
	}
	// The nodes' ids outlive a restart, as they would on a real machine.
	state, err := os.MkdirTemp("", "twincached-pair-")
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("pair: %w", err))
	}
	defer os.RemoveAll(state)
	if err := q.configure(w, self, state); err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	endWithGoRun()

	q.out.print(q.intro())
	for _, n := range q.nodes {
		if err := q.start(n); err != nil {
			q.stopAll(signals)
			return exitWith(exitOSError, err)
		}
	}
	go readKeys(p.stdin, q.events)
	q.loop(signals)
	q.stopAll(signals)
	return nil
}

// configure finds ports that are twice there, or busy.
func (q *pair) configure(w *pairWords, self, state string) error {
	if err := checkPairMemory(w.memory); err != nil {
		return exitWith(exitUsage, fmt.Errorf("pair: %w", err))
	}
	seen := map[int]string{}
	for i, flag := range pairFlags {
		port := w.ports[i]
		if other := seen[port]; other != "" {
			return exitWith(exitUsage, fmt.Errorf("pair: --%s and --%s are both %d", other, flag, port))
		}
		seen[port] = flag
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			if errors.Is(err, syscall.EADDRINUSE) {
				return exitWith(exitOSError, fmt.Errorf("pair: port %d is in use by another program: choose another with --%s", port, flag))
			}
			return exitWith(exitOSError, fmt.Errorf("pair: --%s %d: %w", flag, port, err))
		}
		l.Close()
	}
	ports := w.ports
	q.nodes[0] = newPairNode("A", "1", self, ports[0], nodeArgs(w.memory, state+"/a", ports[0], ports[2], ports[3]))
	q.nodes[1] = newPairNode("B", "2", self, ports[1], nodeArgs(w.memory, state+"/b", ports[1], ports[3], ports[2]))
	return nil
}

// checkPairMemory finds what a node would refuse, before anything is started.
func checkPairMemory(memory string) error {
	s := settings{Node: node.Default()}
	if err := number(&s.Node.MemoryMiB).read(memory); err != nil {
		return fmt.Errorf("-m, --memory-limit: %w", err)
	}
	if err := s.Node.Validate(); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "node: "))
	}
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
		q.out.print(pairKeys)
	}
	return true
}

func (q *pair) other(n *pairNode) *pairNode {
	if n == q.nodes[0] {
		return q.nodes[1]
	}
	return q.nodes[0]
}

func (q *pair) start(n *pairNode) error {
	if err := n.start(q.out, q.events); err != nil {
		return fmt.Errorf("pair: start %s: %w", n.name, err)
	}
	q.out.printf("%s started, pid %d", n.name, n.pid())
	return nil
}

// nodeEnded says how a node ended and how to get it back.
func (q *pair) nodeEnded(n *pairNode, err error) {
	n.ended()
	how := "stopped by plan; nothing is lost"
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitLeft {
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
	timeout, again := time.NewTimer(pairPatience), time.Now().Add(sameSignal)
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
