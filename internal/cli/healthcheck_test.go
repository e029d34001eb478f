package cli

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"twincached/internal/health"
	"twincached/internal/testkit"
)

// healthNameVariable sets healthName in the processes of a test.
const healthNameVariable = "TEST_HEALTH_NAME"

// serves asks a client port, as a health check does.
func serves(address string) bool {
	_, err := health.Ask(address, false, time.Now().Add(healthTimeout))
	return err == nil
}

// ofThisMachine skips where nodes are not found without an address.
func ofThisMachine(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		testkit.Lacks(t, "only Linux has sockets without a file")
	}
}

// Each of these is how an image may be configured: by arguments, which the health
// check of that image does not have.
func TestHealthcheck_FindsTheNodeOfItsContainerHoweverItServes(t *testing.T) {
	ofThisMachine(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	logins := file("logins", "ann:secret\n")
	if _, code, _, stderr := parse("cert", "--dir", dir, "n1"); code != exitOK {
		t.Fatal(stderr)
	}
	ssl := fmt.Sprintf("ssl_chain_cert=%s/n1.crt,ssl_key=%s/n1.key,ssl_ca_cert=%s/ca.crt,ssl_verify_mode=2", dir, dir, dir)
	t.Setenv("MEMCACHED_SASL_PWDB", file("sasl", "ann:secret\n"))
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"another port":  {nil, "(1.6.45)"},
		"binary":        {[]string{"-B", "binary"}, "(1.6.45)"},
		"login":         {[]string{"-Y", logins}, "(clients log in)"},
		"SASL":          {[]string{"-S"}, "(1.6.45)"},
		"SASL and text": {[]string{"-S", "-Y", logins}, "(clients log in)"},
		"certificates":  {[]string{"-Z", "-o", ssl}, "(over TLS it says: tls: certificate required)"},
	} {
		address := "127.0.0.1:" + freePorts(t, 1)[0]
		p := run(t, asRoot(append([]string{"-m8", "-l", address}, c.flags...)...)...)
		p.waitSaid("msg=ready")
		for _, words := range [][]string{{"healthcheck"}, {"healthcheck", address}} {
			_, code, out, stderr := parse(words...)
			if want := address + " serves " + c.want; code != exitOK || strings.TrimSpace(out) != want {
				t.Errorf("%s, %q: %d %q %q; want %q", name, words, code, out, stderr, want)
			}
		}
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.exit()
		if _, code, _, stderr := parse("healthcheck"); code != exitFailed || !strings.Contains(stderr, "127.0.0.1:11211 does not serve") {
			t.Errorf("%s, after its end: %d %q", name, code, stderr)
		}
	}
}

