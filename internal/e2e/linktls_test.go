package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// makeCerts runs "twincached cert" for the names, in a directory that may hold the
// authority already.
func makeCerts(t testing.TB, dir string, words ...string) {
	t.Helper()
	if out, err := exec.Command(rig.Binary(t), append([]string{"cert", "--dir", dir}, words...)...).CombinedOutput(); err != nil {
		t.Fatalf("cert %q: %v\n%s", words, err, out)
	}
}

func tlsFlags(dir, name string) []string {
	file := func(name string) string { return filepath.Join(dir, name) }
	return []string{"--repl-tls-cert", file(name + ".crt"), "--repl-tls-key", file(name + ".key"), "--repl-tls-ca", file("ca.crt"), "--peer-wait", "500ms", "--boot", "serve"}
}

// newTLSPair are two nodes with certificates that the program made.
func newTLSPair(t testing.TB) (a, b *rig.Node, dir string) {
	dir, network := t.TempDir(), rig.NewNet(t)
	makeCerts(t, dir, network+".1", network+".2")
	a = rig.NewNode(t, "a", network+".1", network+".2", tlsFlags(dir, network+".1")...)
	b = rig.NewNode(t, "b", network+".2", network+".1", tlsFlags(dir, network+".2")...)
	return a, b, dir
}

// A pair links, copies, is killed, restarts and drains over TLS as it does without.
func TestLinkTLS_PairLivesOverIt(t *testing.T) {
	t.Parallel()
	a, b, _ := newTLSPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	names := rig.Keys("k", 2000)
	a.Load(names, func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 200) })
	b.Kill()
	b.Start()
	b.WaitServing()
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, names)
	a.Dial().Set("last", "word")
	if code := a.Stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if v, _, _ := b.Dial().Get("last"); v != "word" {
		t.Errorf("b holds %q", v)
	}
	if b.Stat("repl_refused_tls") != "" {
		t.Errorf("%s refused", b.Stat("repl_refused_tls"))
	}
}

// firstFlight is how a TLS handshake begins.
func firstFlight(t testing.TB) []byte {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{InsecureSkipVerify: true}).Handshake()
		near.Close()
	}()
	buf := make([]byte, 16<<10)
	n, err := far.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// A thousand half-open TLS handshakes, and some that come to their end without a
// certificate, cost neither the link nor memory, and the true peer gets in through
// them.
func TestLinkTLS_StrangersCostNothing(t *testing.T) {
	a, b, _ := newTLSPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	before := a.MemoryKiB("VmRSS")
	disturbed := true
	for try := 0; disturbed && try < 3; try++ { // a machine that is busy is silent for a second all by itself
		rig.WaitLinked(a, b)
		sessions := a.Stat("repl_sessions")
		halfOpenTLS(t, a)
		disturbed = a.Stat("repl_sessions") != sessions || a.Stat("repl_link") != "stream"
	}
	if disturbed {
		t.Error("the link was disturbed, three times in a row")
	}
	if a.Stat("repl_delayed") == "0" {
		t.Error("nobody waited")
	}
	limit := 24 << 10
	if testkit.Race {
		limit = 128 << 10 // the detector keeps a shadow of what is touched
	}
	grown := a.MemoryKiB("VmHWM") - before
	if grown > limit {
		t.Errorf("strangers cost %d KiB of memory", grown)
	}
	t.Logf("a: %d KiB before, %d KiB more at the peak; %s waited", before, grown, a.Stat("repl_delayed"))
	b.Kill()
	b.Start()
	b.WaitServing()
	rig.WaitLinked(a, b)
}

// halfOpenTLS calls a node a thousand times and begins a handshake at most, and then
// a few times without a certificate, and waits until it is done with them.
func halfOpenTLS(t *testing.T, n *rig.Node) {
	t.Helper()
	refused, closed := refusedFor(n, "tls"), refusedFor(n, "closed")
	hello := firstFlight(t)
	for i := range 1000 {
		call(n).raw(hello[:len(hello)*(i%3)/2]) // nothing, half of it, all
	}
	// Whether the node refuses one that has no certificate. One whose handshake a busy machine is
	// late with makes room for others that come, or has had its time: it is not told.
	told := func() bool {
		c, err := tls.Dial("tcp", n.Host+rig.ReplPort, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
		}
		if err == nil {
			t.Error("it takes one without a certificate")
		}
		return err == nil || strings.Contains(err.Error(), "certificate required")
	}
	var all sync.WaitGroup
	for range 20 { // at once: each is kept waiting by now
		all.Go(func() {
			for end := time.Now().Add(testkit.Patience); !told(); {
				if time.Now().After(end) {
					t.Error("one without a certificate is not told")
					return
				}
			}
		})
	}
	all.Wait()
	testkit.Eventually(t, "all are counted", func() bool {
		return refusedFor(n, "tls") >= refused+20 && refusedFor(n, "closed")+refusedFor(n, "silent") > closed+500
	})
}

