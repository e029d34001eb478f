package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// How long certificates count.
const (
	DefaultYears = 10                         // of an authority: longer than the machines
	MaxValid     = 100 * 365 * 24 * time.Hour // of a node's; longer is a mistake

	early        = time.Hour // they count from before they are made: clocks differ
	maxNameBytes = 253       // of a host name in the DNS
)

// Authority signs the certificates of one pair.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Pair is a certificate and its key as PEM files hold them.
type Pair struct {
	Cert, Key []byte
	Until     time.Time // the last moment at which the certificate counts
}

// New makes an authority that counts from now on, for DefaultYears.
func New(now time.Time) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		Subject:  pkix.Name{CommonName: "twincached pair"},
		NotAfter: now.AddDate(DefaultYears, 0, 0), KeyUsage: x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, // it signs nodes, not further authorities
	}
	cert, err := sign(&template, &template, now, key.Public(), key)
	return &Authority{cert, key}, err
}

// Parse reads an authority from its PEM files.
func Parse(p Pair) (*Authority, error) {
	both, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	signer, ok := both.PrivateKey.(crypto.Signer)
	if !ok || !both.Leaf.IsCA {
		return nil, errors.New("ca: the certificate is not a CA's")
	}
	return &Authority{both.Leaf, signer}, nil
}

// PEM is what Parse reads. The key belongs where no node is.
func (a *Authority) PEM() (Pair, error) { return encode(a.cert, a.key) }

// Until is the last moment at which the authority counts.
func (a *Authority) Until() time.Time { return a.cert.NotAfter }

// Issue makes a certificate for the node of a host name or an IP address, with a
// new key. It counts from now for valid, and no longer than the authority.
func (a *Authority) Issue(name string, now time.Time, valid time.Duration) (Pair, error) {
	if err := CheckName(name); err != nil {
		return Pair{}, err
	}
	if !now.Before(a.cert.NotAfter) {
		return Pair{}, fmt.Errorf("ca: the authority is out of date since %s", a.cert.NotAfter.UTC().Format(time.DateOnly))
	}
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template := x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: now.Add(valid), KeyUsage: x509.KeyUsageDigitalSignature,
		// Either node may dial the other.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	cert, err := sign(&template, a.cert, now, key.Public(), a.key)
	if err != nil {
		return Pair{}, err
	}
	return encode(cert, key)
}

// CheckName says what is wrong with the name of a node.
func CheckName(name string) error {
	if net.ParseIP(name) != nil {
		return nil
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	switch {
	case name == "" || len(name) > maxNameBytes:
		return fmt.Errorf("ca: a name has 1 to %d characters", maxNameBytes)
	case strings.Trim(name, allowed) != "" || strings.ContainsAny(name[:1], "-."):
		return fmt.Errorf("ca: %q is neither a host name nor an IP address", name)
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("ca: make a key: %w", err)
	}
	return key, nil
}

// sign completes the template and signs it. The library picks the serial number.
func sign(template, parent *x509.Certificate, now time.Time, key crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	template.NotBefore = now.Add(-early)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		return nil, fmt.Errorf("ca: sign: %w", err)
	}
	return x509.ParseCertificate(der)
}

func encode(cert *x509.Certificate, key crypto.Signer) (Pair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("ca: write a key: %w", err)
	}
	return Pair{
		Cert:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		Key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		Until: cert.NotAfter,
	}, nil
}
