package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/memproto"
)

// refused checks that the comparison fails, and that the error says what to do.
func (p *pair) refused(t *testing.T, want ...string) {
	t.Helper()
	r, err := p.run()
	if err == nil {
		t.Fatalf("no error, but %v", &r)
	}
	for _, w := range append(want, "verify: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func TestRun_WhatIsInTheWayIsExplained(t *testing.T) {
	logins := new(memproto.Logins)
	if err := logins.Load([]byte("ann:secret\n")); err != nil {
		t.Fatal(err)
	}
	answer := func(text string) func(net.Conn) net.Conn {
		return func(c net.Conn) net.Conn { return &liar{c, text} }
	}
	for name, c := range map[string]struct {
		spoil func(p *pair)
		want  []string
	}{
		"no dumps":       {func(p *pair) { p.b.srv.NoDumps = true }, []string{"node B, b:1: it does not list its keys (--disable-dumping): start it without"}},
		"no crawler":     {func(p *pair) { p.a.srv.SetCrawler(false) }, []string{"node A, a:1", `"lru_crawler enable" switches it on`}},
		"login":          {func(p *pair) { p.a.srv.TextLogins = logins }, []string{"node A, a:1: clients have to log in (-Y)", "--auth-file"}},
		"wrong login":    {func(p *pair) { p.a.srv.TextLogins, p.opt.Name, p.opt.Password = logins, "ann", "guess" }, []string{"refused the login of --auth-file"}},
		"same node":      {func(p *pair) { p.b.rows["repl_node_id"] = "1" }, []string{"node A, a:1, has the id 1, and node B, b:1, has the id 1: they are one and the same node", "a copy of the other's --state-dir"}},
		"stock":          {func(p *pair) { p.b.local = "" }, []string{"node B, b:1: it is no twincached"}},
		"no pattern":     {func(p *pair) { p.b.local = "a*,[!x]" }, []string{`node B, b:1: its --local-keys: "[!x]" is not a pattern: [! is not clear`}},
		"binary only":    {func(p *pair) { p.b.srv.BinaryOnly = true }, []string{"node B", "verify needs the text protocol, which -B binary, -S alone and a replication port do not speak"}},
		"too many conns": {func(p *pair) { p.b.wrap = answer("ERROR Too many open connections\r\n") }, []string{`it answered "ERROR Too many open connections"`}},
		"nonsense":       {func(p *pair) { p.b.wrap = answer(strings.Repeat("x", 1<<20)) }, []string{"a line of more than"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pair) {
				p.both(item("k", "v", version(0)))
				c.spoil(p)
				p.refused(t, c.want...)
				if c.want[0] != "refused" && strings.Contains(fmt.Sprint(p.run()), "guess") {
					t.Error("it tells the password")
				}
			})
		})
	}
}

// liar answers whatever it likes.
type liar struct {
	net.Conn
	text string
}

func (l *liar) Write([]byte) (int, error) { return l.Conn.Write([]byte(l.text)) }

func TestRun_UnreachableNodeIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, p *pair) {
		p.opt.dial = func(string, string) (net.Conn, error) { return nil, net.ErrClosed }
		_, err := Run("a:1", "b:1", p.opt)
		if err == nil || !strings.Contains(err.Error(), "node A, a:1: it does not serve: ") || !strings.Contains(err.Error(), "once it is ready") {
			t.Errorf("%v", err)
		}
	})
}

// A node that ends, or falls silent, after any number of bytes is an error: never a
// result, and never a hang.
func TestRun_NodeThatIsLostOnTheWay(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for bytes := 0; bytes < 20000; bytes += 373 {
			bubble(t, func(t *testing.T, p *pair) {
				for i := range 3000 {
					p.both(item(fmt.Sprint("key", i), "the value", version(i)))
				}
				left := bytes
				p.b.wrap = func(c net.Conn) net.Conn {
					if p.b.conns > 0 { // the list of keys: all but the last line
						return &testkit.Cut{Conn: c, Left: min(left, 3000*9), Silent: silent}
					}
					return &testkit.Cut{Conn: c, Left: 1 << 19, Silent: silent}
				}
				if bytes%2 == 0 {
					p.b.wrap = func(c net.Conn) net.Conn { return &testkit.Cut{Conn: c, Left: left, Silent: silent} }
				}
				want := "was it stopped?"
				if silent {
					want = "it has said nothing for 30s"
				}
				if bytes == 0 && !silent {
					want = "with TLS and without" // it never says a word
				}
				p.refused(t, "node B", want)
			})
		}
	}
}

// certificate is one that is its own authority, for the host a.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestRun_LoginAndTLS(t *testing.T) {
	logins := new(memproto.Logins)
	if err := logins.Load([]byte("ann:the secret\n")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tls, login, roots, stranger bool
		want                        string // of the error
	}{
		"login":                    {login: true},
		"tls":                      {tls: true},
		"tls, checked":             {tls: true, roots: true},
		"tls, not our authority":   {tls: true, roots: true, stranger: true, want: "over TLS: tls: failed to verify certificate"},
		"login over tls":           {tls: true, login: true, roots: true},
		"login over tls unchecked": {tls: true, login: true, want: "name the authority of its certificate by --tls-ca"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pair) {
				p.both(item("k", "v", version(0)))
				cert, pool := certificate(t)
				if c.tls {
					p.a.overTLS(&tls.Config{Certificates: []tls.Certificate{cert}})
				}
				if c.roots {
					p.opt.Roots = pool
				}
				if c.stranger {
					_, p.opt.Roots = certificate(t)
				}
				if c.login {
					p.a.srv.TextLogins, p.opt.Name, p.opt.Password = logins, "ann", "the secret"
				}
				if c.want != "" {
					p.refused(t, "node A, a:1: ", c.want)
					return
				}
				if r := p.must(t); !r.Agree(true) || r.Equal != 1 {
					t.Errorf("%v %v", &r, p.found)
				}
				// A node that lets anybody in must not be sent the password: it would store it.
				if got := p.b.do("get login\r\n"); got != "END\r\n" {
					t.Errorf("B stores %q", got)
				}
			})
		})
	}
}
