package cli

import (
	"crypto/x509"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
	"twincached/internal/verify"
)

const verifyHelp = `twincached verify [flags] A B: compare two nodes while they serve

A and B are HOST[:PORT] of the nodes' client ports (11211), or a unix socket (/PATH).
Every key is looked up on both: value, flags, version (the cas unique), expiry to the
second, marks of the meta protocol. What differs is looked at again until it has stood
still for --settle, so that a write under way is no difference. Nothing on the nodes
changes, not even what was used last and the counts of hits.

      --settle=TIME     how long a difference has to stand still (default: 2s)
      --show=N          keys of each kind to print (default: 20)
      --strict          a key that only one node has is a difference, whatever the reason
  -Y, --auth-file=FILE  log in with the first line of FILE, name:password
      --tls-ca=FILE     authorities that sign the nodes' certificates, in PEM (default: any)

Keys that stay on their node (--local-keys) are left out. A key that only one node has
breaks agreement if the other node has evicted nothing; a node that evicts, or has
refused an item as too large, may lack keys by right: then they are printed and
counted, and only --strict objects. stats reset forgets evictions.

Two nodes that are no pair have different versions even of what is the same to a
client: that is a difference, as cas would fail on one of them.

Last line of the output, for programs:
  verify: compared=N equal=N differ=N only_a=N only_b=N local=N in_flight=N seconds=S.S
compared is the sum of equal, differ, only_a, only_b and in_flight; in flight is a key
that was written again each time it was looked at.

Exit status: 0 the nodes agree; 1 they do not; 2 they could not be compared (one does
not serve, does not list its keys, wants a login ...); 64 the command line is wrong.
`

// verifyDefaults are what the help says.
const (
	verifySettle    = 2 * time.Second
	verifyMaxSettle = time.Hour
	verifyShow      = 20
)

// verifyCommand is "twincached verify": it compares two nodes that serve.
func (p *program) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:     "verify",
		HideHelp: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "settle", Value: verifySettle.String()},
			&cli.StringFlag{Name: "show", Value: strconv.Itoa(verifyShow)},
			&cli.StringFlag{Name: "auth-file", Aliases: []string{"Y"}},
			&cli.StringFlag{Name: "tls-ca"},
			plainFlag{&cli.StringFlag{Name: "strict"}},
			helpFlag(),
		},
		Action: p.verify,
	}
}

func (p *program) verify(c *cli.Context) error {
	addresses, opt, show, err := verifyWords(c)
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("verify: %w", err))
	}
	debug.SetGCPercent(100) // a node's own setting spends memory on speed: see main
	v := &verifyOutput{p: p, show: show, bar: newBar(p.stderr)}
	opt.Found, opt.Progress = v.found, v.bar.show
	r, err := verify.Run(addresses[0], addresses[1], opt)
	v.bar.clear()
	for _, note := range r.Notes {
		fmt.Fprintln(p.stderr, "note:", note)
	}
	if err != nil {
		return exitWith(exitUnable, err)
	}
	strict := c.String("strict") != ""
	if err := v.summary(addresses, &r, strict); err != nil {
		return exitWith(exitUnable, fmt.Errorf("verify: %w", err))
	}
	if !r.Agree(strict) {
		return exitWith(exitFailed, fmt.Errorf("verify: the nodes differ"))
	}
	return nil
}

// verifyWords reads the flags, the two addresses and the files.
func verifyWords(c *cli.Context) (addresses [2]string, opt verify.Options, show int, err error) {
	fail := func(format string, args ...any) ([2]string, verify.Options, int, error) {
		return addresses, opt, 0, fmt.Errorf(format, args...)
	}
	words := c.Args().Slice()
	for _, w := range words {
		if strings.HasPrefix(w, "-") {
			return fail("the flag %s goes before the two nodes", w)
		}
	}
	if len(words) != 2 {
		return fail("it takes the two nodes to compare, HOST[:PORT] or a socket each, not %d", len(words))
	}
	for i, w := range words {
		if addresses[i] = w; strings.Contains(w, "/") {
			continue
		}
		if addresses[i], err = node.WithPort(w, node.Default().Port); err != nil {
			return fail("%s: %w", w, err)
		}
	}
	if addresses[0] == addresses[1] {
		return fail("both nodes are %s: give the addresses of both nodes of the pair", addresses[0])
	}
	if opt.Settle, err = parseDuration(c.String("settle")); err != nil || opt.Settle < 0 || opt.Settle > verifyMaxSettle {
		return fail("--settle %q is not a time such as 2s, %v at most", c.String("settle"), verifyMaxSettle)
	}
	if show, err = strconv.Atoi(c.String("show")); err != nil || show < 0 {
		return fail("--show %q is not a number of keys", c.String("show"))
	}
	for _, name := range []string{"auth-file", "tls-ca"} {
		if c.IsSet(name) && c.String(name) == "" {
			return fail("--%s names no file: name it, or leave the flag out", name)
		}
	}
	if name := c.String("auth-file"); name != "" {
		if opt.Name, opt.Password, err = readLogin(name); err != nil {
			return fail("-Y, --auth-file: %w", err)
		}
	}
	if name := c.String("tls-ca"); name != "" {
		pem, err := os.ReadFile(name)
		if err != nil {
			return fail("--tls-ca: %w", err)
		}
		if opt.Roots = x509.NewCertPool(); !opt.Roots.AppendCertsFromPEM(pem) {
			return fail("--tls-ca %s holds no certificate in PEM", name)
		}
	}
	return addresses, opt, show, nil
}

// readLogin returns the first login of a file such as a node's -Y takes.
func readLogin(file string) (name, password string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	name, password, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
	switch {
	case !ok || name == "":
		return "", "", fmt.Errorf("the first line of %s is not a name, a colon and a password", file)
	case strings.Contains(name, " "):
		return "", "", fmt.Errorf("the name in the first line of %s has a space, which the text protocol's login cannot send", file)
	}
	return name, password, nil
}
