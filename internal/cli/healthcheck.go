package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/health"
	"twincached/internal/node"
)

const healthTimeout = 3 * time.Second // a container engine's own limit is longer

const healthText = `Without an address it asks the node that runs in the same container, or as the same
user on this machine (Linux); where there is none, the node that the variables
TWINCACHED_... and the file of --config describe. A path is a unix socket.

A node that asks for a login or a certificate, speaks the binary protocol only, or is
full (-c), still serves its clients: that is status 0.

Exit status:
  0   it serves (with --ready: its state is ready)
  1   it does not serve, or there is no node
  10  with --ready: starting   nothing is decided yet
  11  with --ready: joining    it looks for its peer
  12  with --ready: copying    it takes a full copy from its peer
  13  with --ready: draining   it hands over to its peer, and stops
  14  with --ready: refused    its peer is there and refuses it: its log says why
  64  the command line is wrong`

// stateStatuses are the exit statuses of "healthcheck --ready" for the states that
// are not ready.
var stateStatuses = map[string]int{
	"starting": exitStarting, "joining": exitJoining, "copying": exitCopying, "draining": exitDraining, stateRefused: exitRefused,
}

const (
	stateReady   = "ready"
	stateRefused = "refused"
)

// healthName is what the sockets are called by which nodes are found.
var healthName = health.DefaultName

// healthCommand is "twincached healthcheck": it asks whether a node serves.
func (p *program) healthCommand() *cli.Command {
	return &cli.Command{
		Name:        "healthcheck",
		Usage:       "exit 0 when that node, or the one here, serves",
		ArgsUsage:   "[HOST[:PORT] | /PATH]",
		Description: healthText,
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "ready", Usage: "print the node's state too, and give each but ready a status of its own"}},
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return exitWith(exitUsage, fmt.Errorf("healthcheck takes one HOST:PORT or socket, not %d", c.Args().Len()))
			}
			h := healthCheck{ready: c.Bool("ready"), deadline: time.Now().Add(healthTimeout)}
			if err := h.find(c.Args().First()); err != nil {
				return err
			}
			return h.run(p)
		},
	}
}

// healthCheck is one question about one node.
type healthCheck struct {
	ready    bool // it counts whether the node is ready, and not only whether it serves
	deadline time.Time
	target   string         // HOST:PORT or a path
	node     *health.Report // the same node, of this container; nil: there is none, or it is elsewhere
}

// find decides which node is asked.
func (h *healthCheck) find(arg string) (err error) {
	n := newNodeOptions() // without a command line
	for _, o := range n.all {
		o.hearEnvironment()
	}
	s, wrong := n.read()
	if wrong != nil {
		s = settings{Node: node.Default()}
	}
	if h.target, err = healthTarget(arg, &s); err != nil {
		return exitWith(exitUsage, fmt.Errorf("healthcheck: %w", err))
	}
	nodes, silent := health.Local(healthName)
	if wrong != nil && (arg != "" || len(nodes) != 1) { // the one node has flags that win over what is wrong
		return exitWith(exitUsage, fmt.Errorf("healthcheck: %w", wrong))
	}
	for i := range nodes {
		if slices.ContainsFunc(nodes[i].Clients, func(a string) bool { return health.LeadsTo(h.target, a) }) {
			h.node = &nodes[i]
		}
	}
	switch {
	case arg != "" || h.node != nil && len(nodes) == 1:
	case len(nodes) == 1:
		h.node = &nodes[0]
		if len(h.node.Clients) > 0 {
			h.target = health.Reachable(h.node.Clients[0])
		}
	case len(nodes) == 0 && len(silent) > 0:
		return exitWith(exitFailed, fmt.Errorf("healthcheck: the node with pid %d gives no answer", silent[0]))
	case len(nodes) > 1 && h.node == nil:
		return exitWith(exitUsage, fmt.Errorf("healthcheck: %d nodes run here, name one: %s", len(nodes), describe(nodes)))
	}
	return nil
}

func describe(nodes []health.Report) string {
	var all []string
	for _, n := range nodes {
		all = append(all, fmt.Sprintf("%s (pid %d)", strings.Join(n.Clients, " "), n.PID))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// run asks, and prints what there is to say.
func (h *healthCheck) run(p *program) error {
	if h.node != nil && h.node.State != stateReady {
		return h.notReady(p, h.node.State)
	}
	if h.node != nil && h.node.Qualifier == stateRefused && h.ready {
		return h.notReady(p, stateRefused)
	}
	var a health.Answer
	if h.node != nil && h.node.Full {
		a = health.Answer{Version: h.node.Version, Note: health.Full} // it may let newcomers wait without a word
	} else if answer, err := health.Ask(h.target, h.ready, h.deadline); err != nil {
		return exitWith(exitFailed, fmt.Errorf("healthcheck: %s does not serve: %w", h.target, err))
	} else {
		a = answer
	}
	if h.node != nil {
		a.State, a.Qualifier = h.node.State, h.node.Qualifier
	}
	if h.ready && a.State != "" && a.State != stateReady {
		return h.notReady(p, a.State)
	}
	if h.ready && a.Qualifier == stateRefused {
		return h.notReady(p, stateRefused)
	}
	words := []string{}
	if !h.ready {
		a.State, a.Qualifier = "", ""
	}
	for _, w := range []string{a.State, a.Qualifier, a.Version, a.Note} {
		if w != "" {
			words = append(words, w)
		}
	}
	_, err := fmt.Fprintf(p.stdout, "%s serves (%s)\n", h.target, strings.Join(words, ", "))
	return err
}

// notReady is the answer for a node that is in another state.
func (h *healthCheck) notReady(p *program, state string) error {
	err := fmt.Errorf("healthcheck: the node at %s is %s", h.target, state)
	if !h.ready {
		return exitWith(exitFailed, fmt.Errorf("%w: it does not serve now", err))
	}
	if _, err := fmt.Fprintln(p.stdout, state); err != nil {
		return err
	}
	status, known := stateStatuses[state]
	if !known {
		status = exitFailed
	}
	return exitWith(status, err)
}

// healthTarget is the address to ask: with a slash in it, a unix socket. Without
// one it is what the environment, and the file it names, give the node in the same
// container: a socket, or a port of this machine.
func healthTarget(arg string, s *settings) (string, error) {
	if socket := s.Node.UnixSocket; arg == "" && socket != "" {
		if arg = socket; !strings.Contains(arg, "/") {
			arg = "./" + arg
		}
	}
	if strings.Contains(arg, "/") {
		return arg, nil
	}
	if arg == "" {
		arg = "127.0.0.1"
	}
	return node.WithPort(arg, s.Node.Port)
}
