package verify

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"twincached/internal/glob"
)

// node is one of the two.
type node struct {
	name    string // A or B
	address string
	opt     *Options
	secure  bool  // it is asked over TLS
	main    *conn // for questions; nil until it is open
}

func newNode(name, address string, opt *Options) *node {
	return &node{name: name, address: address, opt: opt}
}

func (n *node) close() {
	if n.main != nil {
		n.main.Close()
	}
}

// fail names the node in an error, and says what a person can do where that is known.
func (n *node) fail(err error) error {
	hint := ""
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		hint = fmt.Sprintf("; it has said nothing for %v: is it stopped, or cut off?", silence)
	case hungUp(err):
		hint = "; it ended the connection: was it stopped? Start verify again once it serves"
	}
	return fmt.Errorf("verify: node %s, %s: %w%s", n.name, n.address, err, hint)
}

// open makes the first connection, and finds out on it whether the node wants TLS.
func (n *node) open() (err error) {
	n.main, err = n.dial()
	if hungUp(err) && n.network() == "tcp" {
		n.secure = true
		var errTLS error
		if n.main, errTLS = n.dial(); errTLS != nil {
			if hungUp(errTLS) || errors.As(errTLS, new(tls.RecordHeaderError)) {
				return fmt.Errorf("verify: node %s, %s: it ended the connection when asked for its version, with TLS and without: "+
					"verify needs the text protocol, which -B binary, -S alone and a replication port do not speak", n.name, n.address)
			}
			return n.fail(fmt.Errorf("over TLS: %w", errTLS))
		}
		return nil
	}
	if err != nil {
		return n.fail(err)
	}
	return nil
}

func (n *node) network() string {
	if strings.Contains(n.address, "/") {
		return "unix"
	}
	return "tcp"
}

// dial makes a connection on which the node answers questions.
func (n *node) dial() (*conn, error) {
	dial := n.opt.dial
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

// tls says whom to believe. Without Roots nothing is: what is read is compared, and
// no secret is sent.
func (n *node) tls() *tls.Config {
	if n.opt.Roots == nil {
		return &tls.Config{InsecureSkipVerify: true}
	}
	host, _, err := net.SplitHostPort(n.address)
	if err != nil {
		host = n.address
	}
	return &tls.Config{RootCAs: n.opt.Roots, ServerName: host}
}

const (
	strangerReply = "CLIENT_ERROR unauthenticated"
	// versionLine is longer than the head of a binary packet: a node that takes it
	// for one sees at once that it is none, and does not wait for the rest.
	versionLine = "version                         \r\n"
)

// greet asks for the version, and logs in where the answer is that one has to. It
// does not log in unasked: that is a set, and would store the password.
func (n *node) greet(c *conn) error {
	answer, err := c.ask(versionLine)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(answer, "VERSION "):
		return nil
	case answer != strangerReply:
		return fmt.Errorf("it answered %.80q when asked for its version", answer)
	case n.opt.Name == "":
		return errors.New("clients have to log in (-Y): give verify a file with a line name:password by --auth-file")
	case n.secure && n.opt.Roots == nil:
		return errors.New("no password is sent over TLS to a node that anybody could be: " +
			"name the authority of its certificate by --tls-ca")
	}
	words := n.opt.Name + " " + n.opt.Password
	answer, err = c.ask(fmt.Sprintf("set login 0 0 %d\r\n%s\r\n", len(words), words))
	if err == nil && answer != "STORED" {
		err = fmt.Errorf("it refused the login of --auth-file (%.80q)", answer)
	}
	return err
}

// about is what has to be known of a node before.
type about struct {
	id, link string
	items    int64
	local    glob.List
}

// learn asks for the node's settings and state.
func (n *node) learn() (a about, err error) {
	settings, err := n.main.stats("settings")
	if err != nil {
		return a, n.fail(err)
	}
	local, ok := settings["local_keys"]
	if !ok {
		return a, n.fail(errors.New("it is no twincached: its settings have no local_keys"))
	}
	if local != "none" {
		if a.local, err = glob.ParseList(strings.Split(local, ",")); err != nil {
			return a, n.fail(fmt.Errorf("its --local-keys: %w", err))
		}
	}
	rows, err := n.main.stats("")
	if err != nil {
		return a, n.fail(err)
	}
	a.id, a.link = rows["repl_node_id"], rows["repl_link"]
	a.items, _ = strconv.ParseInt(rows["curr_items"], 10, 64) // for the progress only
	return a, nil
}

// excused tells whether the node may lack items by right.
func (n *node) excused() (bool, error) {
	rows, err := n.main.stats("")
	if err != nil {
		return false, n.fail(err)
	}
	for _, name := range []string{"evictions", "repl_refused_too_large"} {
		if v := rows[name]; v != "0" && v != "" {
			return true, nil
		}
	}
	return false, nil
}
