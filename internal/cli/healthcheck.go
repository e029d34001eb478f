package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/ask"
	"twincached/internal/health"
	"twincached/internal/node"
)

const healthTimeout = 3 * time.Second // a container engine's own limit is longer

const healthText = `Without an address it asks the node that runs in the same container, or as the same
user on this machine (Linux); where there is none, the node that the variables
TWINCACHED_... and the file of --config describe. A path is a unix socket.

A node that asks for a login or a certificate, speaks the binary protocol only, or is
full (-c), still serves its clients: that is status 0.

With --live it is enough that the node answers at all, in whatever state it is. With
--peer the link has to be up too (stream): its peer is there, and each has caught up
with what the other had. A node elsewhere is asked for that as a client does, so -Y and
--tls-... may be needed.

Exit status:
  0   it serves (with --ready: its state is ready; with --live: it answers)
  1   it does not serve, or there is no node; with --peer: or it is not linked
  10  with --ready: starting   nothing is decided yet
  11  with --ready: joining    it looks for its peer
  12  with --ready: copying    it takes a full copy from its peer
  13  with --ready: draining   it hands over to its peer, and stops
  14  with --ready: refused    its peer is there and refuses it: its log says why
  15  with --ready: loading    it loads its image (--warm)
  64  the command line is wrong`

// stateStatuses are the exit statuses of "healthcheck --ready" for the states that
// are not ready.
var stateStatuses = map[string]int{
	"starting": exitStarting, "joining": exitJoining, "copying": exitCopying, "draining": exitDraining, stateRefused: exitRefused, "loading": exitLoading,
}

const (
	stateReady   = "ready"
	stateRefused = "refused"
	stateLinked  = "stream" // of the link
)

// healthName is what the sockets are called by which nodes are found.
var healthName = health.DefaultName

// healthCommand is "twincached healthcheck": it asks whether a node serves.
func (p *program) healthCommand() *cli.Command {
	w := new(askWords)
	return &cli.Command{
		Name:        "healthcheck",
		Usage:       "exit 0 when that node, or the one here, serves",
		ArgsUsage:   "[HOST[:PORT] | /PATH]",
		Description: healthText,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "ready", Usage: "print the node's state too, and give each but ready a status of its own"},
			&cli.BoolFlag{Name: "live", Usage: "exit 0 when it answers at all, whatever its state"},
			&cli.BoolFlag{Name: "peer", Usage: "exit 0 only when it is linked with its peer too"},
		}, w.flags()...),
		Before: applyOptions,
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return exitWith(exitUsage, fmt.Errorf("healthcheck takes one HOST:PORT or socket, not %d", c.Args().Len()))
			}
			h := healthCheck{ready: c.Bool("ready"), live: c.Bool("live"), peer: c.Bool("peer"), deadline: time.Now().Add(healthTimeout)}
			if h.ready && h.live {
				return exitWith(exitUsage, errors.New("healthcheck: --live takes any state, and --ready one only: choose"))
			}
			var err error
			if h.asking, err = w.options(); err != nil {
				return exitWith(exitUsage, fmt.Errorf("healthcheck: %w", err))
			}
			if err := h.find(c.Args().First()); err != nil {
				return err
			}
			if h.live {
				return h.answers(p)
			}
			return h.run(p)
		},
	}
}

// healthCheck is one question about one node.
type healthCheck struct {
	ready    bool // it counts whether the node is ready, and not only whether it serves
	live     bool // it counts whether the node answers, and not whether it serves
	peer     bool // it counts whether it is linked with its peer
	asking   ask.Options
	deadline time.Time
	target   string         // HOST:PORT or a path
	node     *health.Report // the same node, of this container; nil: there is none, or it is elsewhere
}

// find decides which node is asked.
func (h *healthCheck) find(arg string) (err error) {
	s, wrong := environment()
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

// environment is what the variables, and the file that they name, say of the node in the same
// container; where that is wrong, a node without any.
func environment() (s settings, wrong error) {
	n := newNodeOptions() // without a command line
	for _, o := range n.all {
		o.hearEnvironment()
	}
	if s, wrong = n.read(); wrong != nil {
		s = settings{Node: node.Default()}
	}
	return s, wrong
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
	if !h.ready {
		a.State, a.Qualifier = "", ""
	}
	return h.well(p, "serves", a.State, a.Qualifier, a.Version, a.Note)
}

// answers is the check of --live.
func (h *healthCheck) answers(p *program) error {
	if h.node != nil {
		return h.well(p, "answers", h.node.State, h.node.Qualifier)
	}
	a, err := health.Ask(h.target, true, h.deadline)
	if err != nil {
		return exitWith(exitFailed, fmt.Errorf("healthcheck: %s does not answer: %w", h.target, err))
	}
	return h.well(p, "answers", a.State, a.Qualifier, a.Version, a.Note)
}

// well says that all is as it should be, once it has seen to the peer.
func (h *healthCheck) well(p *program, does string, words ...string) error {
	if h.peer {
		if err := h.linked(); err != nil {
			return err
		}
		words = append(words, "linked")
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	_, err := fmt.Fprintf(p.stdout, "%s %s (%s)\n", h.target, does, strings.Join(words, ", "))
	return err
}

// linked is the check of --peer.
func (h *healthCheck) linked() error {
	n := ask.NewNode(h.target, h.asking)
	defer n.Close()
	pair, err := n.Status()
	if err != nil {
		return exitWith(exitFailed, fmt.Errorf("healthcheck: the link of %s is not known: %w", h.target, err))
	}
	l := &pair.Node.Link
	switch {
	case l.State == stateLinked:
		return nil
	case !pair.Node.Node.Replicates:
		return exitWith(exitFailed, fmt.Errorf("healthcheck: the node at %s has no peer (-x)", h.target))
	case l.LastError != "":
		return exitWith(exitFailed, fmt.Errorf("healthcheck: the node at %s is not linked with its peer: %s, %s", h.target, l.State, l.LastError))
	}
	return exitWith(exitFailed, fmt.Errorf("healthcheck: the node at %s is not linked with its peer: %s", h.target, l.State))
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
