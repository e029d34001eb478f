package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
	"twincached/internal/pair"
)

// pairWords is what the command line says of a pair.
type pairWords struct {
	memory string // for each node's -m
	ports  [6]int // of clients of A and B, then for replication, then of the status pages
}

// pairFlags are the flags of pairWords.ports.
var pairFlags = [6]string{"port-a", "port-b", "repl-port-a", "repl-port-b", "status-port-a", "status-port-b"}

// firstStatus is the first of pairFlags that may be 0.
const firstStatus = 4

// pairDistance is how far the ports of B are from those of A.
const pairDistance = 10

func (p *program) pairCommand() *cli.Command {
	d := node.Default()
	w := &pairWords{
		memory: strconv.Itoa(d.MemoryMiB),
		ports: [6]int{
			d.Port, d.Port + pairDistance, node.DefaultReplPort, node.DefaultReplPort + pairDistance,
			node.DefaultStatusPort, node.DefaultStatusPort + pairDistance,
		},
	}
	port := func(i int, usage string) *option {
		if i >= firstStatus {
			return newOption(pairFlags[i], "", "PORT", numberFrom(0, 65535, "a port from 1 to 65535, or 0", &w.ports[i]), usage)
		}
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
			port(4, "port of node A's status page, 0 for none"),
			port(5, "port of node B's status page, 0 for none"),
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

// runPair looks whether two nodes can be, and runs them.
func (p *program) runPair(w *pairWords) error {
	if err := checkPairMemory(w.memory); err != nil {
		return exitWith(exitUsage, fmt.Errorf("pair: %w", err))
	}
	if err := checkPairPorts(w.ports); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("pair: %w", err))
	}
	// A terminal that stands still (Ctrl-S) holds up neither the keyboard nor the end.
	err = pair.Run(pair.Options{
		Self: self, Memory: w.memory, LeftStatus: exitLeft, In: p.stdin, Out: p.behind(p.stdout),
		Nodes: [2]pair.Ports{{Client: w.ports[0], Repl: w.ports[2], Status: w.ports[4]}, {Client: w.ports[1], Repl: w.ports[3], Status: w.ports[5]}},
	})
	if err != nil {
		return exitWith(exitOSError, err)
	}
	return nil
}

// checkPairPorts finds ports that are twice there, or busy.
func checkPairPorts(ports [6]int) error {
	seen := map[int]string{}
	for i, flag := range pairFlags {
		port := ports[i]
		if port == 0 && i >= firstStatus {
			continue
		}
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
