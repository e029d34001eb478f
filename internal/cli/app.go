package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// program is one call of twincached: its argument words and its terminal.
type program struct {
	args   []string // without the program's name
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	serve func(settings) error // runs a node; a test looks at the settings instead
	last  *slog.Logger         // gets the error that ends the process as well; nil: only stderr does

	writers []*nodelog.Writer // what the terminal and the log go through, where nobody may wait for them
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
		for _, w := range p.writers {
			w.Close(nodelog.ExitGrace)
		}
	}()
	if asksForCompletion(p.args) && slices.Contains(p.args, "--") {
		return exitOK // the library would run what the words say
	}
	app := p.app()
	out := &firstError{Writer: p.stdout} // the library's only: what we print looks for itself
	app.Writer = out
	words, err := p.words(app)
	if err == nil {
		err = app.Run(words)
	}
	if err == nil {
		err = out.err
	}
	if err == nil {
		return exitOK
	}
	code := exitFailed
	if coded := (*exitError)(nil); errors.As(err, &coded) {
		code = coded.code
	}
	text := strings.TrimPrefix(err.Error(), "node: ")
	fmt.Fprintf(p.stderr, "twincached: %s\n", text)
	if p.last != nil {
		p.last.Error(text, nodelog.Ended, "status", code)
	}
	return code
}

// behind is a Writer to to, which nobody waits for until the end.
func (p *program) behind(to io.Writer) *nodelog.Writer {
	w := nodelog.NewWriter(to, func(lines uint64) []byte {
		return fmt.Appendf(nil, "%d lines were dropped: they came faster than they could be shown\n", lines)
	})
	p.writers = append(p.writers, w)
	return w
}

// firstError remembers what went wrong with its Writer: the library prints the help
// and the version, and asks nobody whether they arrived.
type firstError struct {
	io.Writer
	err error
}

func (w *firstError) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.err = cmp.Or(w.err, err)
	return n, err
}

// app is the program as the library knows it: flags, subcommands, help, completion
// and the manual page are made of it.
func (p *program) app() *cli.App {
	n := newNodeOptions()
	app := &cli.App{
		Name:                  "twincached",
		Usage:                 "a memcached that keeps a full copy of itself on a second machine",
		Description:           "Two nodes, one data set, no master: a memcached that keeps a full copy of\nitself on a second machine.",
		Version:               node.Version,
		Flags:                 n.flags(),
		Action:                func(c *cli.Context) error { return p.node(c, n) },
		Commands:              p.commands(),
		CustomAppHelpTemplate: appHelp,
		HideHelpCommand:       true, // ours knows what to say of a word that is no command
		EnableBashCompletion:  true,
		Reader:                p.stdin,
		Writer:                p.stdout,
		ErrWriter:             io.Discard, // errors are printed once, by run
		ExitErrHandler:        func(*cli.Context, error) {},
		OnUsageError:          usageError,
	}
	for _, c := range app.Commands {
		c.HideHelpCommand, c.OnUsageError = true, usageError
		if c.CustomHelpTemplate == "" {
			c.CustomHelpTemplate = commandHelp
		}
	}
	app.Setup()
	return app
}

func (p *program) commands() []*cli.Command {
	return []*cli.Command{
		p.pairCommand(), p.configCommand(), p.certCommand(), p.healthCommand(), p.statusCommand(), p.topCommand(), p.verifyCommand(), p.dumpCommand(), p.restoreCommand(), p.benchCommand(),
		p.helpCommand(), p.versionCommand(), p.completionCommand(), p.manCommand(),
	}
}

// usageError is for what argv.go lets through: a flag that takes no such value.
func usageError(c *cli.Context, err error, sub bool) error {
	if sub {
		err = fmt.Errorf("%s: %w", c.Command.Name, err)
	}
	return exitWith(exitUsage, err)
}

// words makes of the arguments what the library reads: long flags with "=", the
// subcommand, its flags, and "--" before whatever else there is.
func (p *program) words(app *cli.App) ([]string, error) {
	if asksForCompletion(p.args) {
		return append([]string{app.Name}, p.args...), nil
	}
	head, rest, err := normalise(withoutName(p.args), app.Flags)
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	words := append([]string{app.Name}, head...)
	if len(rest) == 0 {
		return words, nil
	}
	sub := app.Command(rest[0])
	if sub == nil && head != nil && head[len(head)-1] == "--warm=true" {
		return nil, exitWith(exitUsage, fmt.Errorf("the value of --warm stands behind an equals sign: --warm=%s", rest[0]))
	}
	if sub == nil {
		return nil, unexpected(app, rest[0])
	}
	if len(head) > 0 {
		return nil, exitWith(exitUsage, fmt.Errorf("flags of %s go behind the word %s", sub.Name, sub.Name))
	}
	long, tail, err := normalise(rest[1:], append(slices.Clip(sub.Flags), cli.HelpFlag))
	if err != nil {
		return nil, exitWith(exitUsage, fmt.Errorf("%s: %w", sub.Name, err))
	}
	if slices.Contains(long, "--help=true") {
		return append(words, sub.Name, "--help"), nil // whatever else there is
	}
	words = append(append(append(words, sub.Name), long...), "--") // the flags have been read: what follows is words
	return append(words, tail...), nil
}

// unexpected is the answer to a word that is no subcommand.
func unexpected(app *cli.App, word string) error {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	hint := "the commands are " + strings.Join(names, ", ")
	if near := suggest(word, names); near != "" && near != word {
		hint = "did you mean " + near + "?"
	}
	return exitWith(exitUsage, fmt.Errorf("unexpected word %q: %s", word, hint))
}

// node reads the flags of one node and runs it.
func (p *program) node(c *cli.Context, n *nodeOptions) error {
	if c.Args().Present() {
		return unexpected(c.App, c.Args().First())
	}
	s, err := n.read()
	if err != nil {
		return exitWith(exitUsage, err)
	}
	if err := s.Node.Validate(); err != nil {
		return exitWith(exitUsage, err)
	}
	return p.serve(s)
}
