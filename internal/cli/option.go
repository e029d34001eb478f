package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// option is a flag whose text is read into its place. The text may come from the
// command line, a variable or a file; it is read once, when all of them have been
// heard, as only one of them counts.
type option struct {
	cli.GenericFlag // names, category, usage, default and variable; its Value is not used
	reader
	word string // what the value is called in the help; "" = the flag stands alone

	text string // as it was given
	from string // who gave it: "flag", "environment NAME" or "file NAME:LINE"; "" = nobody
}

// newOption makes an option. letter "" is none.
func newOption(long, letter, word string, r reader, usage string) *option {
	o := &option{reader: r, word: word}
	o.Name, o.Usage = long, usage
	if letter != "" {
		o.Aliases = []string{letter}
	}
	if word != "" {
		o.DefaultText = r.deflt
	}
	return o
}

// TakesValue is false for a flag that stands alone: its presence is its value.
func (o *option) TakesValue() bool { return o.word != "" }

// IsBoolFlag tells package flag the same.
func (o *option) IsBoolFlag() bool { return o.word == "" }

// Word is what the value is called; the manual page's template asks for it.
func (o *option) Word() string { return o.word }

// String is the option's line in the help.
func (o *option) String() string { return flagLine(o) }

// Apply hears the variable and adds the flag to those of a command line. The library's
// own would take what Kubernetes sets for a service of our name, pass over an empty
// variable, and answer a wrong one in its own words. A command line has long names
// only: see argv.go.
func (o *option) Apply(set *flag.FlagSet) error {
	o.hearEnvironment()
	set.Var(o, o.Name, o.Usage)
	return nil
}

// Set hears the command line.
func (o *option) Set(text string) error {
	o.hear(text, fromFlag)
	return nil
}

const fromFlag = "flag"

// hear takes a text in place of any earlier one. An empty one says nothing, but
// where it means something.
func (o *option) hear(text, from string) {
	if text != "" || o.empty {
		o.text, o.from = text, from
	}
}

// hearEnvironment leaves out what Kubernetes or Docker set for a service of our name.
func (o *option) hearEnvironment() {
	for _, name := range o.EnvVars {
		if text, there := os.LookupEnv(name); there && !fromService(name, text) {
			o.hear(text, "environment "+name)
		}
	}
}

// given tells whether anybody has said anything.
func (o *option) given() bool { return o.from != "" }

// label is how messages call the flag: "-p, --port".
func (o *option) label() string {
	if len(o.Aliases) == 0 {
		return "--" + o.Name
	}
	return "-" + o.Aliases[0] + ", --" + o.Name
}

// errNoFile: an empty name is a variable that a script has not set. To pass over it
// would be to run without what the file protects.
var errNoFile = errors.New("names no file: name it, or leave the flag out")

// apply reads what was given into its place.
func (o *option) apply() error {
	if !o.given() {
		return nil
	}
	return o.read(o.text)
}

// applyOptions reads the options of a subcommand. It is a cli.BeforeFunc.
func applyOptions(c *cli.Context) error {
	for _, f := range c.Command.Flags {
		if o, ok := f.(*option); ok {
			if err := o.apply(); err != nil {
				return exitWith(exitUsage, fmt.Errorf("%s: %s %w", c.Command.Name, o.label(), err))
			}
		}
	}
	return nil
}

// asFlags is options as the library takes them.
func asFlags(options []*option) (flags []cli.Flag) {
	for _, o := range options {
		flags = append(flags, o)
	}
	return flags
}

const envPrefix = "TWINCACHED_"

func envName(long string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(long, "-", "_"))
}
