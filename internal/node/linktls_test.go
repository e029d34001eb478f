package node

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/ca"
	"twincached/internal/testkit"
)

// replTLS writes the files of a node that a signs, as made at a time.
func replTLS(t *testing.T, a *ca.Authority, made time.Time, valid time.Duration) ReplTLS {
	t.Helper()
	p, err := a.Issue("127.0.0.1", made, valid)
	if err != nil {
		t.Fatal(err)
	}
	root, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return writeReplTLS(t, t.TempDir(), p.Cert, p.Key, root.Cert)
}

func writeReplTLS(t *testing.T, dir string, cert, key, root []byte) ReplTLS {
	t.Helper()
	f := ReplTLS{filepath.Join(dir, "n.crt"), filepath.Join(dir, "n.key"), filepath.Join(dir, "ca.crt")}
	for name, text := range map[string][]byte{f.Cert: cert, f.Key: key, f.CA: root} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func authority(t *testing.T, made time.Time) *ca.Authority {
	t.Helper()
	a, err := ca.New(made)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNode_LinksOverTLS(t *testing.T) {
	pair := authority(t, time.Now())
	cfgA, cfgB := pairConfigs(t)
	var log testkit.Log
	cfgA.Log = testConfig(io.MultiWriter(&log, t.Output())).Log
	cfgA.ReplTLS, cfgB.ReplTLS = replTLS(t, pair, time.Now(), time.Hour), replTLS(t, pair, time.Now(), time.Hour)
	cfgB.Secret, cfgA.Secret = "and a secret", "and a secret"
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	mustSet(t, client(t, a), "k", "v")
	waitValue(t, client(t, b), "k", "v")
	if got := ask(t, a, "stats settings"); got["repl_tls"] != "yes" || got["repl_secret"] != "yes" {
		t.Errorf("%v", got)
	}
	if left, err := strconv.Atoi(ask(t, a, "stats")["repl_tls_cert_seconds_left"]); err != nil || left < 1 || left > 3600 {
		t.Errorf("%d s left, %v", left, err)
	}
	if s := log.String(); !strings.Contains(s, "will soon be out of date") || !strings.Contains(s, "tls=true") {
		t.Errorf("log: %s", s)
	}
}

// A node whose certificate the pair does not take serves alone, both logs say why,
// and with the right files, read again, it links.
func TestNode_CertificatesThatDoNotCount(t *testing.T) {
	now := time.Now()
	pair := authority(t, now)
	selfSigned := func(t *testing.T) ReplTLS {
		cert, key, _ := writeCert(t, t.TempDir(), "mallory")
		text := []byte(testkit.ReadFile(t, cert))
		return writeReplTLS(t, t.TempDir(), text, []byte(testkit.ReadFile(t, key)), text)
	}
	for name, c := range map[string]struct {
		files func(t *testing.T) ReplTLS
		why   string // in the log of the node that refuses
	}{
		"expired":     {func(t *testing.T) ReplTLS { return replTLS(t, pair, now.Add(-2*time.Hour), time.Hour) }, "out of date"},
		"not yet":     {func(t *testing.T) ReplTLS { return replTLS(t, pair, now.Add(3*time.Hour), time.Hour) }, "out of date"},
		"foreign":     {func(t *testing.T) ReplTLS { return replTLS(t, authority(t, now), now, time.Hour) }, "not of this pair's CA"},
		"self-signed": {selfSigned, "not of this pair's CA"},
	} {
		t.Run(name, func(t *testing.T) {
			var logA, logB testkit.Log
			cfgA, cfgB := pairConfigs(t)
			cfgA.Log, cfgB.Log = testConfig(&logA).Log, testConfig(&logB).Log
			cfgA.PeerWait, cfgB.PeerWait = 100*time.Millisecond, 100*time.Millisecond
			cfgA.Boot, cfgB.Boot = BootServe, BootServe
			cfgA.ReplTLS, cfgB.ReplTLS = replTLS(t, pair, now, 24*365*time.Hour), c.files(t)
			a, b := start(t, cfgA), start(t, cfgB)
			waitReady(t, a, b) // alone
			testkit.Eventually(t, "a says why", func() bool { return strings.Contains(logA.String(), c.why) })
			testkit.Eventually(t, "b is told", func() bool { return strings.Contains(logB.String(), "does not accept this node's certificate") })
			testkit.Eventually(t, "it is counted and tried again", func() bool { return a.Stats().Link.Refused["TLS"] > 3 && b.Stats().Link.Refused["TLS"] > 3 })
			if n := a.Stats().Link.Sessions + b.Stats().Link.Sessions; n != 0 {
				t.Errorf("%d sessions", n)
			}
			if name == "expired" && !strings.Contains(logB.String(), "the certificate of the link is out of date") {
				t.Error("b does not know of its own certificate")
			}
			good := replTLS(t, pair, now, time.Hour)
			for from, to := range map[string]string{good.Cert: cfgB.ReplTLS.Cert, good.Key: cfgB.ReplTLS.Key, good.CA: cfgB.ReplTLS.CA} {
				text, err := os.ReadFile(from)
				if err != nil || os.WriteFile(to, text, 0o600) != nil {
					t.Fatal(from, to, err)
				}
			}
			if err := b.Reload(); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, "the link", func() bool { return a.Stats().Link.Link == "stream" && b.Stats().Link.Link == "stream" })
		})
	}
}

func TestStart_NamesTheFileOfTheLinkThatCannotBeUsed(t *testing.T) {
	pair := authority(t, time.Now())
	other := replTLS(t, authority(t, time.Now()), time.Now(), time.Hour)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, f *ReplTLS)
		want  string
	}{
		"no certificate":   {func(_ *testing.T, f *ReplTLS) { f.Cert = "/nowhere" }, "node: --repl-tls-cert /nowhere: open /nowhere: no such file"},
		"certificate":      {func(_ *testing.T, f *ReplTLS) { f.Cert = f.Key }, "no certificate in PEM is in it"},
		"open key":         {func(_ *testing.T, f *ReplTLS) { os.Chmod(f.Key, 0o640) }, "is open to others (mode 0640): chmod 600"},
		"another key":      {func(_ *testing.T, f *ReplTLS) { f.Key = other.Key }, "node: --repl-tls-key " + other.Key + " is not the key of --repl-tls-cert "},
		"no key":           {func(_ *testing.T, f *ReplTLS) { f.Key = "/nowhere" }, "node: --repl-tls-key: open /nowhere: no such file"},
		"another CA":       {func(_ *testing.T, f *ReplTLS) { f.CA = other.CA }, "do not belong together"},
		"a node's, not CA": {func(_ *testing.T, f *ReplTLS) { f.CA = f.Cert }, "is not a CA's"},
		"empty CA":         {func(_ *testing.T, f *ReplTLS) { f.CA = os.DevNull }, "node: --repl-tls-ca /dev/null: no certificate in PEM is in it"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := pairConfigs(t)
			cfg.ReplTLS = replTLS(t, pair, time.Now(), time.Hour)
			c.spoil(t, &cfg.ReplTLS)
			if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				if n != nil {
					n.Close()
				}
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

// An authority between the node and the root may end before the node's certificate does.
func TestLoadLinkTLS_ChainThatEndsEarlyCountsUntilThen(t *testing.T) {
	now := time.Now()
	root, _, top := writeCert(t, t.TempDir(), "ca")
	between := *top.Leaf
	between.SerialNumber, between.Subject.CommonName, between.NotAfter = nil, "between", now.Add(time.Hour)
	between.SubjectKeyId, between.AuthorityKeyId = nil, nil
	_, key, leaf := writeCert(t, t.TempDir(), "n1")
	der, err := x509.CreateCertificate(rand.Reader, &between, top.Leaf, leaf.Leaf.PublicKey, top.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	template := *leaf.Leaf
	template.IsCA, template.NotBefore, template.NotAfter = false, now.Add(-time.Hour), now.Add(24*time.Hour)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.SubjectKeyId, template.AuthorityKeyId = nil, nil
	own, err := x509.CreateCertificate(rand.Reader, &template, issuer, leaf.Leaf.PublicKey, leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	files := writeReplTLS(t, t.TempDir(), chain, text, nil)
	files.CA = root
	if _, _, err := loadLinkTLS(&files, func() time.Time { return now }); err != nil {
		t.Error(err)
	}
	if _, _, err := loadLinkTLS(&files, func() time.Time { return now.Add(2 * time.Hour) }); err == nil {
		t.Error("it counts although nobody vouches for it any more")
	}
}

func TestReload_LeavesTheLinksFilesAsTheyWereAfterAnError(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.ReplTLS = replTLS(t, authority(t, time.Now()), time.Now(), time.Hour)
	n := start(t, cfg)
	before := n.linkTLS.current.Load()
	if err := os.WriteFile(cfg.ReplTLS.Cert, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Reload(); err == nil || !strings.Contains(err.Error(), "--repl-tls-cert") || n.linkTLS.current.Load() != before {
		t.Fatalf("%v", err)
	}
}

// A certificate for one end only is found at the start, not by the dialler's luck.
func TestVerifyPeer_WantsBothEnds(t *testing.T) {
	_, _, pair := writeCert(t, t.TempDir(), "ca")
	_, _, stranger := writeCert(t, t.TempDir(), "leaf")
	root, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	for usage, ok := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageServerAuth: false, x509.ExtKeyUsageClientAuth: false, x509.ExtKeyUsageAny: true} {
		template := *root
		template.IsCA, template.ExtKeyUsage, template.SerialNumber = false, []x509.ExtKeyUsage{usage}, nil
		template.Subject.CommonName, template.SubjectKeyId = "leaf", nil
		der, err := x509.CreateCertificate(rand.Reader, &template, root, stranger.Leaf.PublicKey, pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifyPeer([]*x509.Certificate{leaf}, pool, time.Now()); (err == nil) != ok {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	if verifyPeer(nil, pool, time.Now()) == nil {
		t.Error("nobody is a peer")
	}
}

func TestValidate_LinkTLSIsWholeAndCountsAsProtection(t *testing.T) {
	all := ReplTLS{"c", "k", "a"}
	for _, c := range []struct {
		change func(*Config)
		want   string // "" it is right
	}{
		{func(c *Config) { c.ReplTLS = all }, ""},
		{func(c *Config) { c.ReplTLS, c.Secret = all, "s" }, ""},
		{func(c *Config) { c.Secret = "s" }, ""},
		{func(*Config) {}, "with no secret and no certificate"},
		{func(c *Config) { c.ReplTLS = ReplTLS{Cert: "c"} }, "--repl-tls-cert without --repl-tls-key and --repl-tls-ca"},
		{func(c *Config) { c.ReplTLS = ReplTLS{Cert: "c", CA: "a"} }, "--repl-tls-cert and --repl-tls-ca without --repl-tls-key"},
		{func(c *Config) { c.ReplTLS = ReplTLS{Key: "k"} }, "--repl-tls-key without --repl-tls-cert and --repl-tls-ca"},
		{func(c *Config) { c.ReplTLS, c.ReplInsecure = all, true }, "--repl-tls-cert and --repl-insecure contradict"},
		{func(c *Config) { c.Secret, c.ReplInsecure = "s", true }, "TWINCACHED_SECRET and --repl-insecure contradict"},
		{func(c *Config) { c.Secret, c.SecretFile = "s", "f" }, "--secret-file and TWINCACHED_SECRET both give the secret"},
		{func(c *Config) { c.Secret, c.Peer = "s", "" }, "TWINCACHED_SECRET has no use without -x"},
		{func(c *Config) { c.ReplTLS, c.Peer = all, "" }, "--repl-tls-cert has no use without -x"},
	} {
		cfg := Default()
		cfg.Peer = "other:11212"
		c.change(&cfg)
		if err := cfg.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
