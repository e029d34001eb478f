// Package cli is the command line: flags become a node.Config, and each subcommand
// has its own file. The flags are a table (options.go) in memcached's and
// repcached's own letters; what a node is, is in internal/node.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"twincached/internal/nodelog"
)

// program is one call of twincached: its argument words and its terminal.
type program struct {
	args   []string // without the program's name
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	long  []string             // the flags of the command that runs, in long form
	serve func(settings) error // runs a node; a test looks at the settings instead
	log   *nodelog.Writer      // what stderr, or stdout, goes through, where nobody may wait for it; nil: nothing
}

// plainFlag is a flag without a value on the command line.
type plainFlag struct{ *cli.StringFlag }

// TakesValue is false: the flag's presence is its value.
func (plainFlag) TakesValue() bool { return false }

func makeFlag(long, letter, value string) cli.Flag {
	f := &cli.StringFlag{Name: long}
	if letter != "" {
		f.Aliases = []string{letter}
	}
	if value == "" {
		return plainFlag{f}
	}
	return f
}

func helpFlag() cli.Flag { return plainFlag{&cli.StringFlag{Name: "help", Aliases: []string{"h"}}} }

// flags makes the command line's flags from the tables.
func flags() []cli.Flag {
	out := []cli.Flag{plainFlag{&cli.StringFlag{Name: "version", Aliases: []string{"V"}}}, helpFlag()}
	for _, o := range options {
		out = append(out, makeFlag(o.long, o.letter, o.value))
	}
	for _, o := range ignored {
		out = append(out, makeFlag(o.long, o.letter, o.value))
	}
	return out
}

// Main does what the words of this process say, on its terminal, and returns the
// exit status.
func Main() int {
	p := program{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	p.serve = p.serveNode
	return p.run()
}

// run does what the words say and returns the exit status.
func (p *program) run() int {
	defer func() {
		if p.log != nil {
			p.log.Close(nodelog.ExitGrace)
		}
	}()
	app := &cli.App{
		Name:            "twincached",
		HideHelp:        true, // ours begins with the line scripts look for
		HideHelpCommand: true,
		HideVersion:     true,
		Flags:           flags(),
		Action:          p.node,
		Commands:        []*cli.Command{p.pairCommand(), p.healthCommand(), p.verifyCommand(), p.configCommand(), p.certCommand()},
		Reader:          p.stdin,
		Writer:          p.stdout,
		ErrWriter:       io.Discard, // errors are printed once, below
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return exitWith(exitUsage, err) },
	}
	err := p.dispatch(app)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(p.stderr, "twincached: %s\n", strings.TrimPrefix(err.Error(), "node: "))
	if coded := (*exitError)(nil); errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

// dispatch finds the subcommand and hands each its flags in long form.
func (p *program) dispatch(app *cli.App) error {
	head, rest, err := normalise(withoutName(p.args), app.Flags)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	p.long = head
	words := append([]string{app.Name}, head...)
	if len(rest) > 0 {
		sub := app.Command(rest[0])
		if sub == nil {
			return p.plainWord(app, rest)
		}
		if len(head) > 0 {
			return exitWith(exitUsage, fmt.Errorf("flags of %s go behind the word %s", sub.Name, sub.Name))
		}
		long, tail, err := normalise(rest[1:], sub.Flags)
		if err != nil {
			return exitWith(exitUsage, fmt.Errorf("%s: %w", sub.Name, err))
		}
		if slices.Contains(long, "--help=true") {
			return p.help(sub.Name)
		}
		p.long = long
		words = append(append(append(words, sub.Name), long...), "--") // the flags have been read: what follows is words
		words = append(words, tail...)
	}
	switch {
	case slices.Contains(head, "--help=true"):
		return p.help("")
	case slices.Contains(head, "--version=true"):
		_, err := io.WriteString(p.stdout, versionText())
		return err
	}
	return app.Run(words)
}

func (p *program) help(command string) error {
	text := helpText()
	switch command {
	case "pair":
		text = pairHelp
	case "cert":
		text = certHelp
	case "verify":
		text = verifyHelp
	case "config":
		text = configHelp
	case "healthcheck":
		text = healthHelp
	}
	_, err := io.WriteString(p.stdout, text)
	return err
}

// plainWord does what "help" and "version" say, and nothing for another word.
func (p *program) plainWord(app *cli.App, words []string) error {
	names := []string{"help", "version"}
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	switch {
	case words[0] == "version" && len(words) == 1:
		_, err := io.WriteString(p.stdout, versionText())
		return err
	case words[0] == "help" && len(words) == 1:
		return p.help("")
	case words[0] == "help" && app.Command(words[1]) != nil:
		return p.help(words[1])
	case len(words) == 2 && words[0] == "help" && (words[1] == "help" || words[1] == "version"):
		return p.help("")
	case words[0] == "help" || words[0] == "version":
		words = words[1:]
	}
	hint := "the commands are " + strings.Join(names, ", ")
	if near := suggest(words[0], names); near != "" && near != words[0] {
		hint = "did you mean " + near + "?"
	}
	return exitWith(exitUsage, fmt.Errorf("unexpected word %q: %s", words[0], hint))
}

const configHelp = `twincached config [flags]: print each setting, its value and where it came from

The flags are those of a node (twincached -h), and so are the variables and the file
of --config: what is printed is what a node with the same words would start with. The
secret is not shown.

Exit status: 0 a node with these settings could start; 64 a setting is wrong, which
the last line says.
`

// configCommand is "twincached config": what a node with these flags would be.
func (p *program) configCommand() *cli.Command {
	return &cli.Command{
		Name:     "config",
		HideHelp: true,
		Flags:    flags(),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return exitWith(exitUsage, fmt.Errorf("config: unexpected word %q", c.Args().First()))
			}
			s, g, err := readSettings(p.long)
			for _, line := range s.EnvNotes.lines() {
				fmt.Fprintln(p.stderr, line)
			}
			if err != nil {
				return exitWith(exitUsage, err)
			}
			if err := p.printConfig(g, &s); err != nil {
				return err
			}
			if err := s.Node.Validate(); err != nil {
				return exitWith(exitUsage, err)
			}
			return nil
		},
	}
}

// node reads the flags of one node and runs it.
func (p *program) node(*cli.Context) error {
	s, _, err := readSettings(p.long)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	if err := s.Node.Validate(); err != nil {
		return exitWith(exitUsage, err)
	}
	return p.serve(s)
}
