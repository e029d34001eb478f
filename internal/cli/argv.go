package cli

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// normalise rewrites a command line in getopt's notation (-m64, -vv, -dm64,
// -u nobody) into long flags with "=", which leaves nothing to guess for the
// flag package behind it. It stops at "--" and at the first word that is no
// flag: rest is that word and all behind it.
func normalise(args []string, flags []cli.Flag) (long, rest []string, err error) {
	n := normaliser{flags: flags}
	for len(args) > 0 && rest == nil {
		args = n.split(args)
		arg := args[0]
		switch {
		case arg == "--":
			rest, args = args[1:], nil
			continue
		case strings.HasPrefix(arg, "--"):
			args, err = n.long(arg[2:], args[1:])
		case len(arg) > 1 && arg[0] == '-':
			args, err = n.letters(arg[1:], args[1:])
		default:
			rest = args
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if n.verbose > 0 {
		n.out = append(n.out, "--verbose="+strconv.Itoa(n.verbose))
	}
	return n.out, rest, nil
}

type normaliser struct {
	flags   []cli.Flag
	out     []string
	verbose int // how many v there were
}

// withoutName leaves out the program's name in front, as those write it who know
// memcached's images.
func withoutName(args []string) []string {
	if len(args) > 0 {
		if name := path.Base(args[0]); name == "memcached" || name == "twincached" {
			return args[1:]
		}
	}
	return args
}

// split takes a first word apart that is a flag, a space and more, as charts write
// "-m 64". What has its value glued to it (-la, b) stays: the space is the value's.
func (n *normaliser) split(args []string) []string {
	words := strings.Fields(args[0])
	if len(words) < 2 || len(words[0]) < 2 || words[0][0] != '-' || words[0] == "--" || args[0][0] != '-' {
		return args
	}
	name, long := strings.CutPrefix(words[0], "--")
	if !long {
		for name = name[1:]; len(name) > 1; name = name[1:] {
			if _, takesValue := n.find(name[:1]); takesValue {
				return args
			}
		}
	} else if strings.Contains(name, "=") {
		return args
	}
	isFlag := func(word string) bool { return word[0] == '-' }
	if _, takesValue := n.find(name); takesValue && !slices.ContainsFunc(words[1:], isFlag) {
		words = []string{words[0], strings.TrimSpace(args[0][len(words[0]):])} // a list may have spaces
	}
	return append(words, args[1:]...)
}

// find returns the flag with a name or a letter.
func (n *normaliser) find(name string) (f cli.Flag, takesValue bool) {
	for _, f := range n.flags {
		for _, other := range f.Names() {
			if other == name {
				v, ok := f.(cli.DocGenerationFlag)
				return f, ok && v.TakesValue()
			}
		}
	}
	return nil, false
}

// long handles --name, --name=value and --name value.
func (n *normaliser) long(arg string, args []string) ([]string, error) {
	name, value, glued := strings.Cut(arg, "=")
	f, takesValue := n.find(name)
	if f == nil || len(name) < 2 {
		return nil, n.unknown("--" + name)
	}
	switch {
	case !takesValue && !glued:
		return args, n.add(f, "true")
	case !takesValue && name == "verbose":
		v, err := strconv.Atoi(value)
		n.verbose += v
		if err != nil {
			return nil, fmt.Errorf("-v, --verbose: %q is not a whole number", value)
		}
		return args, nil
	case glued:
		return args, n.add(f, value)
	case len(args) == 0:
		return nil, fmt.Errorf("--%s needs a value", name)
	}
	return args[1:], n.add(f, args[0])
}

// letters handles one word of letters, the last of which may take the rest of
// the word, or the next word, as its value.
func (n *normaliser) letters(word string, args []string) ([]string, error) {
	if f, _ := n.find(word); f != nil && len(word) > 1 {
		return nil, n.unknown("-" + word)
	}
	for i := range len(word) {
		letter := word[i : i+1]
		f, takesValue := n.find(letter)
		if f == nil {
			return nil, n.unknown("-" + letter)
		}
		if !takesValue {
			if err := n.add(f, "true"); err != nil {
				return nil, err
			}
			continue
		}
		if i+1 < len(word) {
			return args, n.add(f, word[i+1:])
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("-%s, --%s needs a value", letter, f.Names()[0])
		}
		return args[1:], n.add(f, args[0])
	}
	return args, nil
}

func (n *normaliser) add(f cli.Flag, value string) error {
	name := f.Names()[0]
	if name == "verbose" {
		n.verbose++
		return nil
	}
	if i := n.given(name); i >= 0 && addsUp[name] {
		n.out[i] += "," + value
		return nil
	}
	n.out = append(n.out, "--"+name+"="+value)
	return nil
}

// addsUp are the lists that memcached lets a command line give in pieces. Of any
// other flag the last one counts.
var addsUp = map[string]bool{"listen": true, "extended": true}

// given finds an earlier flag of this name in out; -1: there is none.
func (n *normaliser) given(name string) int {
	return slices.IndexFunc(n.out, func(word string) bool { return strings.HasPrefix(word, "--"+name+"=") })
}

// unknown is the error for a flag that does not exist. A word with one dash
// that is a long flag's name gets its second dash.
func (n *normaliser) unknown(flag string) error {
	bare := strings.TrimLeft(flag, "-")
	if len(bare) == 1 {
		return fmt.Errorf("unknown flag %s (-h lists them)", flag)
	}
	if near := suggest(bare, flagNames(n.flags)); near != "" {
		return fmt.Errorf("unknown flag %s; did you mean --%s?", flag, near)
	}
	return fmt.Errorf("unknown flag %s (-h lists them)", flag)
}
