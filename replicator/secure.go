package replicator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"syscall"

	"twincached/internal/session"
	"twincached/internal/wire"
)

// maxTLSHandshakeBytes bounds what a stranger may send before TLS knows who it is. Two
// certificates of a private CA take about 1 KiB each. Without a bound the library would
// keep 256 KiB for each connection.
const maxTLSHandshakeBytes = 32 << 10

// What is logged if only one side has certificates.
const (
	textUnwantedTLS = "the caller speaks TLS, this node does not: give both nodes --repl-tls-cert, --repl-tls-key and --repl-tls-ca, or neither"
	textMissingTLS  = "the caller speaks without TLS, this node does not: give both nodes --repl-tls-cert, --repl-tls-key and --repl-tls-ca, or neither"
	textPlainPeer   = "the peer answers without TLS: give both nodes --repl-tls-cert, --repl-tls-key and --repl-tls-ca, or neither"
)

// tlsError is why TLS has failed on a connection. The peer gets only an alert, because
// frames need the TLS that has failed.
type tlsError struct {
	text   string
	byPeer bool // the peer refused, and its log has the reason
	err    error
}

func (e *tlsError) Error() string { return fmt.Sprintf("replicator: TLS: %s: %v", e.text, e.err) }
func (e *tlsError) Unwrap() error { return e.err }

// secure does the handshake of TLS, if the link has it. The caller has set a deadline. The
// side that dialled does not know after it whether the other side accepts its certificate:
// its first read fails if not.
func (c *conn) secure() error {
	if c.l.cfg.TLS == nil {
		return nil
	}
	bounded := &boundedConn{Conn: c.raw, left: maxTLSHandshakeBytes}
	var t *tls.Conn
	if c.dialled {
		t = tls.Client(bounded, c.l.cfg.TLS())
	} else {
		t = tls.Server(bounded, c.l.cfg.TLS())
	}
	err := t.Handshake()
	var plain tls.RecordHeaderError
	switch {
	case err == nil:
		bounded.left, c.secured = math.MaxInt, true
		c.nc = t
		return nil
	case errors.As(err, &plain) && !c.dialled:
		return c.s.Leave(wire.ByeTLS, textMissingTLS) // without TLS: the caller could not read anything else
	case errors.As(err, &plain) && string(plain.RecordHeader[:]) == "ERROR":
		return &tlsError{text: textNoNode, err: err}
	case errors.As(err, &plain):
		return &tlsError{text: textPlainPeer, err: err}
	}
	return err
}

// explain turns an error of TLS into a tlsError with its reason. Errors of the network, and
// of an established session, stay as they are.
func (c *conn) explain(err error) error {
	var e *session.End
	var explained *tlsError
	var code syscall.Errno
	switch {
	case err == nil, c.l.cfg.TLS == nil, c.established != 0, errors.As(err, &e), errors.As(err, &explained), errors.Is(err, errGivenUp):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &code):
		return err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return &tlsError{text: "the peer does not accept this node's certificate, its log says why", byPeer: true, err: err}
	}
	return &tlsError{text: reason(err), err: err}
}

// reason says what is wrong in a TLS handshake, and what a person can do about it.
func reason(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the other side's certificate is out of date: make it a new one, or set the clocks"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "the other side's certificate is not for both ends of a link (client and server)"
	case errors.As(err, &unknown):
		return "the other side's certificate is not of this pair's CA (--repl-tls-ca)"
	case errors.Is(err, errTLSTooLong):
		return "the other side is no node"
	}
	return "the handshake failed"
}

var errTLSTooLong = fmt.Errorf("more than %d bytes in a handshake", maxTLSHandshakeBytes)

// boundedConn is a connection from which only left more bytes may be read.
type boundedConn struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTLSTooLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// speaksTLS says that the bytes that were read begin as TLS does, and not as a frame.
func (c *conn) speaksTLS() bool {
	const record, major = 0x16, 3 // of a TLS handshake
	b := c.buf[c.from:c.to]
	return c.l.cfg.TLS == nil && !c.dialled && c.s.Phase() == session.PhaseHello && len(b) > 1 && b[0] == record && b[1] == major
}
