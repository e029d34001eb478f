package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "memcached.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The lines of Debian's own file.
const debianConf = `# memcached default config file
# Run memcached as a daemon. This command is implied
-d

# Log memcached's output to /var/log/memcached
logfile /var/log/memcached.log

# -v
-m 96
-p 11311
-u memcache
-l 127.0.0.1
-l ::1   # and IPv6
-c 500 -v
	-v
# -k
-P /var/run/memcached/memcached.pid
-o modern
--local-keys 'a b*',c\#
`

func TestConfigFile_ReadsDebiansSyntax(t *testing.T) {
	file := configFile(t, debianConf)
	s := mustParse(t, "--config "+file)
	n := s.Node
	if n.MemoryMiB != 96 || n.Port != 11311 || s.User != "memcache" || !slices.Equal(n.Listen, []string{"127.0.0.1", "::1"}) ||
		n.MaxConns != 500 || n.Verbosity != 2 || s.Daemon || s.PidFile != "/var/run/memcached/memcached.pid" ||
		!slices.Equal(n.LocalKeys, []string{"a b*", "c#"}) || !slices.Equal(s.Ignored, []string{"--extended=modern"}) {
		t.Errorf("got %+v", s)
	}
	if want := []string{file + ":3 --daemon", file + ":6 logfile"}; !slices.Equal(s.ConfigNotes, want) {
		t.Errorf("notes %q, want %q", s.ConfigNotes, want)
	}
	if s := mustParse(t, "-d --config "+file); !s.Daemon {
		t.Error("-d on the command line does not count")
	}
}

func TestConfig_FlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	file := configFile(t, "-m 96\n-c 500\n-t 3\n-q 9\n--secret-file /s -x o\n")
	t.Setenv("TWINCACHED_CONFIG", file)
	t.Setenv("TWINCACHED_MEMORY_LIMIT", "100")
	t.Setenv("TWINCACHED_CONN_LIMIT", "600")
	t.Setenv("TWINCACHED_THREADS", "") // as if it were not there
	line := "-m 200 -F"
	if n := mustParse(t, line).Node; n.MemoryMiB != 200 || n.MaxConns != 600 || n.Threads != 3 || !n.NoFlush {
		t.Errorf("got %+v", n)
	}
	_, code, out, stderr := parse(append([]string{"config"}, strings.Fields(line)...)...)
	if code != exitOK {
		t.Fatal(code, stderr)
	}
	for _, want := range []string{
		"memory-limit +200 +flag", "conn-limit +600 +environment TWINCACHED_CONN_LIMIT", "threads +3 +file " + regexp.QuoteMeta(file) + ":3",
		"port +11211 +default", "disable-flush-all +true +flag", "disable-evictions +false +default", "max-item-size +1m +default",
		"config +" + regexp.QuoteMeta(file) + " +environment TWINCACHED_CONFIG", "secret-file +/s +file .*:5", "pidfile +none +default",
		`queue-length +9 +file .*:4 \(means nothing here\)`,
	} {
		if !regexp.MustCompile("(?m)^" + want + "$").MatchString(out) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	for _, o := range newNodeOptions().all {
		if o.Category != groupIgnored && strings.Count("\n"+out, "\n"+o.Name+" ") != 1 {
			t.Errorf("--%s does not stand there once", o.Name)
		}
	}
}

func TestConfig_NeverPrintsASecret(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("do-not-print-me-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, code, out, stderr := parse("config", "-x", "o", "--secret-file", secret); code != exitOK || strings.Contains(out+stderr, "do-not-print-me") {
		t.Errorf("%d %s%s", code, out, stderr)
	}
}

func TestConfigFile_BadInputIsAnsweredClearly(t *testing.T) {
	for text, want := range map[string]string{
		"-m 64\n-m pair\n": `:2: -m, --memory-limit: "pair" is not a whole number`,
		"-m 64\n\n-z":      ":3: unknown flag -z",
		"verbose":          `:1: unexpected word "verbose": a line has flags`,
		"pair":             `:1: unexpected word "pair"`,
		"-m":               ":1: -m, --memory-limit needs a value",
		"-o ssl_key":       ":1: -o, --extended: ssl_key needs a value",
		"--config /x":      ":1: --config cannot stand in a file",
		"-x 'o":            ":1: a quote ' is not closed",
		"-m 1":             "-m, --memory-limit 1 is too small",
	} {
		if _, code, _, stderr := parse("--config", configFile(t, text)); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit %d, %s", text, code, stderr)
		}
	}
	for line, want := range map[string]string{
		"--config /nowhere/x": "--config: open /nowhere/x: no such file",
		"config more":         `config: unexpected word "more"`,
		"config -c 0":         "-c, --conn-limit 0 is out of range",
	} {
		if _, code, _, stderr := parse(strings.Fields(line)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit %d, %s", line, code, stderr)
		}
	}
	t.Setenv("TWINCACHED_PORT", "x")
	if _, _, _, stderr := parse(); !strings.Contains(stderr, `-p, --port: "x" is not a whole number (environment TWINCACHED_PORT)`) {
		t.Error(stderr)
	}
}
