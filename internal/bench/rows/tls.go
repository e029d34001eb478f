package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate makes one for this machine and returns its files.
func (x *sitting) certificate() (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(x.dir, "cert.pem"), filepath.Join(x.dir, "key.pem")
	return cert, key, errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
}

func overTLS(x *sitting) (*table, error) {
	cert, key, err := x.certificate()
	if err != nil {
		return nil, err
	}
	servers, err := x.against(x.first, "-t", "1", "-Z", "-o", "ssl_chain_cert="+cert+",ssl_key="+key)
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		s.flags = []string{"--tls"}
	}
	return x.contest([]load{{work: "get, depth 1", flags: []string{"--gets", "100"}, cores: x.second, must: 1, goal: 1.2}}, servers, make([]error, 2)), nil
}
