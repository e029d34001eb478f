package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"twincached/internal/ca"
	"twincached/internal/node"
)

const (
	certDays    = 1825 // five years: two machines' lives
	maxCertDays = int(ca.MaxValid / (24 * time.Hour))
	maxCertKey  = 64 << 10 // a private key in PEM takes 3 KiB at most
)

const certText = `For the names of both nodes, host names or IP addresses, it writes NAME.crt and
NAME.key, and ca.crt and ca.key, the authority that signs them. If those two
are there already, they sign: so a node can be replaced, or get a new certificate.
No file is ever overwritten.`

func (p *program) certCommand() *cli.Command {
	dir, days := ".", certDays
	return &cli.Command{
		Name:        "cert",
		Usage:       "make certificates for TLS on the link",
		ArgsUsage:   "NAME...",
		Description: certText,
		Flags: asFlags([]*option{
			newOption("dir", "", "DIR", text(&dir).instead("here"), "where the files are"),
			newOption("days", "", "N", numberFrom(1, maxCertDays, fmt.Sprintf("a number of days from 1 to %d", maxCertDays), &days), "how many days a node's certificate is valid"),
		}),
		Before: applyOptions,
		Action: func(c *cli.Context) error {
			names := c.Args().Slice()
			if err := checkCertNames(names); err != nil {
				return exitWith(exitUsage, fmt.Errorf("cert: %w", err))
			}
			m := certMaker{dir: dir, now: time.Now(), valid: time.Duration(days) * 24 * time.Hour}
			if err := m.make(names); err != nil {
				return exitWith(exitOSError, fmt.Errorf("cert: %w", err))
			}
			_, err := fmt.Fprint(p.stdout, m.report(names))
			return err
		},
	}
}

// checkCertNames finds names that cannot be, or that would share a file.
func checkCertNames(names []string) error {
	if len(names) == 0 {
		return errors.New("the names of the nodes are missing, as in: twincached cert n1 n2")
	}
	seen := map[string]bool{}
	for _, name := range names {
		if strings.HasPrefix(name, "-") {
			return fmt.Errorf("flags go before the names: %s", name)
		}
		if err := ca.CheckName(name); err != nil {
			return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "ca: "))
		}
		base := strings.ToLower(certBase(name)) // some file systems do not tell N1 from n1
		switch {
		case base == "ca":
			return errors.New("ca.crt is the authority's: no node can be called ca")
		case seen[base]:
			return fmt.Errorf("the name %s stands there twice", name)
		}
		seen[base] = true
	}
	return nil
}

// certBase is the name of a node's files, without their ending.
func certBase(name string) string { return strings.ReplaceAll(name, ":", "_") }

// certMaker writes the files of one call.
type certMaker struct {
	dir    string
	now    time.Time
	valid  time.Duration
	wrote  []string
	until  time.Time // of the certificates made
	signer *ca.Authority
}

func (m *certMaker) path(file string) string { return filepath.Join(m.dir, file) }

// make writes everything, or, where something is in the way, nothing.
func (m *certMaker) make(names []string) (err error) {
	for _, name := range names {
		for _, ending := range []string{".crt", ".key"} {
			if _, err := os.Lstat(m.path(certBase(name) + ending)); err == nil {
				return fmt.Errorf("%s is there already and is not overwritten: move it away to make a new one", m.path(certBase(name)+ending))
			}
		}
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil { // half a set helps nobody
			for _, file := range m.wrote {
				os.Remove(m.path(file))
			}
		}
	}()
	if err := m.authority(); err != nil {
		return err
	}
	for _, name := range names {
		p, err := m.signer.Issue(name, m.now, m.valid)
		if err != nil {
			return err
		}
		if err := m.write(certBase(name), p); err != nil {
			return err
		}
		m.until = p.Until
	}
	return nil
}

// authority reads ca.crt and ca.key, or makes them where neither is there.
func (m *certMaker) authority() error {
	cert, errCert := os.ReadFile(m.path("ca.crt"))
	key, errKey := node.ReadPrivate("the authority's key", m.path("ca.key"), maxCertKey)
	noCert, noKey := errors.Is(errCert, fs.ErrNotExist), errors.Is(errKey, fs.ErrNotExist)
	switch {
	case noCert && noKey:
		a, err := ca.New(m.now)
		if err != nil {
			return err
		}
		m.signer = a
		p, err := a.PEM()
		if err != nil {
			return err
		}
		return m.write("ca", p)
	case noCert != noKey:
		there, missing := "ca.crt", "ca.key"
		if noCert {
			there, missing = missing, there
		}
		return fmt.Errorf("%s is there and %s is not: bring it here, or use another --dir for a new authority and new certificates on both nodes",
			m.path(there), missing)
	case errCert != nil || errKey != nil:
		return errors.Join(errCert, errKey)
	}
	a, err := ca.Parse(ca.Pair{Cert: cert, Key: key})
	if err != nil {
		return fmt.Errorf("%s and ca.key cannot sign: %w", m.path("ca.crt"), err)
	}
	m.signer = a
	return nil
}

// write makes two files that are not there yet.
func (m *certMaker) write(base string, p ca.Pair) error {
	for _, f := range []struct {
		name string
		text []byte
		mode fs.FileMode
	}{{base + ".key", p.Key, 0o600}, {base + ".crt", p.Cert, 0o644}} {
		file, err := os.OpenFile(m.path(f.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return err
		}
		m.wrote = append(m.wrote, f.name)
		_, err = file.Write(f.text)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// report says what there is now, and what to type.
func (m *certMaker) report(names []string) string {
	b := &strings.Builder{}
	slices.Sort(m.wrote)
	fmt.Fprintf(b, "wrote %s\n", strings.Join(m.wrote, " "))
	if m.dir != "." {
		fmt.Fprintf(b, "in    %s\n", m.dir)
	}
	fmt.Fprintf(b, "The certificates count until %s.\n\n", m.until.UTC().Format(time.DateOnly))
	b.WriteString("Bring each node its own two files and ca.crt. ca.key stays with you, and away from\nboth: whoever has it can make a node of this pair. Then:\n\n")
	for i, name := range names {
		peer := "OTHER"
		if len(names) == 2 {
			peer = names[1-i]
		}
		base := certBase(name)
		fmt.Fprintf(b, "  twincached -u nobody -x %s --repl-tls-cert %s.crt --repl-tls-key %s.key --repl-tls-ca ca.crt\n", peer, base, base)
	}
	return b.String()
}
