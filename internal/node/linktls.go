package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"twincached/internal/nodelog"
)

// soon is when the end of a certificate is near enough for a warning.
const soon = 30 * 24 * time.Hour

// ReplTLS are the files that secure the link. All are given, or none.
type ReplTLS struct {
	Cert string // PEM file: this node's certificate, then those that lead to the CA
	Key  string // PEM file of its key, which nobody but its owner can read
	CA   string // PEM file of the CA that signed both nodes' certificates
}

func (t *ReplTLS) enabled() bool { return *t != ReplTLS{} }

// checkReplTLS wants all files or none.
func checkReplTLS(c *Config) error {
	if !c.ReplTLS.enabled() {
		return nil
	}
	var given, missing []string
	for _, f := range []struct{ flag, file string }{
		{"--repl-tls-cert", c.ReplTLS.Cert}, {"--repl-tls-key", c.ReplTLS.Key}, {"--repl-tls-ca", c.ReplTLS.CA},
	} {
		if f.file == "" {
			missing = append(missing, f.flag)
		} else {
			given = append(given, f.flag)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s without %s: TLS on the link needs a certificate, its key and the CA of both nodes (twincached cert makes them)",
			strings.Join(given, " and "), strings.Join(missing, " and "))
	}
	return nil
}

// linkTLS is what the files of the link say, read again at will.
type linkTLS struct {
	current atomic.Pointer[tls.Config]
	until   atomic.Int64 // Unix seconds: the last moment of this node's certificate
}

// config is for connections that begin now; nil: the link is in the clear.
func (l *linkTLS) config() func() *tls.Config {
	if l.current.Load() == nil {
		return nil
	}
	return l.current.Load
}

// readLinkTLS reads the files of ReplTLS. After an error what was read before stays.
func (n *Node) readLinkTLS() error {
	t := &n.cfg.ReplTLS
	if !t.enabled() {
		return nil
	}
	cfg, leaf, err := loadLinkTLS(t, time.Now)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.linkTLS.current.Store(cfg)
	n.linkTLS.until.Store(leaf.NotAfter.Unix())
	// One that is out of date is no reason not to start: without its peer the node
	// still serves.
	switch left := time.Until(leaf.NotAfter); {
	case left <= 0:
		n.log.Error("the certificate of the link is out of date: the peer will refuse it", nodelog.Certificate, "file", t.Cert, "until", leaf.NotAfter.UTC().Format(time.DateOnly))
	case left < soon:
		n.log.Warn("the certificate of the link will soon be out of date", nodelog.Certificate, "file", t.Cert, "until", leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
}

// loadLinkTLS makes one configuration for both ends of a link. now tells whether
// the peer's certificate is in date.
func loadLinkTLS(t *ReplTLS, now func() time.Time) (*tls.Config, *x509.Certificate, error) {
	chain, err := os.ReadFile(t.Cert)
	if err == nil && firstCertificate(chain) == nil {
		err = errors.New("no certificate in PEM is in it")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--repl-tls-cert %s: %w", t.Cert, err)
	}
	key, err := ReadPrivate("--repl-tls-key", t.Key, maxKeyBytes)
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, nil, fmt.Errorf("--repl-tls-key %s is not the key of --repl-tls-cert %s: %w", t.Key, t.Cert, err)
	}
	ca, err := os.ReadFile(t.CA)
	roots := x509.NewCertPool()
	if err == nil {
		err = addRoots(roots, ca)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--repl-tls-ca %s: %w", t.CA, err)
	}
	// The node's own certificate has to pass what the peer will ask of it. Its own date
	// is looked at by the caller.
	certs := make([]*x509.Certificate, len(pair.Certificate))
	for i, der := range pair.Certificate {
		if certs[i], err = x509.ParseCertificate(der); err != nil {
			return nil, nil, fmt.Errorf("--repl-tls-cert %s: %w", t.Cert, err)
		}
	}
	at := now()
	if at.Before(certs[0].NotBefore) || at.After(certs[0].NotAfter) {
		at = certs[0].NotAfter
	}
	if err := verifyPeer(certs, roots, at); err != nil {
		return nil, nil, fmt.Errorf("--repl-tls-cert %s and --repl-tls-ca %s do not belong together: %w", t.Cert, t.CA, err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &pair, nil // whatever CA the other side names: its log shall say what does not fit
		},
		MinVersion: tls.VersionTLS13,
		RootCAs:    roots, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		// The name that was dialled proves nothing: it may be an address, a VIP or what
		// a container engine made up. Who has a certificate of the pair's own CA is the
		// peer; VerifyConnection sees to that, on both sides.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if err := verifyPeer(s.PeerCertificates, roots, now()); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
			}
			return nil
		},
		Time:                        now,
		SessionTicketsDisabled:      true, // links are few and long, and each begins with a look at the certificates
		DynamicRecordSizingDisabled: true, // nobody waits for the first bytes of a record
	}, certs[0], nil
}

// addRoots takes every certificate of a PEM file, each of which must be a CA's.
func addRoots(roots *x509.CertPool, text []byte) error {
	found := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if !cert.IsCA {
			return fmt.Errorf("the certificate of %q in it is not a CA's", cert.Subject.CommonName)
		}
		roots.AddCert(cert)
		found++
	}
	if found == 0 {
		return errors.New("no certificate in PEM is in it")
	}
	return nil
}

// verifyPeer wants a chain to the roots. Either node may dial, so a certificate
// has to be good for both ends.
func verifyPeer(certs []*x509.Certificate, roots *x509.CertPool, at time.Time) error {
	if len(certs) == 0 {
		return errors.New("there is no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: at}
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		o.KeyUsages = []x509.ExtKeyUsage{usage}
		if _, err := certs[0].Verify(o); err != nil {
			return err
		}
	}
	return nil
}
