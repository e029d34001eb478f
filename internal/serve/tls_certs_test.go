package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// testTLS are a server's and a client's configuration that fit.
var testTLS = sync.OnceValues(func() (server, client *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 2), net.IPv6loopback}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: roots}
})

// overTLS moves all addresses of cfg to TLS.
func overTLS(cfg *Config) {
	server, _ := testTLS()
	for _, address := range cfg.Addresses {
		cfg.TLS = append(cfg.TLS, TLSAddress{address, server})
	}
	cfg.Addresses = nil
}

// tlsClient speaks TLS over a conn.
func tlsClient(t *testing.T, nc net.Conn) *tls.Conn {
	t.Helper()
	_, cfg := testTLS()
	cfg = cfg.Clone()
	cfg.ServerName, _, _ = net.SplitHostPort(nc.RemoteAddr().String())
	return tls.Client(nc, cfg)
}
