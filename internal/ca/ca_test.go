package ca

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"
)

var now = time.Unix(1_750_000_000, 0)

func newAuthority(t *testing.T) *Authority {
	t.Helper()
	a, err := New(now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func leaf(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func pemOf(t *testing.T, a *Authority) Pair {
	t.Helper()
	p, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestIssue_IsGoodForBothEndsWhileItCounts(t *testing.T) {
	a := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(leaf(t, pemOf(t, a)))
	for name, address := range map[string]bool{"n1": false, "n1.example.com": false, "10.0.0.1": true, "2001:db8::1": true} {
		p, err := a.Issue(name, now, 48*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		cert := leaf(t, p)
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
		if address != (len(cert.IPAddresses) == 1 && cert.IPAddresses[0].Equal(net.ParseIP(name))) {
			t.Errorf("%s: %v, %v", name, cert.IPAddresses, cert.DNSNames)
		}
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			for at, ok := range map[time.Duration]bool{-2 * time.Hour: false, -30 * time.Minute: true, 47 * time.Hour: true, 49 * time.Hour: false} {
				_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(at), KeyUsages: []x509.ExtKeyUsage{usage}})
				if (err == nil) != ok {
					t.Errorf("%s, %v after it was made: %v", name, at, err)
				}
			}
		}
		if cert.IsCA || !p.Until.Equal(cert.NotAfter) {
			t.Errorf("%s: CA %v, until %v", name, cert.IsCA, p.Until)
		}
	}
}

// A node's certificate signs nothing, though its key could.
func TestIssue_NodeIsNoAuthority(t *testing.T) {
	a := newAuthority(t)
	p, err := a.Issue("n1", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(p); err == nil || !strings.Contains(err.Error(), "not a CA's") {
		t.Fatalf("%v", err)
	}
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := (&Authority{pair.Leaf, pair.PrivateKey.(crypto.Signer)}).Issue("n2", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.cert)
	between.AddCert(pair.Leaf)
	if _, err := leaf(t, forged).Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now}); err == nil {
		t.Error("a node made another node")
	}
}

func TestParse_ReadsWhatPEMWrites(t *testing.T) {
	a := newAuthority(t)
	p := pemOf(t, a)
	b, err := Parse(p)
	if err != nil {
		t.Fatal(err)
	}
	q := pemOf(t, b)
	if !bytes.Equal(p.Cert, q.Cert) || !bytes.Equal(p.Key, q.Key) || !b.Until().Equal(now.AddDate(DefaultYears, 0, 0)) {
		t.Error("another authority came back")
	}
	other := pemOf(t, newAuthority(t))
	for name, bad := range map[string]Pair{
		"nothing": {}, "another key": {Cert: p.Cert, Key: other.Key}, "no key": {Cert: p.Cert, Key: p.Cert},
	} {
		if _, err := Parse(bad); err == nil || !strings.HasPrefix(err.Error(), "ca: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIssue_NoLongerThanTheAuthority(t *testing.T) {
	a := newAuthority(t)
	p, err := a.Issue("n1", now.AddDate(DefaultYears-1, 0, 0), MaxValid)
	if err != nil || !p.Until.Equal(a.Until()) {
		t.Errorf("until %v, %v; the authority until %v", p.Until, err, a.Until())
	}
	if _, err := a.Issue("n1", a.Until(), time.Hour); err == nil || !strings.Contains(err.Error(), "out of date since 2035-06-15") {
		t.Errorf("%v", err)
	}
}

func TestCheckName(t *testing.T) {
	for name, ok := range map[string]bool{
		"n1": true, "N-1.example.com": true, "my_node": true, "1.2.3.4": true, "::1": true, "fe80::1": true, strings.Repeat("x", 253): true,
		"": false, strings.Repeat("x", 254): false, ".": false, ".x": false, "-x": false, "a/b": false, "..": false, "a b": false, "a\nb": false, "*.x": false, "ä": false, "a:b": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := newAuthority(t).Issue(name, now, time.Hour); (err == nil) != ok {
			t.Errorf("issue %q: %v", name, err)
		}
	}
}
