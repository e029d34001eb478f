package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"twincached/internal/ask"
	"twincached/internal/view"
)

const statusText = askingText + `

It shows both nodes beside each other, what is wrong and what to do, and what happened
last. A node that was not asked, or gives no answer, is shown as the other one knows it.
Numbers count from the start of the node; "twincached top" shows them a second.

Exit status: 0 the nodes serve and are linked, and nothing is wrong; 1 something is wrong;
2 no node could be asked; 64 the command line is wrong.`

// wideCells is how wide lines are where nobody says how wide the screen is.
const wideCells = 120

// statusCommand is "twincached status": it shows a pair.
func (p *program) statusCommand() *cli.Command {
	w := new(askWords)
	return &cli.Command{
		Name:        "status",
		Usage:       "show both nodes, and what is wrong",
		ArgsUsage:   "[A [B]]",
		Description: statusText,
		Flags:       append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print it as JSON, for scripts"}}, w.flags()...),
		Before:      applyOptions,
		Action: func(c *cli.Context) error {
			nodes, err := w.nodes(c.Args().Slice())
			if err != nil {
				return named("status", err)
			}
			return p.status(nodes, c.Bool("json"))
		},
	}
}

// named puts the command's name before an error, and leaves its exit status.
func named(command string, err error) error {
	if coded, ok := err.(*exitError); ok {
		return exitWith(coded.code, fmt.Errorf("%s: %w", command, coded.err))
	}
	return fmt.Errorf("%s: %w", command, err)
}

func (p *program) status(nodes []*ask.Node, inJSON bool) (err error) {
	look := view.NewLook(askAll(nodes)...)
	switch {
	case inJSON:
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(look.Document())
	case !look.Silent():
		cells, colour := terminalOf(p.stdout)
		err = printLines(p.stdout, look.Status(cells, time.Now()), colour)
	}
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	problems := look.Problems()
	switch {
	case look.Silent():
		var words []string
		for _, s := range []*view.Side{&look.A, &look.B} {
			if s.Address != "" {
				words = append(words, s.Address+" does not answer: "+s.Err)
			}
		}
		return exitWith(exitUnable, fmt.Errorf("status: %s", strings.Join(words, "; ")))
	case len(problems) == 1:
		return exitWith(exitFailed, fmt.Errorf("status: something is wrong: %s", problems[0].Word))
	case len(problems) > 1:
		return exitWith(exitFailed, fmt.Errorf("status: %d things are wrong", len(problems)))
	}
	return nil
}

// askAll asks all nodes at the same time.
func askAll(nodes []*ask.Node) []view.Answer {
	answers := make([]view.Answer, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			answers[i].Address = n.Address()
			pair, err := n.Status()
			if answers[i].Pair = pair; err != nil {
				answers[i].Err = err.Error()
			}
			n.Close()
		})
	}
	all.Wait()
	return answers
}

// terminalOf says how wide what is behind w is, and whether colours are wanted there.
func terminalOf(w io.Writer) (cells int, colour bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return wideCells, false
	}
	cells, _, err := term.GetSize(int(f.Fd()))
	if err != nil || cells <= 0 {
		cells = wideCells
	}
	return cells, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// sgr are the terminal's sequences for the tones.
var sgr = map[view.Tone]string{view.Strong: "1", view.Good: "32", view.Wary: "33", view.Bad: "1;31", view.Faint: "2"}

// printLines writes lines, in colours or in plain text.
func printLines(w io.Writer, lines []view.Line, colour bool) error {
	var b strings.Builder
	for _, l := range lines {
		if !colour {
			b.WriteString(l.String() + "\n")
			continue
		}
		for _, s := range l {
			if code := sgr[s.Tone]; code != "" && strings.TrimSpace(s.Text) != "" {
				b.WriteString("\x1b[" + code + "m" + s.Text + "\x1b[m")
			} else {
				b.WriteString(s.Text)
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
