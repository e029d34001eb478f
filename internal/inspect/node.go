package inspect

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Options is how to reach a node. The zero value reaches one that asks for no login.
type Options struct {
	// Name and Password log in where a node asks for it (-Y). "": they are not given.
	Name, Password string
	LoginFrom      string // what messages call the place that they are from; "": --auth-file
	LoginError     error  // why there are none, where somebody meant to give them
	// Roots are the authorities that may have signed a node's certificate; nil takes
	// any certificate, but then no password is sent over TLS.
	Roots       *x509.CertPool
	Certificate *tls.Certificate // shown to the node; nil: none
	OnlyTLS     bool             // nothing is said in plain words

	Dial func(network, address string) (net.Conn, error) // nil: over the network
}

// Node is a node that is looked at. One call runs at a time.
type Node struct {
	command string // whose messages they are
	label   string
	address string
	opt     *Options
	secure  bool  // it is asked over TLS
	Main    *Conn // for questions; nil until Open
}

// NewNode makes a node of an address: HOST:PORT, or with a slash in it a unix socket.
// Messages begin with the command's name, and put the label before the address.
// opt stays the caller's.
func NewNode(command, label, address string, opt *Options) *Node {
	n := &Node{command: command, label: label, address: address, opt: opt}
	n.secure = opt.OnlyTLS && n.network() == "tcp"
	return n
}

// Address is where it is.
func (n *Node) Address() string { return n.address }

// Close ends the connection for questions.
func (n *Node) Close() {
	if n.Main != nil {
		n.Main.Close()
	}
}

// Fail names the node in an error, and says what a person can do where that is known.
func (n *Node) Fail(err error) error {
	hint := ""
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		hint = fmt.Sprintf("; it has said nothing for %v: is it stopped, or cut off?", silence)
	case HungUp(err):
		hint = fmt.Sprintf("; it ended the connection: was it stopped? Start %s again once it serves", n.command)
	}
	return n.named(fmt.Errorf("%w%s", err, hint))
}

func (n *Node) named(err error) error {
	return fmt.Errorf("%s: %s%s: %w", n.command, n.label, n.address, err)
}

// Open makes the connection for questions, and finds out on it whether the node wants TLS.
func (n *Node) Open() (err error) {
	n.Main, err = n.Dial()
	if HungUp(err) && n.network() == "tcp" && !n.secure {
		n.secure = true
		var errTLS error
		if n.Main, errTLS = n.Dial(); errTLS != nil {
			if HungUp(errTLS) || errors.As(errTLS, new(tls.RecordHeaderError)) {
				return n.named(fmt.Errorf("it ended the connection when asked for its version, with TLS and without: "+
					"%s needs the text protocol, which -B binary, -S alone and a replication port do not speak", n.command))
			}
			err = errTLS
		} else {
			err = nil
		}
	}
	switch {
	case err == nil:
		return nil
	case n.secure:
		return n.Fail(fmt.Errorf("over TLS: %w", err))
	}
	return n.Fail(err)
}

func (n *Node) network() string {
	if strings.Contains(n.address, "/") {
		return "unix"
	}
	return "tcp"
}

// Dial makes one more connection on which the node answers questions.
func (n *Node) Dial() (*Conn, error) {
	dial := n.opt.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).Dial
	}
	raw, err := dial(n.network(), n.address)
	if err != nil {
		return nil, fmt.Errorf("it does not serve: %w; a node opens this port once it is ready", err)
	}
	if n.secure {
		raw = tls.Client(raw, n.tls())
	}
	c := newConn(raw)
	if err := n.greet(c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// tls says whom to believe. Without Roots nobody is, and no secret is sent.
func (n *Node) tls() *tls.Config {
	cfg := &tls.Config{RootCAs: n.opt.Roots, InsecureSkipVerify: n.opt.Roots == nil, ServerName: n.address}
	if n.opt.Certificate != nil {
		cfg.Certificates = []tls.Certificate{*n.opt.Certificate}
	}
	if host, _, err := net.SplitHostPort(n.address); err == nil {
		cfg.ServerName = host
	}
	return cfg
}

const (
	strangerReply = "CLIENT_ERROR unauthenticated"
	// versionLine is longer than the head of a binary packet: a node that takes it
	// for one sees at once that it is none, and does not wait for the rest.
	versionLine = "version                         \r\n"
)

// greet asks for the version, and logs in where the answer is that one has to. It
// does not log in unasked: that is a set, and would store the password.
func (n *Node) greet(c *Conn) error {
	answer, err := c.Ask(versionLine)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(answer, "VERSION "):
		return nil
	case answer != strangerReply:
		return fmt.Errorf("it answered %.80q when asked for its version", answer)
	case n.opt.LoginError != nil:
		return fmt.Errorf("clients have to log in (-Y): %w", n.opt.LoginError)
	case n.opt.Name == "":
		return fmt.Errorf("clients have to log in (-Y): give %s a file with a line name:password by --auth-file", n.command)
	case n.secure && n.opt.Roots == nil:
		return errors.New("no password is sent over TLS to a node that anybody could be: " +
			"name the authority of its certificate by --tls-ca")
	}
	words := n.opt.Name + " " + n.opt.Password
	answer, err = c.Ask(fmt.Sprintf("set login 0 0 %d\r\n%s\r\n", len(words), words))
	if err == nil && answer != "STORED" {
		err = fmt.Errorf("it refused the login of %s (%.80q)", cmp.Or(n.opt.LoginFrom, "--auth-file"), answer)
	}
	return err
}

// Settings are the rows of its settings. An error says so if it is no twincached.
func (n *Node) Settings() (map[string]string, error) {
	settings, err := n.Main.Stats("settings")
	if err != nil {
		return nil, n.Fail(err)
	}
	if _, ok := settings["local_keys"]; !ok {
		return nil, n.Fail(errors.New("it is no twincached: its settings have no local_keys"))
	}
	return settings, nil
}

// Lacks tells by the rows of its general stats whether a node may lack items that its peer has.
func Lacks(rows map[string]string) bool {
	for _, name := range []string{"evictions", "repl_refused_too_large"} {
		if v := rows[name]; v != "0" && v != "" {
			return true
		}
	}
	return false
}
