package ask

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"twincached/internal/health"
	"twincached/internal/status"
)

const (
	// maxBytes bounds a reply, and so a line of it: what two nodes say of themselves, as
	// JSON, and "STAT status ".
	maxBytes = 2*status.MaxBytes + 4096

	strangerReply = "CLIENT_ERROR unauthenticated"
	fullReply     = "ERROR Too many open connections"
	// versionLine is longer than the head of a binary packet: a node that takes it for
	// one sees at once that it is none, and does not wait for the rest.
	versionLine = "version                         \r\n"
	tlsAlert    = "\x15\x03" // how TLS answers what is none
)

// errUnknown: the server has no such stats.
var errUnknown = errors.New("it knows no such stats")

// conn is a connection on which a node answers questions.
type conn struct {
	net.Conn
	r       *bufio.Reader
	version string
}

// row is one of a stats reply.
type row struct{ name, value string }

// network is how an address is dialled: with a slash in it, it is a unix socket.
func network(address string) string {
	if strings.Contains(address, "/") {
		return "unix"
	}
	return "tcp"
}

// dial connects, and logs in where the node wants it. secure: over TLS.
func (n *Node) dial(secure bool, deadline time.Time) (*conn, error) {
	raw, err := (&net.Dialer{Deadline: deadline}).Dial(network(n.address), n.address)
	if err != nil {
		return nil, health.Why(err)
	}
	if secure {
		raw = tls.Client(raw, n.opt.tls(n.address))
	}
	c := &conn{Conn: raw, r: bufio.NewReaderSize(raw, maxBytes)}
	err = raw.SetDeadline(deadline)
	if err == nil {
		err = n.greet(c, secure)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// greet asks for the version, and logs in where the answer is that one has to. It does
// not log in unasked: that is a set, and would store the password.
func (n *Node) greet(c *conn, secure bool) error {
	// A node at its limit writes one line and closes: it is there although the request fails.
	_, sent := io.WriteString(c, versionLine)
	answer, err := c.line()
	if err != nil {
		return cmp.Or(sent, err)
	}
	version, ok := strings.CutPrefix(answer, "VERSION ")
	switch {
	case ok:
		c.version = version
		return nil
	case answer == fullReply:
		return errors.New("it has as many clients as it takes")
	case answer != strangerReply:
		return fmt.Errorf("it answered %.60q when asked for its version: that is no memcached", answer)
	case n.opt.LoginError != nil:
		return fmt.Errorf("clients have to log in: %w", n.opt.LoginError)
	case n.opt.Name == "":
		return errors.New("clients have to log in: name a file with a line name:password by --auth-file")
	case secure && n.opt.Roots == nil:
		return errors.New("no password is sent over TLS to a node that anybody could be: name the authority of its certificate by --tls-ca")
	}
	words := n.opt.Name + " " + n.opt.Password
	if _, err := fmt.Fprintf(c, "set login 0 0 %d\r\n%s\r\n", len(words), words); err != nil {
		return err
	}
	if answer, err = c.line(); err == nil && answer != "STORED" {
		n.refused = fmt.Errorf("it refused the login of %s", n.opt.LoginFrom)
		err = n.refused
	}
	return err
}

// line reads a line without its end.
func (c *conn) line() (string, error) {
	if head, _ := c.r.Peek(2); health.IsFrame(head) {
		return "", health.ErrReplication
	}
	line, err := c.r.ReadSlice('\n')
	switch {
	case len(line) >= len(tlsAlert) && string(line[:len(tlsAlert)]) == tlsAlert:
		return "", io.EOF
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("it sent a line of more than %d bytes", maxBytes)
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// stats asks for a kind of stats, and returns its rows.
func (c *conn) stats(kind string, deadline time.Time) (rows []row, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "stats "+kind+"\r\n"); err != nil {
		return nil, err
	}
	for total := 0; ; {
		line, err := c.line()
		total += len(line)
		words := strings.SplitN(line, " ", 3)
		switch {
		case err != nil:
			return nil, err
		case line == "END":
			return rows, nil
		case line == "ERROR" && len(rows) == 0:
			return nil, errUnknown
		case len(words) != 3 || words[0] != "STAT":
			return nil, fmt.Errorf("it answered %.60q to stats %s", line, kind)
		case total > maxBytes:
			return nil, fmt.Errorf("it answered with more than %d bytes to stats %s", maxBytes, kind)
		}
		rows = append(rows, row{words[1], words[2]})
	}
}

// hungUp tells whether err is that the node ended the connection. Over TLS, in plain
// words counts too.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, new(tls.RecordHeaderError))
}
