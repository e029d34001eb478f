package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
)

const configText = `The flags are those of a node (twincached -h), and so are the variables and the file
of --config: what is printed is what a node with the same words would start with. The
secret is not shown.

Exit status: 0 a node with these settings could start; 64 a setting is wrong, which
the last line says.`

// configCommand is "twincached config": what a node with these flags would be.
func (p *program) configCommand() *cli.Command {
	n := newNodeOptions()
	return &cli.Command{
		Name:               "config",
		Usage:              "print each setting, its value and where it came from",
		Description:        configText,
		CustomHelpTemplate: configHelp,
		Flags:              asFlags(n.all),
		Action:             func(c *cli.Context) error { return p.config(c, n) },
	}
}

func (p *program) config(c *cli.Context, n *nodeOptions) error {
	if c.Args().Present() {
		return exitWith(exitUsage, fmt.Errorf("config: unexpected word %q", c.Args().First()))
	}
	s, err := n.read()
	for _, line := range s.EnvNotes.lines() {
		fmt.Fprintln(p.stderr, line)
	}
	if err != nil {
		return exitWith(exitUsage, err)
	}
	if _, err := fmt.Fprint(p.stdout, n.table()); err != nil {
		return err
	}
	if err := s.Node.Validate(); err != nil {
		return exitWith(exitUsage, err)
	}
	return nil
}

// table lists each setting, its value and where it came from. Of a secret it shows
// the name of its file or its variable, and never the secret.
func (n *nodeOptions) table() string {
	w := &strings.Builder{}
	line := func(name, value, from string) {
		fmt.Fprintf(w, "%-20s %-24s %s\n", name, cmp.Or(value, "none"), from)
	}
	var ignored []*option
	for _, o := range n.all {
		switch {
		case o.Category == groupIgnored:
			if o.given() {
				ignored = append(ignored, o)
			}
		case o.given():
			line(o.Name, o.text, o.from)
		case o.Name == "threads":
			line(o.Name, strconv.Itoa(n.settings.Node.Threads), "default")
		case !o.TakesValue():
			line(o.Name, "false", "default")
		default:
			line(o.Name, o.DefaultText, "default")
		}
	}
	if n.settings.Node.Secret != "" {
		line("secret", "not shown", "environment "+node.SecretVariable)
	}
	slices.SortFunc(ignored, func(a, b *option) int { return cmp.Compare(a.Name, b.Name) })
	for _, o := range ignored {
		line(o.Name, o.text, o.from+" (means nothing here)")
	}
	return w.String()
}
