package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// manSection is the manual's section for what an administrator runs.
const manSection = 8

const manText = `  twincached man | man -l -                                read it
  twincached man >/usr/local/share/man/man8/twincached.8   install it`

// manCommand is "twincached man": it prints the manual page.
func (p *program) manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "print the manual page",
		Description: manText,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unexpected(c.App, c.Args().First())
			}
			page, err := manPage(p.app())
			if err != nil {
				return err
			}
			_, err = io.WriteString(p.stdout, page)
			return err
		},
	}
}

// manPage is the page in troff. It changes the texts of app, which is good for nothing
// else then.
func manPage(app *cli.App) (string, error) {
	for _, c := range app.Commands {
		c.Description = indented(c.Description)
	}
	return app.ToManWithSection(manSection)
}

// indented makes of a text one that Markdown leaves as it is.
func indented(text string) string {
	if text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}

// manTemplate is the page in Markdown, which the library fills in and turns into troff.
var manTemplate = `% {{.App.Name}} {{.SectionNum}}

# NAME

{{.App.Name}} - {{.App.Usage}}

# SYNOPSIS

**{{.App.Name}}** [flags]

{{range .App.VisibleCommands}}**{{.HelpName}}**{{if .VisibleFlags}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{end}}# DESCRIPTION

{{.App.Description}}

# FLAGS
{{$last := ""}}{{range .App.VisibleFlags}}{{if ne .GetCategory $last}}{{$last = .GetCategory}}
## {{$last}}
{{end}}` + manFlag + `{{end}}
# COMMANDS
{{range .App.VisibleCommands}}
## {{.Name}}

{{.HelpName}}{{if .VisibleFlags}} [flags]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}: {{.Usage}}
{{if .Description}}
{{.Description}}
{{end}}{{if ne .Name "config"}}{{range .VisibleFlags}}` + manFlag + `{{end}}{{end}}{{end}}
# ENVIRONMENT

` + environmentHelp + `
# EXIT STATUS
` + manStatuses() + `
# SEE ALSO

memcached(1)
`

const manFlag = `
**{{if gt (len .Names) 1}}-{{index .Names 1}}, {{end}}--{{index .Names 0}}**{{if .TakesValue}}=*{{.Word}}*{{end}}
: {{.GetUsage}}{{if and .TakesValue .GetDefaultText}} (default: {{.GetDefaultText}}){{end}}
`

func manStatuses() string {
	var b strings.Builder
	for _, s := range exitStatuses {
		fmt.Fprintf(&b, "\n**%d**\n: %s\n", s.code, s.when)
	}
	return b.String()
}
