package ask

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"twincached/internal/health"
	"twincached/internal/status"
)

// Timeout is for how long one question waits for its answer. A node that works answers
// at once; one that is stopped (SIGSTOP) or cut off never does.
const Timeout = 3 * time.Second

// Options is how to ask. The zero value asks without a login.
type Options struct {
	// Name and Password log in where a node asks for it (-Y). "": they are not given.
	Name, Password string
	LoginFrom      string // what messages call the place that they are from
	LoginError     error  // why there are none, where somebody meant to give them
	// Roots are the authorities that may have signed a node's certificate: then only TLS is
	// spoken. nil asks in plain words, else over TLS whoever answers; no password is sent then.
	Roots       *x509.CertPool
	Certificate *tls.Certificate // shown to the node; then only TLS is spoken. nil: none
	LocalName   string           // how the sockets of this machine's nodes are called; "": they are not asked

	timeout time.Duration // 0: Timeout
}

// tls says whom to believe.
func (o *Options) tls(address string) *tls.Config {
	cfg := &tls.Config{RootCAs: o.Roots, InsecureSkipVerify: o.Roots == nil}
	if o.Certificate != nil {
		cfg.Certificates = []tls.Certificate{*o.Certificate}
	}
	cfg.ServerName = address
	if host, _, err := net.SplitHostPort(address); err == nil {
		cfg.ServerName = host
	}
	return cfg
}

// Node is a node that is asked, again and again on one connection. One call runs at a time.
type Node struct {
	address string
	opt     Options
	conn    *conn // nil: none is open
	secure  bool  // TLS is spoken
	refused error // a login was: it is not tried again, lest the node takes it for guessing
	noKeys  bool  // it has no "stats hotkeys"
}

// NewNode makes a node of an address: HOST:PORT, or with a slash in it a unix socket.
func NewNode(address string, opt Options) *Node {
	opt.timeout = cmp.Or(opt.timeout, Timeout)
	return &Node{address: address, opt: opt, secure: network(address) == "tcp" && (opt.Roots != nil || opt.Certificate != nil)}
}

// Address is where it is asked.
func (n *Node) Address() string { return n.address }

// Close ends the connection. The Node may be asked again.
func (n *Node) Close() {
	if n.conn != nil {
		n.conn.Close()
		n.conn = nil
	}
}

// Status asks what the node and its peer say of themselves. Its error is for people, and
// says what to do where that is known.
func (n *Node) Status() (*status.Pair, error) {
	rows, err := n.stats("status")
	if err == nil && (len(rows) != 1 || rows[0].name != "status") {
		err = fmt.Errorf("it answered stats status with %d rows, and not with one", len(rows))
	}
	var p *status.Pair
	if err == nil {
		p, err = read(rows[0].value)
	}
	if err == nil {
		return p, nil
	}
	if p := n.local(); p != nil {
		return p, nil
	}
	return nil, clean(err)
}

// read takes the JSON of a pair.
func read(text string) (*status.Pair, error) {
	p := new(status.Pair)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, fmt.Errorf("what it says of itself cannot be read: %w", err)
	}
	if p.Node.AtMillis <= 0 || p.Node.Node.ID == "" {
		return nil, errors.New("it answered stats status with something else than a status")
	}
	cleanAll(p)
	return p, nil
}

// local asks the socket for health checks of a node of this machine that has this address.
func (n *Node) local() *status.Pair {
	if n.opt.LocalName == "" {
		return nil
	}
	nodes, _ := health.Local(n.opt.LocalName)
	for _, r := range nodes {
		for _, a := range r.Clients {
			if !health.LeadsTo(n.address, a) {
				continue
			}
			if p, err := read(string(r.Status)); err == nil {
				return p
			}
		}
	}
	return nil
}

// HotKey is a key that many ask for.
type HotKey struct {
	Key     string
	Percent float64 // of the requests that were looked at
}

// HotKeys are the keys that the node's clients ask for most, first the most wanted. nil:
// the node does not tell.
func (n *Node) HotKeys() (keys []HotKey) {
	if n.noKeys || n.conn == nil {
		return nil
	}
	rows, err := n.conn.stats("hotkeys", time.Now().Add(n.opt.timeout))
	if errors.Is(err, errUnknown) {
		n.noKeys = true
		return nil
	}
	if err != nil {
		n.Close()
		return nil
	}
	at := map[string]int{}
	for _, r := range rows { // hotkeys:RANK:key, and hotkeys:RANK:share
		words := strings.Split(r.name, ":")
		if len(words) != 3 || words[0] != "hotkeys" {
			continue
		}
		i, there := at[words[1]]
		if !there {
			i = len(keys)
			at[words[1]], keys = i, append(keys, HotKey{})
		}
		switch words[2] {
		case "key":
			if keys[i].Key, err = url.PathUnescape(r.value); err != nil {
				keys[i].Key = r.value
			}
			keys[i].Key = health.Printable(keys[i].Key)
		case "share":
			keys[i].Percent, _ = strconv.ParseFloat(r.value, 64)
		}
	}
	return keys
}

// stats asks on the connection there is, else on a new one: the node may have been
// restarted since.
func (n *Node) stats(kind string) (rows []row, err error) {
	deadline := time.Now().Add(n.opt.timeout)
	if n.conn != nil {
		if rows, err = n.conn.stats(kind, deadline); err == nil {
			return rows, nil
		}
		n.Close()
		if timedOut(err) {
			return nil, n.explain(err)
		}
	}
	if n.refused != nil {
		return nil, n.refused
	}
	if n.conn, err = n.open(deadline); err != nil {
		n.conn = nil
		return nil, n.explain(err)
	}
	if rows, err = n.conn.stats(kind, deadline); err == nil {
		return rows, nil
	}
	if errors.Is(err, errUnknown) {
		err = fmt.Errorf("it is a memcached %.20s without stats %s: only a twincached can be shown", n.conn.version, kind)
	}
	n.Close()
	return nil, n.explain(err)
}

// open connects, and finds out whether the node wants TLS.
func (n *Node) open(deadline time.Time) (*conn, error) {
	n.noKeys = false
	c, err := n.dial(n.secure, deadline)
	if n.secure && err != nil {
		return nil, fmt.Errorf("over TLS: %w", err)
	}
	if !hungUp(err) || network(n.address) != "tcp" {
		return c, err
	}
	c, errTLS := n.dial(true, deadline)
	switch {
	case errTLS == nil:
		n.secure = true
		return c, nil
	case hungUp(errTLS):
		return nil, err
	}
	return nil, fmt.Errorf("over TLS: %w", errTLS)
}

// timedOut tells whether err is that there was no answer in time, not even to the dial, whose
// error is of another kind.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// explain says what a person can do about an error.
func (n *Node) explain(err error) error {
	var op *net.OpError
	switch {
	case timedOut(err):
		return fmt.Errorf("it gave no answer within %v: is it stopped, or cut off?", n.opt.timeout)
	case errors.As(err, &op) && op.Op == "remote error" && n.opt.Certificate == nil:
		return fmt.Errorf("%w; what it wants to see, --tls-cert and --tls-key give it", err)
	case hungUp(err) && n.secure:
		return fmt.Errorf("it ended the connection: %w", err)
	case hungUp(err):
		return errors.New("it ended the connection: -B binary, -S alone and a replication port do not speak the text protocol")
	}
	return err
}
