package cli

import (
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

//go:embed completion/bash
var bashScript string

//go:embed completion/zsh
var zshScript string

// completionWord is what a shell's script puts behind the words so far. The library
// then prints what may come next.
const completionWord = "--generate-bash-completion"

func asksForCompletion(args []string) bool {
	return len(args) > 0 && args[len(args)-1] == completionWord
}

const completionText = `  source <(twincached completion bash)           in ~/.bashrc
  source <(twincached completion zsh)            in ~/.zshrc, behind compinit
  twincached completion fish | source            in ~/.config/fish/config.fish`

// completionCommand is "twincached completion": it prints a shell's script.
func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print what makes a shell complete these words",
		ArgsUsage:   "bash|zsh|fish",
		Description: completionText,
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return exitWith(exitUsage, errors.New("completion: it takes the name of a shell, bash, zsh or fish"))
			}
			var script string
			var err error
			switch shell := c.Args().First(); shell {
			case "bash":
				script = bashScript
			case "zsh":
				script = zshScript
			case "fish":
				script, err = fishScript(p.app())
			default:
				return exitWith(exitUsage, fmt.Errorf("completion: %q is neither bash nor zsh nor fish", shell))
			}
			if err == nil {
				_, err = io.WriteString(p.stdout, script)
			}
			return err
		},
		BashComplete: func(c *cli.Context) { fmt.Fprint(c.App.Writer, "bash\nzsh\nfish\n") },
	}
}

// fileWords are values that are names of files.
var fileWords = []string{"FILE", "DIR"}

// fishScript is the library's, with files where a flag takes one: the library looks
// for them in flags of its own types only.
func fishScript(app *cli.App) (string, error) {
	script, err := app.ToFishCompletion()
	if err != nil {
		return "", err
	}
	flags := slices.Clone(app.Flags)
	for _, c := range app.Commands {
		flags = append(flags, c.Flags...)
	}
	for _, f := range flags {
		if o, ok := f.(*option); ok && slices.Contains(fileWords, o.word) {
			script = strings.ReplaceAll(script, " -f -l "+o.Name+" ", " -F -l "+o.Name+" ")
		}
	}
	return script, nil
}
