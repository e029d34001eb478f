package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"twincached/internal/ask"
	"twincached/internal/health"
)

// askingText is about the nodes that a command asks.
const askingText = `A and B are HOST[:PORT] of the nodes' client ports (11211), or a unix socket (/PATH).
Without them it asks the nodes that run in the same container, or as the same user on
this machine (Linux): one, or the two of "twincached pair". One that serves no client yet
is asked too, where it runs on this machine.`

// askWords is what a command line says of how to ask nodes.
type askWords struct {
	authFile, tlsCA, tlsCert, tlsKey string
	auth                             *option
}

// flags are the flags that say it.
func (w *askWords) flags() []cli.Flag {
	login := protection(&w.authFile)
	given := login.read
	login.read = func(v string) error {
		if v == "" && w.auth.from != fromFlag { // it is the node's, and perhaps wrong
			return nil
		}
		return given(v)
	}
	w.auth = newOption("auth-file", "Y", "FILE", login, "log in with the first line of FILE, name:password")
	w.auth.EnvVars = []string{envName("auth-file")} // as the node in the same container has it
	return asFlags([]*option{
		w.auth,
		newOption("tls-ca", "", "FILE", protection(&w.tlsCA).instead("any"), "authorities that sign the nodes' certificates, in PEM; speaks TLS only"),
		newOption("tls-cert", "", "FILE", protection(&w.tlsCert), "certificate to show to the nodes, in PEM"),
		newOption("tls-key", "", "FILE", protection(&w.tlsKey), "its key, in PEM"),
	})
}

// options reads the files.
func (w *askWords) options() (opt ask.Options, err error) {
	opt.LocalName, opt.LoginFrom = healthName, "--auth-file"
	if w.authFile != "" {
		opt.Name, opt.Password, err = readLogin(w.authFile)
		switch {
		case err == nil && w.auth.from != fromFlag:
			opt.LoginFrom = envName("auth-file")
		case err != nil && w.auth.from != fromFlag: // it may not be needed
			opt.LoginError = fmt.Errorf("%s: %w", envName("auth-file"), err)
		case err != nil:
			return opt, fmt.Errorf("-Y, --auth-file: %w", err)
		}
	}
	if w.tlsCA != "" {
		if opt.Roots, err = readRoots(w.tlsCA); err != nil {
			return opt, err
		}
	}
	if (w.tlsCert == "") != (w.tlsKey == "") {
		return opt, errors.New("--tls-cert and --tls-key belong together: give both")
	}
	if w.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(w.tlsCert, w.tlsKey)
		if err != nil {
			return opt, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		opt.Certificate = &pair
	}
	return opt, nil
}

// nodes are those that words name, and without words those of this machine.
func (w *askWords) nodes(words []string) (nodes []*ask.Node, err error) {
	opt, err := w.options()
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	addresses, err := addressesOf(words)
	switch {
	case err != nil:
		return nil, exitWith(exitUsage, err)
	case len(words) > 2:
		return nil, exitWith(exitUsage, fmt.Errorf("it takes one node or two, not %d", len(words)))
	case len(words) == 2 && addresses[0] == addresses[1]:
		return nil, exitWith(exitUsage, fmt.Errorf("both nodes are %s: give the addresses of both nodes of the pair", addresses[0]))
	case len(words) == 0:
		if addresses, err = addressesHere(); err != nil {
			return nil, err
		}
	}
	for _, a := range addresses {
		nodes = append(nodes, ask.NewNode(a, opt))
	}
	return nodes, nil
}

// addressesHere is where the nodes of this machine are, one or two; where none is found,
// where the environment says that one is.
func addressesHere() ([]string, error) {
	found, silent := health.Local(healthName)
	var addresses []string
	for _, n := range found {
		if len(n.Clients) > 0 {
			addresses = append(addresses, health.Reachable(n.Clients[0]))
		}
	}
	slices.Sort(addresses)
	switch {
	case len(addresses) > 2:
		return nil, exitWith(exitUsage, fmt.Errorf("%d nodes run here, name one or two: %s", len(addresses), describe(found)))
	case len(addresses) > 0:
		return addresses, nil
	case len(silent) > 0:
		return nil, exitWith(exitUnable, fmt.Errorf("the node with pid %d gives no answer: is it stopped?", silent[0]))
	}
	s, _ := environment()
	address, err := healthTarget("", &s)
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	return []string{address}, nil
}
