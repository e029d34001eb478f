package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"twincached/internal/top"
)

const topText = askingText + `

Once a second it shows what both nodes do: commands, hits, lag, memory, connections, hot
keys, what is wrong, and what happened last. A node that gives no answer is shown as the
other one knows it, and is asked again. It needs a terminal of any size; 80 x 24 shows it
all. Keys: q ends it, p pauses, h explains the rows. NO_COLOR turns colours off.

Exit status: 0 it was ended; 2 no node was found here, or the terminal cannot be used;
64 the command line is wrong.`

// topCommand is "twincached top": it shows a pair, live.
func (p *program) topCommand() *cli.Command {
	w := new(askWords)
	return &cli.Command{
		Name:        "top",
		Usage:       "show what both nodes do, live",
		ArgsUsage:   "[A [B]]",
		Description: topText,
		Flags:       w.flags(),
		Before:      applyOptions,
		Action: func(c *cli.Context) error {
			nodes, err := w.nodes(c.Args().Slice())
			if err != nil {
				return named("top", err)
			}
			if f, ok := p.stdout.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
				return exitWith(exitUnable, errors.New("top: it needs a terminal; twincached status shows the same once, anywhere"))
			}
			screen, err := top.Screen()
			if err == nil {
				err = top.Run(screen, nodes)
			}
			if err != nil {
				return exitWith(exitUnable, fmt.Errorf("top: the terminal cannot be used: %w; twincached status shows the same once", err))
			}
			return nil
		},
	}
}
