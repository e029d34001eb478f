package cli

import (
	"crypto/x509"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/node"
	"twincached/internal/verify"
)

const verifyText = `A and B are HOST[:PORT] of the nodes' client ports (11211), or a unix socket (/PATH).
Every key is looked up on both: value, flags, version (the cas unique), expiry to the
second, marks of the meta protocol. A key that differs is checked again until it has not
changed for --settle, so a key that is being written is no difference. Nothing on the
nodes changes, not even what was used last and the counts of hits.

Keys that stay on their node (--local-keys) are left out. A key that only one node has
is a difference, unless the other node has evicted items, or refused one as too large:
such a node may lack keys. Then the key is printed and counted, and is a difference with
--strict only. stats reset forgets evictions.

Two nodes that are not a pair give the same value different versions. That is a
difference too, as a cas would fail on one of them.

Last line of the output, for programs:
  verify: compared=N equal=N differ=N only_a=N only_b=N local=N in_flight=N seconds=S.S
compared is the sum of equal, differ, only_a, only_b and in_flight; in flight is a key
that was written again each time it was looked at.

Exit status: 0 the nodes agree; 1 they do not; 2 they could not be compared (one does
not serve, does not list its keys, wants a login ...); 64 the command line is wrong.`

// What verify does unless told otherwise.
const (
	verifySettle    = 2 * time.Second
	verifyMaxSettle = time.Hour
	verifyShow      = 20
)

// verifyWords is what the command line says of a comparison.
type verifyWords struct {
	settle          time.Duration
	show            int // keys of each kind
	authFile, tlsCA string
}

// verifyCommand is "twincached verify": it compares two nodes that serve.
func (p *program) verifyCommand() *cli.Command {
	w := &verifyWords{settle: verifySettle, show: verifyShow}
	return &cli.Command{
		Name:        "verify",
		Usage:       "compare two nodes while they serve",
		ArgsUsage:   "A B",
		Description: verifyText,
		Flags: []cli.Flag{
			newOption("settle", "", "TIME", durationUpTo(verifyMaxSettle, &w.settle), "how long a key must not change to count as different"),
			newOption("show", "", "N", numberFrom(0, math.MaxInt, "a number of keys", &w.show), "keys of each kind to print"),
			&cli.BoolFlag{Name: "strict", Usage: "a key that only one node has is a difference, whatever the reason"},
			newOption("auth-file", "Y", "FILE", protection(&w.authFile), "log in with the first line of FILE, name:password"),
			newOption("tls-ca", "", "FILE", protection(&w.tlsCA).instead("any"), "authorities that sign the nodes' certificates, in PEM"),
		},
		Before: applyOptions,
		Action: func(c *cli.Context) error { return p.verify(c, w) },
	}
}

func (p *program) verify(c *cli.Context, w *verifyWords) error {
	addresses, err := verifyAddresses(c.Args().Slice())
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("verify: %w", err))
	}
	opt, err := w.options()
	if err != nil {
		return exitWith(exitUsage, fmt.Errorf("verify: %w", err))
	}
	debug.SetGCPercent(100) // a node's own setting spends memory on speed: see main
	v := &verifyOutput{p: p, show: w.show, bar: newBar(p.stderr)}
	opt.Found, opt.Progress = v.found, v.bar.show
	r, err := verify.Run(addresses[0], addresses[1], opt)
	v.bar.clear()
	for _, note := range r.Notes {
		fmt.Fprintln(p.stderr, "note:", note)
	}
	if err != nil {
		return exitWith(exitUnable, err)
	}
	strict := c.Bool("strict")
	if err := v.summary(addresses, &r, strict); err != nil {
		return exitWith(exitUnable, fmt.Errorf("verify: %w", err))
	}
	if !r.Agree(strict) {
		return exitWith(exitFailed, fmt.Errorf("verify: the nodes differ"))
	}
	return nil
}

// verifyAddresses finds the two nodes.
func verifyAddresses(words []string) (addresses [2]string, err error) {
	found, err := addressesOf(words)
	if err != nil {
		return addresses, err
	}
	if len(found) != 2 {
		return addresses, fmt.Errorf("it takes the two nodes to compare, HOST[:PORT] or a socket each, not %d", len(words))
	}
	copy(addresses[:], found)
	if addresses[0] == addresses[1] {
		return addresses, fmt.Errorf("both nodes are %s: give the addresses of both nodes of the pair", addresses[0])
	}
	return addresses, nil
}

// addressesOf is where the nodes are that words name: with a slash in it, a unix socket.
func addressesOf(words []string) (addresses []string, err error) {
	for _, w := range words {
		if strings.HasPrefix(w, "-") {
			return nil, fmt.Errorf("the flag %s goes before the nodes", w)
		}
		address := w
		if !strings.Contains(w, "/") {
			if address, err = node.WithPort(w, node.Default().Port); err != nil {
				return nil, fmt.Errorf("%s: %w", w, err)
			}
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// options reads the files.
func (w *verifyWords) options() (opt verify.Options, err error) {
	opt.Settle = w.settle
	if w.authFile != "" {
		if opt.Name, opt.Password, err = readLogin(w.authFile); err != nil {
			return opt, fmt.Errorf("-Y, --auth-file: %w", err)
		}
	}
	if w.tlsCA != "" {
		if opt.Roots, err = readRoots(w.tlsCA); err != nil {
			return opt, err
		}
	}
	return opt, nil
}

// readRoots reads the file of --tls-ca.
func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca %s holds no certificate in PEM", file)
	}
	return roots, nil
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