// One node with certificates and one without: both say what is wrong, both serve
// as they were told to, neither hangs; with its certificates the other one links.
func TestLinkTLS_OneSideOnly(t *testing.T) {
	t.Parallel()
	a, b, _ := newTLSPair(t)
	certs := b.Args
	b.Args = append(slices.Clone(certs[:len(certs)-10]), "--repl-insecure", "--peer-wait", "500ms", "--boot", "serve")
	rig.StartAll(a, b)
	a.WaitLog("level=WARN", "cause=TLS", "the caller speaks without TLS")
	a.WaitLog("level=WARN", "cause=TLS", "the peer answers without TLS")
	b.WaitLog("level=WARN", "cause=TLS", "the caller speaks TLS, this node does not")
	b.WaitLog("level=WARN", "cause=TLS", "the peer refused the link", "--repl-tls-cert")
	for _, n := range []*rig.Node{a, b} {
		if got := n.Dial().Set("k", n.Name); got != "STORED" {
			t.Errorf("%s does not serve: %s", n.Name, got)
		}
		if silent := refusedFor(n, "silent"); silent > 0 {
			t.Errorf("%s waited %d times in vain", n.Name, silent)
		}
	}
	b.Kill()
	b.Args = certs
	rig.StartAll(b)
	rig.WaitLinked(a, b)
}

// A node's certificate of another pair is refused with its reason; a new one of the
// right authority, and SIGHUP, and it links without a restart.
func TestLinkTLS_ForeignCertificateAndSIGHUP(t *testing.T) {
	t.Parallel()
	a, b, dir := newTLSPair(t)
	other := t.TempDir()
	makeCerts(t, other, b.Host)
	mine := t.TempDir()
	install := func(from string) {
		for _, file := range []string{b.Host + ".crt", b.Host + ".key", "ca.crt"} {
			text, err := os.ReadFile(filepath.Join(from, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(mine, file), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	install(other)
	b.Args = append(b.Args[:len(b.Args)-8], tlsFlags(mine, b.Host)...)
	rig.StartAll(a, b)
	a.WaitLog("level=WARN", "cause=TLS", "not of this pair's CA")
	b.WaitLog("level=WARN", "cause=TLS", "not of this pair's CA")
	tries := a.Stat("repl_dials")
	testkit.Eventually(t, "it tries again", func() bool { return a.Stat("repl_dials") != tries })
	if a.Stat("repl_sessions") != "0" {
		t.Error("they had a session")
	}
	install(dir)
	b.Signal(syscall.SIGHUP)
	rig.WaitLinked(a, b)

	// A node that is replaced gets its certificate from the authority that is there.
	a.Kill()
	makeCerts(t, dir, "third")
	c := rig.NewNode(t, "c", a.Host, b.Host, tlsFlags(dir, "third")...)
	rig.StartAll(c)
	rig.WaitLinked(c, b)
	for _, n := range []*rig.Node{a, b, c} {
		if strings.Contains(n.Log.String(), "PRIVATE KEY") {
			t.Errorf("the log of %s holds a key", n.Name)
		}
	}
}

// Certificates of the pair do not make up for a wrong secret where there is one.
func TestLinkTLS_TheSecretCountsAsWell(t *testing.T) {
	t.Parallel()
	a, b, _ := newTLSPair(t)
	a.Args = append(a.Args, "--secret-file", secretFile(t, "one"))
	b.Args = append(b.Args, "--secret-file", secretFile(t, "two"))
	rig.StartAll(a, b)
	for _, n := range []*rig.Node{a, b} {
		n.WaitLog("level=WARN", "cause=AUTH")
		if n.Stat("repl_sessions") != "0" {
			t.Errorf("%s had a session", n.Name)
		}
	}
}

// The secret in the environment links a pair as the one in a file does.
func TestSecret_FromTheEnvironment(t *testing.T) {
	t.Setenv("TWINCACHED_SECRET", "do-not-print-me")
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	wrongProof(t, a, someHello(), "")
	for _, n := range []*rig.Node{a, b} {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n.Process().Pid))
		if err == nil && strings.Contains(string(line), "do-not-print-me") || strings.Contains(n.Log.String(), "do-not-print-me") {
			t.Errorf("%s shows its secret", n.Name)
		}
	}
}
