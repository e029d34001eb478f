package health

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// server answers each conn of l with what speak makes of the first bytes, and closes it.
func server(t *testing.T, l net.Listener, speak func(request []byte) string) string {
	t.Helper()
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				b := make([]byte, 64)
				n, err := c.Read(b)
				if answer := speak(b[:n]); err == nil && answer != "" {
					_, _ = io.WriteString(c, answer)
					_, _ = c.Read(b) // what comes next, or the end
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return l.Addr().String()
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// overTLS makes l a listener of TLS.
func overTLS(t *testing.T, l net.Listener, change func(*tls.Config)) net.Listener {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if change != nil {
		change(cfg)
	}
	return tls.NewListener(l, cfg)
}

func textOnly(answer string) func([]byte) string {
	return func(request []byte) string {
		if bytes.HasPrefix(request, []byte("version\r\n")) {
			return answer
		}
		return ""
	}
}

func binaryOnly(answer string) func([]byte) string {
	return func(request []byte) string {
		if len(request) == headerBytes && request[0] == 0x80 && request[1] == 0x0b {
			return answer
		}
		return ""
	}
}

// frame is a response of the binary protocol.
func frame(status byte, body string) string {
	return "\x81\x0b\x00\x00\x00\x00\x00" + string([]byte{status, 0, 0, 0, byte(len(body))}) + strings.Repeat("\x00", 12) + body
}

// needsCert wants a certificate of clients.
func needsCert(version uint16) func(*tls.Config) {
	return func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs, c.MinVersion, c.MaxVersion = tls.RequireAndVerifyClientCert, x509.NewCertPool(), version, version
	}
}

func TestAsk_ASignOfLifeIsEnough(t *testing.T) {
	socket, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	stats := func(request []byte) string {
		return "VERSION 1.2.3\r\nSTAT repl_state ready\r\nSTAT repl_qualifier alone\r\nSTAT repl_peer none\r\nEND\r\n"
	}
	for name, c := range map[string]struct {
		address string
		want    Answer
	}{
		"text":               {server(t, listenTCP(t), textOnly("VERSION 1.2.3\r\n")), Answer{Version: "1.2.3"}},
		"state":              {server(t, listenTCP(t), stats), Answer{Version: "1.2.3", State: "ready", Qualifier: "alone"}},
		"state, untold":      {server(t, listenTCP(t), textOnly("VERSION 1.2.3\r\nERROR\r\n")), Answer{Version: "1.2.3"}},
		"control characters": {server(t, listenTCP(t), textOnly("VERSION 1\x1b[2J\r\n")), Answer{Version: `1\x1b[2J`}},
		"state, of control characters": {server(t, listenTCP(t), textOnly("VERSION 1\r\nSTAT repl_state \x1b[2J\r\nSTAT repl_qualifier \x07\r\nEND\r\n")),
			Answer{Version: "1", State: `\x1b[2J`, Qualifier: `\a`}},
		"binary control characters": {server(t, listenTCP(t), binaryOnly(frame(0, "\x1b[2J"))), Answer{Version: `\x1b[2J`}},
		"login":                     {server(t, listenTCP(t), textOnly("CLIENT_ERROR unauthenticated\r\n")), Answer{Note: "clients log in"}},
		"full":                      {server(t, listenTCP(t), textOnly("ERROR Too many open connections\r\n")), Answer{Note: Full}},
		"binary":                    {server(t, listenTCP(t), binaryOnly(frame(0, "1.2.4"))), Answer{Version: "1.2.4"}},
		"binary login":              {server(t, listenTCP(t), binaryOnly(frame(authRequired, "Auth"))), Answer{Note: "clients log in"}},
		"tls":                       {server(t, overTLS(t, listenTCP(t), nil), textOnly("VERSION 1.2.5\r\n")), Answer{Version: "1.2.5"}},
		"tls binary":                {server(t, overTLS(t, listenTCP(t), nil), binaryOnly(frame(0, "1.2.6"))), Answer{Version: "1.2.6"}},
		"certificate, 1.3":          {server(t, overTLS(t, listenTCP(t), needsCert(tls.VersionTLS13)), stats), Answer{Note: "over TLS it says: tls: certificate required"}},
		"certificate, 1.2":          {server(t, overTLS(t, listenTCP(t), needsCert(tls.VersionTLS12)), stats), Answer{Note: "over TLS it says: tls: handshake failure"}},
		"socket":                    {server(t, socket, binaryOnly(frame(0, "1.2.7"))), Answer{Version: "1.2.7"}},
	} {
		if got, err := Ask(c.address, strings.HasPrefix(name, "state"), time.Now().Add(20*time.Second)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestAsk_NoLifeIsAnError(t *testing.T) {
	closed := listenTCP(t)
	closed.Close()
	silent := listenTCP(t) // accepts in the kernel, and nobody reads
	defer silent.Close()
	for name, c := range map[string]struct{ address, want string }{
		"closed":        {closed.Addr().String(), "connection refused"},
		"silent":        {silent.Addr().String(), "i/o timeout"},
		"other program": {server(t, listenTCP(t), textOnly("HTTP/1.1 400 Bad Request\r\n")), `it answered "HTTP/1.1 400`},
		"broken":        {server(t, listenTCP(t), textOnly("SERVER_ERROR out of memory\r\n")), "out of memory"},
		"a node's peer": {server(t, listenTCP(t), textOnly("\x00\x00\x00Babcd\r")), "that is a replication port: name the clients' port"},
		"in two lines":  {server(t, listenTCP(t), textOnly("\x00\x00\x00B\n\n\n")), "that is a replication port: name the clients' port"},
		"hangs up":      {server(t, listenTCP(t), func([]byte) string { return "" }), "EOF"},
		"endless":       {server(t, listenTCP(t), textOnly(strings.Repeat("x", 1<<20))), "no end of the line"},
		"binary":        {server(t, listenTCP(t), binaryOnly(frame(0x84, "busy"))), "the status 0x84"},
		"long":          {server(t, listenTCP(t), binaryOnly("\x81\x0b"+strings.Repeat("\xff", 22))), "it answered"},
		"no socket":     {filepath.Join(t.TempDir(), "s"), "no such file"},
	} {
		wait := 20 * time.Second
		if name == "silent" {
			wait = 100 * time.Millisecond
		}
		got, err := Ask(c.address, true, time.Now().Add(wait))
		if err != nil && strings.Contains(err.Error(), "dial ") {
			t.Errorf("%s: it repeats where it was asked: %v", name, err)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %s", name, got, err, c.want)
		}
	}
}
