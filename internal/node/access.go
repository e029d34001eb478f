package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

const maxLoginFileBytes = 1 << 20 // thousands of logins

// logins are who may speak to the node. A nil one lets everybody.
type logins struct{ text, sasl *memproto.Logins }

// saslFile is where SASL's logins stand, and whether in memcached's own format
// for them.
func (c *Config) saslFile() (name string, own bool) {
	if c.SASLFile != "" {
		return c.SASLFile, true
	}
	return c.AuthFile, false
}

// protocol is what clients may speak, with what logins leave of it.
func (c *Config) protocol() Protocol {
	switch {
	case c.Protocol != ProtocolDefault:
		return c.Protocol
	case c.AuthFile != "" && !c.SASL:
		return ProtocolText
	case c.AuthFile == "" && c.SASL:
		return ProtocolBinary
	}
	return ProtocolAuto
}

// checkLogins finds protocols without a login beside one that has them.
func checkLogins(c *Config) error {
	if c.SASL && c.AuthFile == "" && c.SASLFile == "" {
		return errors.New("-S, --enable-sasl has no logins: name a file of lines name:password with -Y, --auth-file, or with MEMCACHED_SASL_PWDB in the environment")
	}
	if c.AuthFile != "" && !c.SASL && c.protocol() != ProtocolText {
		return fmt.Errorf("-Y, --auth-file and -B, --protocol %s: the binary protocol has no login but SASL; add -S, --enable-sasl or leave -B", flagOf(c.Protocol))
	}
	if c.SASL && c.AuthFile == "" && c.protocol() != ProtocolBinary {
		return fmt.Errorf("-S, --enable-sasl and -B, --protocol %s: the text protocol has no SASL; add -Y, --auth-file or leave -B", flagOf(c.Protocol))
	}
	if c.SASL && c.protocol() == ProtocolText {
		return errors.New("-S, --enable-sasl and -B, --protocol ascii: the text protocol has no SASL")
	}
	return nil
}

// flagOf is p as -B has it.
func flagOf(p Protocol) string {
	if p == ProtocolAuto {
		return "auto"
	}
	return string(p)
}

// openLogins reads the files that the node starts with.
func (n *Node) openLogins() error {
	if n.cfg.AuthFile != "" {
		n.logins.text = new(memproto.Logins)
	}
	if n.cfg.SASL {
		n.logins.sasl = new(memproto.Logins)
	}
	if n.cfg.StatusPage.AuthFile != "" {
		n.page.logins = new(memproto.Logins)
	}
	return n.readLogins()
}

// readLogins reads each file of logins. One that cannot be taken as a whole
// leaves what was read before.
func (n *Node) readLogins() error {
	var text, sasl, page error
	if l := n.logins.text; l != nil {
		text = readLoginFile("-Y, --auth-file", n.cfg.AuthFile, l.Load)
	}
	if l := n.logins.sasl; l != nil {
		if name, own := n.cfg.saslFile(); own {
			sasl = readLoginFile("MEMCACHED_SASL_PWDB", name, l.LoadSASL)
		} else if text == nil {
			sasl = readLoginFile("-Y, --auth-file", name, l.Load)
		}
	}
	if l := n.page.logins; l != nil {
		page = readLoginFile("--status-auth", n.cfg.StatusPage.AuthFile, l.Load)
	}
	return errors.Join(text, sasl, page)
}

func readLoginFile(flag, name string, load func([]byte) error) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("node: %s: %w", flag, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLoginFileBytes+1))
	if err == nil && len(text) > maxLoginFileBytes {
		err = fmt.Errorf("it is longer than %d bytes", maxLoginFileBytes)
	}
	if err == nil {
		err = load(text)
	}
	if err != nil {
		return fmt.Errorf("node: %s %s: %w", flag, name, err)
	}
	return nil
}

// Reload reads again what may change in files while the node runs: the logins
// and the certificates, those of the link for connections to come. What an error
// names is as it was; conns stay. The status says so until a later call reads everything.
func (n *Node) Reload() error {
	err := withReader(errors.Join(n.readLogins(), n.readCertificates(), n.readLinkTLS()))
	said := ""
	if err != nil {
		said = printable(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	n.unread.Store(&said)
	return err
}

// withReader adds to an error about a file that may not be read who has to read it: after
// a start as root that is not who has started the node.
func withReader(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	id := strconv.Itoa(os.Geteuid())
	who := "the user with id " + id
	if u, _ := user.LookupId(id); u != nil {
		who = "the user " + u.Username
	}
	return fmt.Errorf("%w; the node runs as %s, who must be able to read it", err, who)
}

// notReloaded is the error of the last Reload; "" = everything was read.
func (n *Node) notReloaded() string {
	if said := n.unread.Load(); said != nil {
		return *said
	}
	return ""
}

// sayLoginsWait says which address fails to log in over and over.
func (n *Node) sayLoginsWait(from netip.Addr, wait time.Duration) {
	address := "of the unix socket"
	if from.IsValid() {
		address = from.String()
	}
	n.seldom.Say(n.log, slog.LevelWarn, n.clock.Now(), nodelog.LoginsDelayed, "",
		"clients of an address fail to log in over and over: their logins wait", "address", address, "wait_ms", wait.Milliseconds())
}