// A node's flag wins over its variable, which is then wrong for the health check only.
func TestHealthcheck_AWrongVariableIsNoReasonWhereTheNodeIsFound(t *testing.T) {
	ofThisMachine(t)
	for name, value := range map[string]string{"TWINCACHED_AUTH_FILE": "", "TWINCACHED_MEMORY_LIMIT": "abc"} {
		t.Setenv(name, value)
	}
	if _, code, _, stderr := parse("healthcheck"); code != exitUsage || !strings.Contains(stderr, "TWINCACHED_") {
		t.Errorf("without a node: %d %q", code, stderr)
	}
	logins := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(logins, []byte("ann:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	p := run(t, asRoot("-m8", "-l", address, "-Y", logins)...)
	p.waitSaid("msg=ready")
	if _, code, out, stderr := parse("healthcheck"); code != exitOK || out != address+" serves (clients log in)\n" {
		t.Errorf("%d %q %q", code, out, stderr)
	}
	if _, code, _, stderr := parse("healthcheck", "127.0.0.1"); code != exitUsage || !strings.Contains(stderr, "TWINCACHED_") {
		t.Errorf("of an address without its port: %d %q", code, stderr)
	}
}

// A full node serves its clients: to kill it would cost them their conns.
func TestHealthcheck_AFullNodeIsHealthy(t *testing.T) {
	ofThisMachine(t)
	for _, o := range []string{"maxconns_fast", "no_maxconns_fast"} { // told that it is full; not a word
		address := "127.0.0.1:" + freePorts(t, 1)[0]
		p := run(t, asRoot("-m8", "-l", address, "-c1", "-o", o)...)
		p.waitSaid("msg=ready")
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "version\r\n")
		if _, err := c.Read(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]string{{"healthcheck"}, {"healthcheck", address}, {"healthcheck", "--ready"}} {
			if _, code, out, stderr := parse(words...); code != exitOK || !strings.Contains(out, health.Full) {
				t.Errorf("%s, %q: %d %q %q", o, words, code, out, stderr)
			}
		}
		c.Close()
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.exit()
	}
}

func TestHealthcheck_FindsAUnixSocket(t *testing.T) {
	ofThisMachine(t)
	dir, err := os.MkdirTemp("", "tch") // t.TempDir may be too long
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := []string{"-m8", "-s", "s"} // as seen from its own directory
	p := runIn(t, dir, asRoot(cmd...)...)
	p.waitSaid("msg=ready")
	if _, code, out, stderr := parse("healthcheck", "--ready"); code != exitOK || !strings.HasPrefix(out, dir+"/s serves (ready, ") {
		t.Errorf("%d %q %q", code, out, stderr)
	}
}

func TestHealthcheck_ReadyTellsTheStateOfANodeWhosePortIsShut(t *testing.T) {
	ofThisMachine(t)
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	peer := "127.0.0.1:" + freePorts(t, 1)[0] // nobody is there
	p := run(t, asRoot("-m8", "-l", address, "-x", peer, "-X-1", "--boot=wait")...)
	waitFor(t, "it has begun to join", func() bool { _, code, _, _ := parse("healthcheck", "--ready"); return code == exitJoining })
	for _, words := range [][]string{{"healthcheck", "--ready"}, {"healthcheck", "--ready", address}} {
		if _, code, out, stderr := parse(words...); code != exitJoining || out != "joining\n" || !strings.Contains(stderr, "the node at "+address+" is joining") {
			t.Errorf("%q: %d %q %q", words, code, out, stderr)
		}
	}
	if _, code, _, stderr := parse("healthcheck"); code != exitFailed || !strings.Contains(stderr, "is joining: it does not serve now") {
		t.Errorf("%d %q", code, stderr)
	}
	p.stop() // frozen: that is no life
	if _, code, _, stderr := parse("healthcheck"); code != exitFailed || !strings.Contains(stderr, fmt.Sprintf("the node with pid %d gives no answer", p.cmd.Process.Pid)) {
		t.Errorf("frozen: %d %q", code, stderr)
	}
	p.cmd.Process.Signal(syscall.SIGCONT)
}

// tellAs makes this process one that answers health checks.
func tellAs(t *testing.T, r health.Report) {
	t.Helper()
	s := health.Open(healthName, slog.New(slog.DiscardHandler), func() health.Report { return r })
	t.Cleanup(s.Close)
}

func TestHealthcheck_EachStateHasItsStatus(t *testing.T) {
	ofThisMachine(t)
	for _, c := range []struct {
		state, qualifier string
		ready, serves    int // exit statuses
	}{
		{"starting", "", 10, exitFailed}, {"joining", "", 11, exitFailed}, {"copying", "", 12, exitFailed}, {"draining", "", 13, exitFailed},
		{"refused", "", 14, exitFailed}, {"ready", "refused", 14, exitOK}, {"ready", "alone", exitOK, exitOK}, {"ready", "", exitOK, exitOK},
		{"something new", "", exitFailed, exitFailed},
	} {
		t.Run(c.state+c.qualifier, func(t *testing.T) {
			tellAs(t, health.Report{State: c.state, Qualifier: c.qualifier, Full: true, Clients: []string{"0.0.0.0:11211"}})
			if _, code, out, stderr := parse("healthcheck", "--ready"); code != c.ready || !strings.Contains(out, c.state) && c.qualifier != "refused" {
				t.Errorf("--ready: %d %q %q", code, out, stderr)
			}
			if _, code, _, stderr := parse("healthcheck"); code != c.serves {
				t.Errorf("%d %q", code, stderr)
			}
			if c.ready >= exitStarting && !strings.Contains(healthText, fmt.Sprintf("\n  %d  with --ready: %s", c.ready, "")) {
				t.Errorf("the help lacks status %d", c.ready)
			}
		})
	}
}

func TestHealthcheck_OfSeveralNodesOneIsNamed(t *testing.T) {
	ofThisMachine(t)
	var addresses []string
	for _, port := range freePorts(t, 2) {
		addresses = append(addresses, "127.0.0.1:"+port)
		run(t, asRoot("-m8", "-l", addresses[len(addresses)-1])...).waitSaid("msg=ready")
	}
	if _, code, _, stderr := parse("healthcheck"); code != exitUsage || !strings.Contains(stderr, "2 nodes run here, name one") ||
		!strings.Contains(stderr, addresses[0]) || !strings.Contains(stderr, addresses[1]) {
		t.Errorf("%d %q", code, stderr)
	}
	for _, a := range addresses {
		if _, code, out, stderr := parse("healthcheck", "--ready", strings.Replace(a, "127.0.0.1", "localhost", 1)); code != exitOK || !strings.Contains(out, "(ready, alone, ") {
			t.Errorf("%s: %d %q %q", a, code, out, stderr)
		}
	}
	_, port, _ := net.SplitHostPort(addresses[1])
	t.Setenv("TWINCACHED_PORT", port) // says which
	if _, code, out, stderr := parse("healthcheck"); code != exitOK || !strings.HasPrefix(out, addresses[1]+" serves") {
		t.Errorf("%d %q %q", code, out, stderr)
	}
}

func TestHealthcheck_LiveIsAnyState(t *testing.T) {
	ofThisMachine(t)
	for _, state := range []string{"starting", "joining", "copying", "draining", "refused", "ready", "something new"} {
		t.Run(state, func(t *testing.T) {
			tellAs(t, health.Report{State: state, Clients: []string{"0.0.0.0:11211"}})
			if _, code, out, stderr := parse("healthcheck", "--live"); code != exitOK || out != "127.0.0.1:11211 answers ("+state+")\n" {
				t.Errorf("%d %q %q", code, out, stderr)
			}
		})
	}
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	for _, words := range [][]string{{"healthcheck", "--live"}, {"healthcheck", "--live", address}} {
		if _, code, _, stderr := parse(words...); code != exitFailed || !strings.Contains(stderr, "does not answer: ") {
			t.Errorf("%q of no node: %d %q", words, code, stderr)
		}
	}
	p := run(t, asRoot("-m8", "-l", address)...)
	p.waitSaid("msg=ready")
	other := healthName
	healthName += "-none" // it is asked at its port
	_, code, out, stderr := parse("healthcheck", "--live", address)
	if healthName = other; code != exitOK || !strings.HasPrefix(out, address+" answers (ready, alone, 1.6.") {
		t.Errorf("%d %q %q", code, out, stderr)
	}
	p.stop()
	if _, code, _, stderr := parse("healthcheck", "--live"); code != exitFailed || !strings.Contains(stderr, "gives no answer") {
		t.Errorf("frozen: %d %q", code, stderr)
	}
	p.cmd.Process.Signal(syscall.SIGCONT)
	if _, code, _, stderr := parse("healthcheck", "--live", "--ready"); code != exitUsage || !strings.Contains(stderr, "--live takes any state, and --ready one only") {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestHealthcheck_PeerIsTheLink(t *testing.T) {
	right, wrong := loginFile(t)
	_, b, clients := twoNodes(t, "-Y", right)
	for _, name := range []string{healthName, healthName + "-none"} { // on this machine, and elsewhere
		defer func(name string) { healthName = name }(healthName)
		healthName = name
		waitFor(t, "the link", func() bool {
			_, code, _, _ := parse("healthcheck", "--peer", "-Y", right, clients[0])
			return code == exitOK
		})
		for _, also := range []string{"--ready", "--live", "--peer"} {
			if _, code, out, stderr := parse("healthcheck", "--peer", also, "-Y", right, clients[0]); code != exitOK || !strings.HasSuffix(out, ", linked)\n") {
				t.Errorf("%s: %d %q %q", also, code, out, stderr)
			}
		}
	}
	if _, code, _, stderr := parse("healthcheck", "--peer", "-Y", wrong, clients[0]); code != exitFailed || !strings.Contains(stderr, "is not known: it refused the login") {
		t.Errorf("%d %q", code, stderr)
	}
	b.cmd.Process.Kill()
	b.exit()
	waitFor(t, "A to notice", func() bool {
		_, code, out, stderr := parse("healthcheck", "--peer", "-Y", right, clients[0])
		return code == exitFailed && out == "" && strings.Contains(stderr, "is not linked with its peer: down")
	})
	if _, code, _, stderr := parse("healthcheck", clients[0]); code != exitOK {
		t.Errorf("it serves all the same: %d %q", code, stderr)
	}
	single := "127.0.0.1:" + freePorts(t, 1)[0]
	run(t, asRoot("-m8", "-l", single)...).waitSaid("msg=ready")
	if _, code, _, stderr := parse("healthcheck", "--peer", single); code != exitFailed || !strings.Contains(stderr, "has no peer (-x)") {
		t.Errorf("%d %q", code, stderr)
	}
}
