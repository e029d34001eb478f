package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
)

// flags are the options, with those that every command line has, for the library.
func (n *nodeOptions) flags() []cli.Flag {
	var flags []cli.Flag
	for _, o := range n.all {
		flags = append(flags, o)
		if o.Name == "verbose" {
			flags = append(flags, cli.HelpFlag, cli.VersionFlag)
		}
	}
	return flags
}

// read turns what was given into settings, once the command line and the variables
// have been heard. A flag wins over its variable, and that over the file of --config.
func (n *nodeOptions) read() (settings, error) {
	s := &n.settings
	s.EnvNotes = strangers(n.names())
	if err := n.find("config").apply(); err != nil {
		return *s, err
	}
	if n.config != "" {
		notes, err := n.readConfigFile(n.config)
		if err != nil {
			return *s, fmt.Errorf("--config: %w", err)
		}
		s.ConfigNotes = notes
	}
	n.moveTCP()
	for _, o := range n.all {
		if err := o.apply(); err != nil {
			return *s, explain(o, err)
		}
	}
	// No flag has the secret itself: whoever lists the processes would read it.
	if secret, there := os.LookupEnv(node.SecretVariable); there {
		var err error
		if s.Node.Secret, err = node.CheckSecret(secret); err != nil {
			return *s, err
		}
	}
	return *s, nil
}

// explain says which flag is wrong, and where that stands unless it is on the command
// line.
func explain(o *option, err error) error {
	where, file := strings.CutPrefix(o.from, fromFile)
	switch {
	case errors.Is(err, errNoFile) && o.from == fromFlag:
		return fmt.Errorf("--%s %w", o.Name, err)
	case errors.Is(err, errNoFile):
		return fmt.Errorf("--%s names no file (%s): name it, or leave it out", o.Name, o.from)
	case o.from == fromFlag:
		return fmt.Errorf("%s: %w", o.label(), err)
	case file:
		return fmt.Errorf("%s: %s: %w", where, o.label(), err)
	}
	return fmt.Errorf("%s: %w (%s)", o.label(), err, o.from)
}

// moveTCP puts the port for clients where -U would open one for UDP and no -p says
// otherwise, as memcached does.
func (n *nodeOptions) moveTCP() {
	udp, tcp := n.find("udp-port"), n.find("port")
	if tcp.given() {
		return
	}
	if port, err := strconv.Atoi(udp.text); err == nil && port != 0 && port >= -1 && port <= math.MaxUint16 {
		tcp.hear(udp.text, udp.from)
	}
}
