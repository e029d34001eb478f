package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
)

// versionText begins as memcached's does: scripts look for that line.
const versionText = "memcached " + node.MemcachedVersion + "\ntwincached " + node.Version + "\n"

// What the library leaves to variables of its own.
func init() {
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Category: groupProcess, Usage: "print this"}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Category: groupProcess, Usage: "print the version"}
	cli.VersionPrinter = func(c *cli.Context) { io.WriteString(c.App.Writer, versionText) } // run hears of an error
	cli.FlagStringer = flagLine
	cli.MarkdownDocTemplate = manTemplate
}

// flagLine is a flag's line in the help: its names, a tab, its text.
func flagLine(f cli.Flag) string {
	d := f.(cli.DocGenerationFlag)
	line := "      --" + f.Names()[0]
	if len(f.Names()) > 1 {
		line = "  -" + f.Names()[1] + ", --" + f.Names()[0]
	}
	if o, ok := f.(*option); ok && o.word != "" {
		line += "=" + o.word
	}
	words := strings.Fields(d.GetUsage())
	if d.TakesValue() && d.GetDefaultText() != "" {
		words = append(words, "(default: "+d.GetDefaultText()+")")
	}
	for i, row := range rows(words, usageWidth) {
		if i > 0 {
			line += "\n"
		}
		line += "\t" + row
	}
	return line
}

// usageWidth is how wide the texts of flags are, in bytes.
const usageWidth = 72

// rows puts words into rows of this width.
func rows(words []string, width int) (rows []string) {
	for _, word := range words {
		if last := len(rows) - 1; last >= 0 && len(rows[last])+1+len(word) <= width {
			rows[last] += " " + word
		} else {
			rows = append(rows, word)
		}
	}
	return rows
}

// The templates of the help. The library fills them in, and lines up the columns
// that tabs separate.
const (
	flagsHelp = `{{$last := ""}}{{range .VisibleFlags}}{{if ne .GetCategory $last}}
{{$last = .GetCategory}}{{$last}}:
{{end}}{{.}}
{{end}}`

	commandHelp = `{{.HelpName}}{{if gt (len .VisibleFlags) 1}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}: {{.Usage}}
{{if .Description}}
{{.Description}}
{{end}}{{if gt (len .VisibleFlags) 1}}
{{range .VisibleFlags}}{{.}}
{{end}}{{end}}` // the one flag that each has is --help

	// configHelp is for a subcommand that has the flags of a node.
	configHelp = `{{.HelpName}} [flags]: {{.Usage}}

{{.Description}}
`
)

// appHelp is the answer to -h.
var appHelp = versionText + `
{{.Description}}

  {{.Name}} [flags]` + "\t" + `run one node
{{range .VisibleCommands}}  {{.HelpName}}{{if .VisibleFlags}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}` + "\t" + `{{.Usage}}
{{end}}` + flagsHelp + `
` + environmentHelp + exitHelp()

const environmentHelp = `Each flag has an environment variable: --max-item-size is
TWINCACHED_MAX_ITEM_SIZE. The command line wins over the environment, and that
over the file of --config. TWINCACHED_SECRET has the secret itself, in place of
--secret-file; no flag does, as anybody can list the flags of a process.
`

// exitHelp is the table of exit statuses for a terminal.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("\nExit status:\n")
	for _, s := range exitStatuses {
		fmt.Fprintf(&b, "  %-3d %s\n", s.code, s.when)
	}
	return b.String()
}

// helpCommand is "twincached help".
func (p *program) helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "more about one of these",
		ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			word := c.Args().First()
			switch {
			case word == "", word == "help", word == "version":
				whole := p.app() // the library has given the one that runs more flags
				whole.Writer = c.App.Writer
				return cli.ShowAppHelp(cli.NewContext(whole, nil, nil))
			case c.App.Command(word) == nil:
				return unexpected(c.App, word)
			}
			return cli.ShowCommandHelp(c, word)
		},
	}
}

// versionCommand is "twincached version".
func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unexpected(c.App, c.Args().First())
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}
