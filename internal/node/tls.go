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

	"twincached/memproto"
)

// TLS says how clients are served over TLS. The zero value: they are not.
type TLS struct {
	Enabled      bool
	ChainCert    string // PEM file: the node's certificate, then those that lead to its root
	Key          string // PEM file of its key; empty: in ChainCert
	CACert       string // PEM file of the roots of clients' certificates; empty: none is trusted
	VerifyMode   int    // certificates of clients: 0 not asked for, 1 right if there is one, 2 and 3 needed
	MinVersion   int    // 0 TLS 1.0, 1 TLS 1.1, 2 TLS 1.2, 3 TLS 1.3
	SessionCache bool   // clients may resume sessions
	WriteBufKiB  int    // OpenSSL's buffer in memcached; shown in "stats settings" and without effect
}

var tlsVersions = [...]struct {
	number uint16
	name   string
}{{tls.VersionTLS10, "tlsv1.0"}, {tls.VersionTLS11, "tlsv1.1"}, {tls.VersionTLS12, "tlsv1.2"}, {tls.VersionTLS13, "tlsv1.3"}}

// verifyFlags are what "stats settings" shows for each VerifyMode: OpenSSL's numbers.
var verifyFlags = [...]int64{0, 1, 3, 7}

// checkTLS looks at what can be known without reading the files.
func checkTLS(c *Config) error {
	if !c.TLS.Enabled && !c.StatusPage.TLS {
		return nil
	}
	if c.TLS.Enabled && c.UnixSocket != "" {
		return errors.New("-Z, --enable-ssl and -s, --unix-socket: there is no TLS on a unix socket; leave one of them")
	}
	if c.TLS.Enabled && c.TLS.ChainCert == "" {
		return errors.New("-Z, --enable-ssl needs a certificate: -o ssl_chain_cert=FILE (and -o ssl_key=FILE, if the key is not in it)")
	}
	return errors.Join(
		within("-o ssl_verify_mode", c.TLS.VerifyMode, 0, len(verifyFlags)-1, ""),
		within("-o ssl_min_version", c.TLS.MinVersion, 0, len(tlsVersions)-1, " (0 tlsv1.0 to 3 tlsv1.3)"),
	)
}

// certificates are what the node's files say, read again at will.
type certificates struct {
	current   atomic.Pointer[certificateSet]
	refreshed atomic.Int64 // Unix seconds
}

// certificateSet is one reading of the files: as ssl_verify_mode says, and as the
// listeners want it that differ.
type certificateSet struct{ usual, basic, mutual *tls.Config }

// server gives each conn what was read last.
func (c *certificates) server(s security) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		switch now := c.current.Load(); s {
		case secureBasic:
			return now.basic, nil
		case secureMutual:
			return now.mutual, nil
		default:
			return now.usual, nil
		}
	}}
}

// fileError is a file of a -o word that cannot be used.
type fileError struct {
	word, what, file string
	err              error
}

func (e *fileError) Error() string { return fmt.Sprintf("-o %s=%s: %v", e.word, e.file, e.err) }
func (e *fileError) Unwrap() error { return e.err }

// readCertificates reads the files of TLS. After an error what was read before stays.
func (n *Node) readCertificates() error {
	t := &n.cfg.TLS
	if !t.Enabled && !n.cfg.StatusPage.TLS {
		return nil
	}
	keyFile := choose(t.Key != "", t.Key, t.ChainCert)
	fail := func(word, what, file string, err error) error {
		return fmt.Errorf("node: %w", &fileError{word, what, file, err})
	}
	chain, err := os.ReadFile(t.ChainCert)
	if err == nil {
		if !strings.Contains(string(chain), "-----BEGIN CERTIFICATE-----") {
			err = errors.New("no certificate in PEM is in it")
		} else if block := firstCertificate(chain); block != nil {
			_, err = x509.ParseCertificate(block)
		}
	}
	if err != nil {
		return fail("ssl_chain_cert", "certificate chain", t.ChainCert, err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return fail("ssl_key", "key", keyFile, err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fail("ssl_key", "key", keyFile, err)
	}
	cfg := &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tlsVersions[t.MinVersion].number,
		ClientCAs: x509.NewCertPool(), SessionTicketsDisabled: !t.SessionCache,
		ClientAuth: [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven,
			tls.RequireAndVerifyClientCert, tls.RequireAndVerifyClientCert}[t.VerifyMode],
	}
	if t.CACert != "" {
		roots, err := os.ReadFile(t.CACert)
		if err == nil && !cfg.ClientCAs.AppendCertsFromPEM(roots) {
			err = errors.New("no certificate in PEM is in it")
		}
		if err != nil {
			return fail("ssl_ca_cert", "CA certificate", t.CACert, err)
		}
	}
	set := &certificateSet{usual: cfg, basic: cfg.Clone(), mutual: cfg.Clone()}
	set.basic.ClientAuth, set.mutual.ClientAuth = tls.NoClientCert, tls.RequireAndVerifyClientCert
	n.certs.current.Store(set)
	n.certs.refreshed.Store(time.Now().Unix())
	return nil
}

// firstCertificate is the first certificate in a PEM file, nil without one.
func firstCertificate(text []byte) []byte {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return block.Bytes
		}
	}
	return nil
}

// refreshCerts is the client command of that name; nil: there is no TLS. Its
// errors are in memcached's words.
func (n *Node) refreshCerts() func() error {
	if !n.cfg.TLS.Enabled {
		return nil
	}
	return func() error {
		err := n.readCertificates()
		if e := (*fileError)(nil); errors.As(err, &e) {
			return fmt.Errorf("loading the %s: %s : %s", e.what, printable(e.file), printable(e.err.Error()))
		}
		return err
	}
}

// tlsRows are memcached's rows of "stats settings".
func tlsRows(r *memproto.Rows, t *TLS) {
	r.YesNo("ssl_enabled", t.Enabled)
	r.Text("ssl_chain_cert", choose(t.ChainCert != "", printable(t.ChainCert), "(null)"))
	r.Text("ssl_key", choose(t.Key != "", printable(t.Key), "(null)"))
	r.Int("ssl_verify_mode", verifyFlags[t.VerifyMode])
	r.Int("ssl_keyformat", 1)
	r.Text("ssl_ciphers", "NULL")
	r.Text("ssl_ca_cert", choose(t.CACert != "", printable(t.CACert), "NULL"))
	r.Int("ssl_wbuf_size", int64(t.WriteBufKiB)<<10)
	r.YesNo("ssl_session_cache", t.SessionCache)
	r.YesNo("ssl_kernel_tls", false)
	r.Text("ssl_min_version", tlsVersions[t.MinVersion].name)
}
