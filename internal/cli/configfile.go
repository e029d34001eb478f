package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// line is what a file says about one option, and where.
type line struct{ text, where string }

// readConfigFile reads flags from a file as Debian's /etc/memcached.conf has
// them, and, as Debian does, leaves out -d and -h and the line "logfile": how the
// process runs and where its log goes is up to whoever starts it. What anybody has
// said before stays.
func (n *nodeOptions) readConfigFile(file string) (notes []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := map[string]line{}
	for i, l := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", file, i+1)
		words, err := splitLine(l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		if len(words) > 0 && words[0] == "logfile" {
			notes = append(notes, where+" logfile")
			continue
		}
		left, err := n.readWords(words, where, lines)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		notes = append(notes, left...)
	}
	for _, o := range n.all {
		if l, there := lines[o.Name]; there && !o.given() {
			o.hear(l.text, fromFile+l.where)
		}
	}
	return notes, nil
}

// fromFile and a place say that a file has given something.
const fromFile = "file "

// readWords adds the flags of one line to lines.
func (n *nodeOptions) readWords(words []string, where string, lines map[string]line) (notes []string, err error) {
	long, rest, err := normalise(words, n.flags())
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("unexpected word %q: a line has flags, as on the command line", rest[0])
	}
	for _, word := range long {
		name, value, _ := strings.Cut(word[2:], "=")
		before, there := lines[name]
		switch {
		case name == "daemon", name == "help", name == "version":
			notes = append(notes, where+" --"+name)
			continue
		case name == "config":
			return nil, errors.New("--config cannot stand in a file")
		case value == "" && !n.find(name).empty:
			continue
		case there && name == "verbose":
			a, _ := strconv.Atoi(before.text) // normalise wrote both
			b, _ := strconv.Atoi(value)
			value = strconv.Itoa(a + b)
		case there && addsUp[name]:
			value = before.text + "," + value
		}
		lines[name] = line{value, where}
	}
	return notes, nil
}

// splitLine cuts a line into words, without what is behind a # that no backslash
// precedes. Quotes and backslashes are a shell's.
func splitLine(line string) (words []string, err error) {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] != '\\') {
			line = line[:i]
			break
		}
	}
	var word []byte
	quote, inWord := byte(0), false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word, inWord = append(word, line[i]), true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r'):
			if inWord {
				words, word, inWord = append(words, string(word)), nil, false
			}
		default:
			word, inWord = append(word, c), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, nil
}
