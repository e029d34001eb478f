package cli

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/node"
)

const unspeakable = "do-not-print-me-0123456789"

func TestSecret_StandsInTheEnvironment(t *testing.T) {
	t.Setenv(node.SecretVariable, " "+unspeakable+"\n")
	if got := mustParse(t, "-x o").Node; got.Secret != unspeakable || got.SecretFile != "" {
		t.Fatalf("%+v", got)
	}
	_, code, out, stderr := parse("config", "-x", "o")
	if code != exitOK || strings.Contains(out+stderr, unspeakable) {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	if !strings.Contains(out, "environment "+node.SecretVariable+"\n") {
		t.Errorf("it does not say where the secret is from:\n%s", out)
	}
}

func TestSecret_BadInputIsAnsweredClearly(t *testing.T) {
	file := configFile(t, "--secret-file /s")
	for _, c := range []struct{ secret, line, want string }{
		{"", "-x o", "TWINCACHED_SECRET is empty"},
		{" \n", "-x o", "TWINCACHED_SECRET is empty"},
		{strings.Repeat(unspeakable, 200), "-x o", "TWINCACHED_SECRET is longer than 4096 bytes"},
		{unspeakable, "-x o --secret-file /s", "--secret-file and TWINCACHED_SECRET both give the secret"},
		{unspeakable, "-x o --config " + file, "--secret-file and TWINCACHED_SECRET both give the secret"},
		{unspeakable, "", "TWINCACHED_SECRET has no use without -x"},
		{unspeakable, "-x o --repl-insecure", "TWINCACHED_SECRET and --repl-insecure contradict"},
	} {
		t.Setenv(node.SecretVariable, c.secret)
		for _, first := range [][]string{nil, {"config"}} {
			_, code, out, stderr := parse(append(first, strings.Fields(c.line)...)...)
			if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Contains(out+stderr, unspeakable) {
				t.Errorf("%q: exit %d, %s%s; want %q", c.line, code, out, stderr, c.want)
			}
		}
	}
}

// A variable that a script has not set may not switch the protection off.
func TestProtection_WithoutANameIsRefused(t *testing.T) {
	for _, name := range []string{"secret-file", "repl-tls-cert", "repl-tls-key", "repl-tls-ca", "auth-file"} {
		want := "--" + name + " names no file"
		for _, words := range [][]string{{"-x", "o", "--" + name, ""}, {"-x", "o", "--" + name + "="}, {"--config", configFile(t, "--"+name+" ''\n-x o\n")}} {
			if _, code, _, stderr := parse(words...); code != exitUsage || !strings.Contains(stderr, want) {
				t.Errorf("%q: exit %d, %s", words, code, stderr)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Setenv(envName(name), "")
			if _, code, _, stderr := parse("-x", "o"); code != exitUsage || !strings.Contains(stderr, want+" (environment "+envName(name)+")") {
				t.Errorf("exit %d, %s", code, stderr)
			}
		})
	}
}

// Whoever lists the processes of a machine sees their flags.
func TestSecret_HasNoFlag(t *testing.T) {
	for _, line := range []string{"--secret " + unspeakable, "--secret=" + unspeakable, "config --secret=" + unspeakable} {
		_, code, out, stderr := parse(strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(stderr, "did you mean --secret-file") || strings.Contains(out+stderr, unspeakable) {
			t.Errorf("%q: exit %d, %s%s", line, code, out, stderr)
		}
	}
	if _, code, _, stderr := parse("--config", configFile(t, "--secret="+unspeakable)); code != exitUsage || strings.Contains(stderr, unspeakable) {
		t.Errorf("exit %d, %s", code, stderr)
	}
	for _, f := range newNodeOptions().flags() {
		for _, name := range f.Names() {
			if strings.Contains(name, "secret") && name != "secret-file" {
				t.Errorf("--%s", name)
			}
		}
	}
}

// A process that runs with a secret shows it in no log, no statistic, and hands it
// to nobody.
func TestSecret_IsShownByNobody(t *testing.T) {
	t.Setenv(node.SecretVariable, unspeakable)
	ports := freePorts(t, 2)
	p := run(t, asRoot("-l", "127.0.0.1", "-p", ports[0], "-X", ports[1], "-vvv")...)
	address := "127.0.0.1:" + ports[0]
	waitFor(t, "it serves", func() bool { return serves(address) })
	for _, what := range []string{"stats", "stats settings", "stats replication", "stats conns"} {
		rows := askLines(t, address, what)
		if strings.Contains(rows, unspeakable) {
			t.Errorf("%s shows it", what)
		}
		if what == "stats settings" && !strings.Contains(rows, "repl_secret yes") {
			t.Errorf("the secret was not taken:\n%s", rows)
		}
	}
	if args := strings.Join(p.cmd.Args, " "); strings.Contains(args, unspeakable) {
		t.Error("it stands in the command line")
	}
	if strings.Contains(p.said(), unspeakable) {
		t.Errorf("it stands in the log:\n%s", p.said())
	}
}

// askLines is a node's whole reply to a command that ends with END.
func askLines(t *testing.T, address, command string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "%s\r\n", command)
	var b strings.Builder
	lines := bufio.NewScanner(c)
	for lines.Scan() && lines.Text() != "END" {
		b.WriteString(lines.Text() + "\n")
	}
	if lines.Err() != nil || b.Len() == 0 {
		t.Fatal(command, lines.Err())
	}
	return b.String()
}
