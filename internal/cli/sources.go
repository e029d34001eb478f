package cli

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"twincached/internal/node"
)

// source is one setting that was given, and where: "flag", "environment NAME" or
// "file NAME:LINE".
type source struct{ value, from string }

// sources are the settings that were given, by long name. What is not in it has
// its default.
type sources map[string]source

// protects are the flags whose files keep strangers out. An empty name is a variable
// that a script has not set: to pass over it would be to run without protection.
var protects = map[string]bool{"secret-file": true, "repl-tls-cert": true, "repl-tls-key": true, "repl-tls-ca": true, "auth-file": true}

// add takes a flag in long form, --name=value. An empty value gives nothing, but
// an empty list of local keys is one, and of a flag that protects it is a mistake.
func (g sources) add(word, from string) error {
	name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	switch {
	case value != "" || name == "local-keys":
		g[name] = source{value, from}
	case protects[name] && from == "flag":
		return fmt.Errorf("--%s names no file: name it, or leave the flag out", name)
	case protects[name]:
		return fmt.Errorf("--%s names no file (%s): name it, or leave it out", name, from)
	}
	return nil
}

// collect finds what was given: a flag wins over the environment, and that over
// the file of --config.
func collect(long []string) (g sources, file []string, env envNotes, err error) {
	over := sources{}
	if env, err = over.fromEnvironment(); err != nil {
		return nil, nil, env, err
	}
	for _, word := range long {
		if err := over.add(word, "flag"); err != nil {
			return nil, nil, env, err
		}
	}
	g = sources{}
	if name := over["config"].value; name != "" {
		if file, err = readConfigFile(name, g); err != nil {
			return nil, nil, env, fmt.Errorf("--config: %w", err)
		}
	}
	for name, s := range over {
		g[name] = s
	}
	g.moveTCP()
	return g, file, env, nil
}

// moveTCP puts the port for clients where -U would open one for UDP and no -p says
// otherwise, as memcached does.
func (g sources) moveTCP() {
	udp := g["udp-port"]
	if _, there := g["port"]; there {
		return
	}
	if port, err := strconv.Atoi(udp.value); err == nil && port != 0 && port >= -1 && port <= math.MaxUint16 {
		g["port"] = udp
	}
}

// readConfigFile reads flags from a file as Debian's /etc/memcached.conf has
// them, and, as Debian does, leaves out -d and -h and the line "logfile": how the
// process runs and where its log goes is up to whoever starts it.
func readConfigFile(file string, g sources) (notes []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	verbose := 0
	for i, line := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", file, i+1)
		words, err := splitLine(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		if len(words) > 0 && words[0] == "logfile" {
			notes = append(notes, where+" logfile")
			continue
		}
		long, rest, err := normalise(words, flags())
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("unexpected word %q: a line has flags, as on the command line", rest[0])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		for _, word := range long {
			name, value, _ := strings.Cut(word[2:], "=")
			switch name {
			case "daemon", "help", "version":
				notes = append(notes, where+" --"+name)
				continue
			case "config":
				return nil, fmt.Errorf("%s: --config cannot stand in a file", where)
			case "verbose":
				n, _ := strconv.Atoi(value) // normalise wrote it
				verbose += n
				word = "--verbose=" + strconv.Itoa(verbose)
			}
			if before := g[name].value; addsUp[name] && before != "" {
				word = "--" + name + "=" + before + "," + value
			}
			if err := g.add(word, "file "+where); err != nil {
				return nil, err
			}
		}
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

// readSettings turns what was given into settings.
func readSettings(long []string) (settings, sources, error) {
	s := settings{Node: node.Default()}
	g, file, env, err := collect(long)
	s.ConfigNotes, s.EnvNotes = file, env
	if err != nil {
		return s, nil, err
	}
	explain := func(name string, err error) error {
		from := g[name].from
		if where, file := strings.CutPrefix(from, "file "); file {
			return fmt.Errorf("%s: %w", where, err)
		}
		if from != "flag" {
			return fmt.Errorf("%w (%s)", err, from)
		}
		return err
	}
	for i := range options {
		o := &options[i]
		if v, there := g[o.long]; there {
			if err := o.apply(&s, v.value); err != nil {
				return s, g, explain(o.long, err)
			}
		}
	}
	for _, o := range ignored {
		if _, there := g[o.long]; there {
			s.Ignored = append(s.Ignored, "--"+o.long)
		}
	}
	// No flag has the secret itself: whoever lists the processes would read it.
	if secret, there := os.LookupEnv(node.SecretVariable); there {
		if s.Node.Secret, err = node.CheckSecret(secret); err != nil {
			return s, g, err
		}
	}
	return s, g, nil
}

// printConfig lists each setting, its value and where it came from. Of a secret
// this shows the name of its file or its variable, and never the secret.
func (p *program) printConfig(g sources, s *settings) error {
	w := &strings.Builder{}
	line := func(name, value, from string) {
		fmt.Fprintf(w, "%-20s %-24s %s\n", name, cmp.Or(value, "none"), from)
	}
	for i := range options {
		o := &options[i]
		given, there := g[o.long]
		switch {
		case there:
			line(o.long, given.value, given.from)
		case o.long == "threads":
			line(o.long, strconv.Itoa(s.Node.Threads), "default")
		case o.value == "":
			line(o.long, "false", "default")
		default:
			line(o.long, o.deflt, "default")
		}
	}
	if s.Node.Secret != "" {
		line("secret", "not shown", "environment "+node.SecretVariable)
	}
	names := []string{}
	for _, o := range ignored {
		if _, there := g[o.long]; there {
			names = append(names, o.long)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		line(name, g[name].value, g[name].from+" (means nothing here)")
	}
	_, err := fmt.Fprint(p.stdout, w.String())
	return err
}
