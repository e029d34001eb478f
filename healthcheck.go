package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
)

const healthTimeout = 3 * time.Second // a container engine's own limit is longer

const healthHelp = `twincached healthcheck [HOST[:PORT] | /PATH]: ask whether a node serves

Without an address: the node that the variables TWINCACHED_... and the file of --config
make, on this machine. A path is a unix socket.

Exit status: 0 it serves; 1 it does not; 64 the command line is wrong.
`

// healthCommand is "twincached healthcheck": it asks a node for its version.
func (p *program) healthCommand() *cli.Command {
	return &cli.Command{
		Name:     "healthcheck",
		HideHelp: true,
		Flags:    []cli.Flag{helpFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return exitWith(exitUsage, fmt.Errorf("healthcheck takes one HOST:PORT or socket, not %d", c.Args().Len()))
			}
			target, err := healthTarget(c.Args().First())
			if err != nil {
				return exitWith(exitUsage, fmt.Errorf("healthcheck: %w", err))
			}
			version, err := askVersion(target, healthTimeout)
			if err != nil {
				return exitWith(exitFailed, fmt.Errorf("healthcheck: %s does not serve: %w", target, err))
			}
			_, err = fmt.Fprintf(p.stdout, "%s serves (%s)\n", target, version)
			return err
		},
	}
}

// healthTarget is the address to ask: with a slash in it, a unix socket. Without
// one it is what the environment, and the file it names, give the node in the same
// container: a socket, or a port of this machine.
func healthTarget(arg string) (string, error) {
	s, _, err := readSettings(nil)
	if err != nil {
		return "", err
	}
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

// askVersion sends "version" and returns the answer's version. A node that ends
// the conn without a word is asked over TLS.
func askVersion(address string, timeout time.Duration) (string, error) {
	version, err := askOnce(address, timeout, false)
	if errors.Is(err, io.EOF) && !strings.Contains(address, "/") {
		if v, errTLS := askOnce(address, timeout, true); errTLS == nil {
			return v, nil
		}
	}
	return version, err
}

func askOnce(address string, timeout time.Duration, secure bool) (string, error) {
	network := "tcp"
	if strings.Contains(address, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	if secure {
		// It is asked whether it serves, and nothing else is sent or believed.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := conn.Write([]byte("version\r\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReaderSize(conn, 256).ReadString('\n')
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(line) == "CLIENT_ERROR unauthenticated" {
		return "clients log in", nil // -Y: it serves those who do
	}
	version, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION ")
	if !ok {
		return "", fmt.Errorf("it answered %q", strings.TrimSpace(line))
	}
	return version, nil
}
