package node

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// writeCert writes a certificate that is its own root, and its key, as PEM.
func writeCert(t *testing.T, dir, name string) (chain, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain, keyFile = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	chainPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for file, text := range map[string][]byte{chain: chainPEM, keyFile: keyPEM} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.X509KeyPair(chainPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return chain, keyFile, pair
}

// overTLS sends a line and returns the first of the reply, and who answered.
func overTLS(addr net.Addr, line string, certs ...tls.Certificate) (reply, name string, err error) {
	d := &net.Dialer{Timeout: testkit.Patience}
	cfg := &tls.Config{InsecureSkipVerify: true}
	if len(certs) > 0 { // sent whatever roots the node names
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
	}
	c, err := tls.DialWithDialer(d, "tcp", addr.String(), cfg)
	if err != nil {
		return "", "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	fmt.Fprintf(c, "%s\r\n", line)
	reply, err = bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(reply), c.ConnectionState().PeerCertificates[0].Subject.CommonName, err
}

func TestNode_ServesTLSBesidePlainAndReadsCertificatesAgain(t *testing.T) {
	cfg := testConfig(t.Output())
	dir := t.TempDir()
	cfg.TLS.Enabled = true
	cfg.TLS.ChainCert, cfg.TLS.Key, _ = writeCert(t, dir, "first")
	cfg.Listen = []string{"notls:127.0.0.1", "127.0.0.1"}
	n := start(t, cfg)
	waitReady(t, n)
	if got := firstLine(t, n, "version\r\n"); got != "VERSION "+MemcachedVersion { // the plain one comes first
		t.Errorf("plain: %q", got)
	}
	secure := n.ClientAddrs()[1]
	if reply, name, err := overTLS(secure, "version"); err != nil || reply != "VERSION "+MemcachedVersion || name != "first" {
		t.Fatalf("%q from %q, %v", reply, name, err)
	}
	writeCert(t, dir, "second")
	if reply, name, err := overTLS(secure, "refresh_certs"); err != nil || reply != "OK" || name != "first" {
		t.Fatalf("%q from %q, %v", reply, name, err)
	}
	if err := os.WriteFile(cfg.TLS.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if reply, name, err := overTLS(secure, "refresh_certs"); err != nil || !strings.HasPrefix(reply, "Error loading the key: "+cfg.TLS.Key) || name != "second" {
		t.Fatalf("%q from %q, %v", reply, name, err)
	}
	if err := n.Reload(); err == nil || !strings.Contains(err.Error(), "-o ssl_key=") {
		t.Errorf("%v", err)
	}
	if _, name, err := overTLS(secure, "version"); err != nil || name != "second" {
		t.Fatalf("after a bad file: %q, %v", name, err)
	}
	settings, general := statRows(n.settingsRows()), statRows(n.generalRows())
	if settings["ssl_enabled"] != "yes" || settings["ssl_chain_cert"] != cfg.TLS.ChainCert || settings["ssl_min_version"] != "tlsv1.2" || settings["ssl_ca_cert"] != "NULL" {
		t.Errorf("%v", settings)
	}
	if general["ssl_handshake_errors"] != "0" || general["time_since_server_cert_refresh"] == "" {
		t.Errorf("%v", general)
	}
}

func TestNode_ClientCertificates(t *testing.T) {
	chain, key, _ := writeCert(t, t.TempDir(), "node")
	ca, _, known := writeCert(t, t.TempDir(), "known")
	_, _, stranger := writeCert(t, t.TempDir(), "stranger")
	for mode, want := range [4]struct{ none, known, stranger bool }{{true, true, true}, {true, true, false}, {false, true, false}, {false, true, false}} {
		cfg := testConfig(io.Discard)
		cfg.TLS = TLS{Enabled: true, ChainCert: chain, Key: key, CACert: ca, VerifyMode: mode, MinVersion: 3}
		n := start(t, cfg)
		waitReady(t, n)
		served := func(certs ...tls.Certificate) bool {
			reply, _, err := overTLS(n.ClientAddrs()[0], "version", certs...)
			return err == nil && strings.HasPrefix(reply, "VERSION")
		}
		if got := [3]bool{served(), served(known), served(stranger)}; got != [3]bool{want.none, want.known, want.stranger} {
			t.Errorf("mode %d: %v, want %v", mode, got, want)
		}
	}
}

func TestStart_NamesATLSFileThatCannotBeUsed(t *testing.T) {
	chain, key, _ := writeCert(t, t.TempDir(), "a")
	_, other, _ := writeCert(t, t.TempDir(), "b")
	for want, files := range map[string]TLS{
		"-o ssl_chain_cert=/no/f: open":   {ChainCert: "/no/f", Key: key},
		"-o ssl_chain_cert=" + key + ": ": {ChainCert: key, Key: key},
		"-o ssl_key=/no/f: open":          {ChainCert: chain, Key: "/no/f"},
		"-o ssl_key=" + other + ": tls: ": {ChainCert: chain, Key: other}, // of another certificate
		"-o ssl_key=" + chain + ": ":      {ChainCert: chain},             // it has no key in it
		"-o ssl_ca_cert=" + key + ": no ": {ChainCert: chain, Key: key, CACert: key},
	} {
		cfg := testConfig(t.Output())
		files.Enabled = true
		cfg.TLS = files
		if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want %q", n, err, want)
		}
	}
}
