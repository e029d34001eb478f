package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// answer serves conns of l: one line each, if a whole request comes.
func answer(t *testing.T, l net.Listener, line string) string {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(c, make([]byte, len("version\r\n"))); err == nil {
				_, _ = io.WriteString(c, line)
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestHealthcheck_AsksNodesThatWantALoginOrTLS(t *testing.T) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	for address, want := range map[string]string{
		answer(t, listen(), "VERSION 1.2.3\r\n"):                               "1.2.3",
		answer(t, listen(), "CLIENT_ERROR unauthenticated\r\n"):                "clients log in",
		answer(t, tls.NewListener(listen(), secure), "VERSION 1.2.4\r\n"):      "1.2.4",
		answer(t, listen(), "SERVER_ERROR out of memory\r\n"):                  "",
		answer(t, tls.NewListener(listen(), secure), "SERVER_ERROR so so\r\n"): "",
	} {
		if got, err := askVersion(address, 5*time.Second); got != want || (err == nil) != (want != "") {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
