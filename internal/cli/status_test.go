package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/health"
	"twincached/internal/testkit"
	"twincached/internal/view"
)

// document is what "status --json" prints.
func document(t *testing.T, words ...string) (d view.Document, code int) {
	t.Helper()
	_, code, out, stderr := parse(append([]string{"status", "--json"}, words...)...)
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: exit %d, %q, %q", err, code, out, stderr)
	}
	return d, code
}

// A pair as it should be, one that lost a node, and none.
func TestStatus_OfAPairAndOfWhatIsLeftOfIt(t *testing.T) {
	a, b, clients := twoNodes(t)
	for _, c := range clients {
		waitFor(t, "each to hear from the other that it is linked", func() bool {
			d, _ := document(t, c)
			return len(d.Nodes) == 2 && d.Nodes[0].Status != nil && d.Nodes[1].Status != nil && d.Nodes[0].Status.Link.State == "stream" && d.Nodes[1].Status.Link.State == "stream"
		})
	}
	waitFor(t, "a pair without a fault", func() bool { _, code, _, _ := parse("status", clients[0], clients[1]); return code == exitOK })
	_, code, out, stderr := parse("status", clients[0], clients[1])
	if code != exitOK || stderr != "" || !strings.Contains(out, "A "+clients[0]) || !strings.Contains(out, "B "+clients[1]) ||
		!strings.Contains(out, "The pair serves, and is linked.") || strings.Contains(out, "\x1b") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	if _, code, out, _ := parse("status", clients[1]); code != exitOK || !strings.Contains(out, "is linked") {
		t.Errorf("of one: exit %d, %s", code, out)
	}
	if d, code := document(t, clients...); code != exitOK || !d.OK || d.Nodes[0].Status.Link.PeerID != d.Nodes[1].Status.Node.ID {
		t.Errorf("exit %d, %+v", code, d)
	}

	b.cmd.Process.Kill()
	b.exit()
	gone := clients[1] + " does not answer: connection refused"
	waitFor(t, "A to notice", func() bool {
		_, _, out, _ := parse("status", clients[0], clients[1])
		return strings.Contains(out, "one_copy_left")
	})
	if _, code, out, stderr := parse("status", clients[0], clients[1]); code != exitFailed || !strings.Contains(out, gone) || !strings.Contains(stderr, "things are wrong") {
		t.Errorf("without B: exit %d, %s%s", code, out, stderr)
	}
	if _, code, out, stderr := parse("status", clients[0]); code != exitFailed || !strings.Contains(stderr, "something is wrong: one_copy_left") {
		t.Errorf("A alone: exit %d, %s%s", code, out, stderr)
	}
	if d, code := document(t, clients[1], clients[0]); code != exitFailed || d.OK || d.Problems[0].Word != "no_answer" || d.Nodes[0].Error == "" {
		t.Errorf("exit %d, %+v", code, d)
	}

	a.cmd.Process.Kill()
	a.exit()
	if _, code, out, stderr := parse("status", clients[0], clients[1]); code != exitUnable || out != "" || !strings.Contains(stderr, gone) {
		t.Errorf("without both: exit %d, %s%s", code, out, stderr)
	}
	if d, code := document(t, clients...); code != exitUnable || len(d.Problems) != 2 {
		t.Errorf("exit %d, %+v", code, d)
	}
}

func TestStatus_FindsTheNodesOfThisMachine(t *testing.T) {
	ofThisMachine(t)
	_, _, clients := twoNodes(t)
	waitFor(t, "a pair without a fault", func() bool { _, code, _, _ := parse("status"); return code == exitOK })
	if d, _ := document(t); d.Nodes[0].Address != min(clients[0], clients[1]) || d.Nodes[1].Address != max(clients[0], clients[1]) {
		t.Errorf("got %+v", d)
	}
	tellAs(t, health.Report{Clients: []string{"127.0.0.1:1"}})
	if _, code, _, stderr := parse("status"); code != exitUsage || !strings.Contains(stderr, "status: 3 nodes run here, name one or two: ") {
		t.Errorf("of three: exit %d, %s", code, stderr)
	}
}

// A node whose port is shut tells who is on its machine.
func TestStatus_OfANodeThatServesNobodyYet(t *testing.T) {
	ofThisMachine(t)
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	p := run(t, asRoot("-m8", "-l", address, "-x", "127.0.0.1:"+freePorts(t, 1)[0], "-X-1", "--boot=wait")...)
	p.waitSaid("looking for the peer")
	for _, words := range [][]string{{"status"}, {"status", address}} {
		waitFor(t, "its state", func() bool {
			_, code, out, _ := parse(words...)
			return code == exitFailed && strings.Contains(out, "joining: serves nobody") && strings.Contains(out, "not_serving")
		})
	}
	p.stop() // frozen
	defer p.cmd.Process.Signal(syscall.SIGCONT)
	if _, code, _, stderr := parse("status"); code != exitUnable || !strings.Contains(stderr, fmt.Sprintf("the node with pid %d gives no answer", p.cmd.Process.Pid)) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// loginFile is a file of one login, and wrong one with another password.
func loginFile(t *testing.T) (right, wrong string) {
	t.Helper()
	dir := t.TempDir()
	right, wrong = filepath.Join(dir, "right"), filepath.Join(dir, "wrong")
	for file, line := range map[string]string{right: "ann:a word\n", wrong: "ann:another\n"} {
		if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return right, wrong
}

// loginNodes starts two nodes that want a login: SECURE, which wants a certificate as well, and
// SOCKET, which listens on a unix socket. right is a login of theirs, socket the address of SOCKET. names are for strings.NewReplacer:
// those words, RIGHT, WRONG, CA, CERT and KEY, each with its file or address.
func loginNodes(t *testing.T) (right, socket string, names []string) {
	t.Helper()
	dir := t.TempDir()
	if _, code, _, stderr := parse("cert", "--dir", dir, "127.0.0.1"); code != exitOK {
		t.Fatal(stderr)
	}
	right, wrong := loginFile(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	ssl := fmt.Sprintf("ssl_chain_cert=%s,ssl_key=%s,ssl_ca_cert=%s,ssl_verify_mode=2", in("127.0.0.1.crt"), in("127.0.0.1.key"), in("ca.crt"))
	secure := "127.0.0.1:" + freePorts(t, 1)[0]
	socket = in("s")
	run(t, asRoot("-m8", "-l", secure, "-Y", right, "-Z", "-o", ssl)...).waitSaid("msg=ready")
	run(t, asRoot("-m8", "-s", socket, "-Y", right)...).waitSaid("msg=ready")
	return right, socket, []string{"RIGHT", right, "WRONG", wrong, "SOCKET", socket, "SECURE", secure, "CA", in("ca.crt"), "CERT", in("127.0.0.1.crt"), "KEY", in("127.0.0.1.key")}
}

func TestStatus_LogsInOverTLSAndUnixSockets(t *testing.T) {
	right, socket, names := loginNodes(t)

	defer func(name string) { healthName = name }(healthName)
	healthName += "-none" // they are to be asked as clients
	for _, c := range []struct {
		words string
		code  int
		want  string
	}{
		{"-Y RIGHT SOCKET", exitOK, "The node serves."},
		{"SOCKET", exitUnable, "clients have to log in: name a file with a line name:password by --auth-file"},
		{"-Y WRONG SOCKET", exitUnable, "it refused the login of --auth-file"},
		{"-Y RIGHT --tls-ca CA --tls-cert CERT --tls-key KEY SECURE", exitOK, "The node serves."},
		{"-Y RIGHT --tls-cert CERT --tls-key KEY SECURE", exitUnable, "no password is sent over TLS to a node that anybody could be"},
		{"SECURE", exitUnable, "--tls-cert and --tls-key give it"},
	} {
		line := strings.NewReplacer(names...).Replace(c.words)
		if _, code, out, stderr := parse(append([]string{"status"}, strings.Fields(line)...)...); code != c.code || !strings.Contains(out+stderr, c.want) {
			t.Errorf("%s: exit %d, %s%s; want %d, %q", c.words, code, out, stderr, c.code, c.want)
		}
	}
	t.Setenv("TWINCACHED_AUTH_FILE", right)
	if _, code, out, stderr := parse("status", socket); code != exitOK {
		t.Errorf("by the variable: exit %d, %s%s", code, out, stderr)
	}
	t.Setenv("TWINCACHED_AUTH_FILE", filepath.Join(t.TempDir(), "none"))
	if _, code, _, stderr := parse("status", socket); code != exitUnable || !strings.Contains(stderr, "TWINCACHED_AUTH_FILE") {
		t.Errorf("by a variable that is wrong: exit %d, %s", code, stderr)
	}
}

func TestStatus_BadInputIsAnsweredClearly(t *testing.T) {
	right, _ := loginFile(t)
	for _, command := range []string{"status", "top"} {
		for _, c := range []struct{ words, want string }{
			{"a b c", "it takes one node or two, not 3"},
			{"a a:11211", "both nodes are a:11211"},
			{"a --tls-ca", "the flag --tls-ca goes before the nodes"},
			{"a:x", "a:x"},
			{"--auth-fil a", "unknown flag --auth-fil; did you mean --auth-file?"},
			{"--colour a", "unknown flag --colour"},
			{"--auth-file= a", "--auth-file names no file"},
			{"-Y /none a", "-Y, --auth-file: open /none: no such file"},
			{"--tls-ca " + right + " a", "holds no certificate in PEM"},
			{"--tls-cert " + right + " a", "--tls-cert and --tls-key belong together"},
			{"--tls-cert " + right + " --tls-key " + right + " a", "--tls-cert and --tls-key: tls: failed to find any PEM data"},
		} {
			_, code, out, stderr := parse(append([]string{command}, strings.Fields(c.words)...)...)
			if code != exitUsage || out != "" || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, command+": ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s %s: exit %d, %q, %q; want %q", command, c.words, code, out, stderr, c.want)
			}
		}
	}
}

func TestStatus_OfStockMemcachedIsAClearError(t *testing.T) {
	memcached := testkit.NeedTool(t, "memcached", "it is asked as if it were a node")
	socket := filepath.Join(t.TempDir(), "s")
	stock := exec.Command(memcached, "-s", socket, "-u", "root")
	if err := stock.Start(); err != nil {
		t.Fatal(err)
	}
	defer stock.Wait()
	defer stock.Process.Kill()
	waitFor(t, "stock memcached", func() bool { return serves(socket) })
	if _, code, out, stderr := parse("status", socket); code != exitUnable || out != "" || !strings.Contains(stderr, "it is a memcached 1.") || !strings.Contains(stderr, "without stats status") {
		t.Errorf("exit %d, %q, %q", code, out, stderr)
	}
}

func TestPrintLines_ColoursOnlyWhereTheyAreWanted(t *testing.T) {
	lines := []view.Line{{{Text: "state ", Tone: view.Faint}, {Text: "down", Tone: view.Bad}, {Text: "  "}}}
	for colour, want := range map[bool]string{false: "state down\n", true: "\x1b[2mstate \x1b[m\x1b[1;31mdown\x1b[m  \n"} {
		var out bytes.Buffer
		if err := printLines(&out, lines, colour); err != nil || out.String() != want {
			t.Errorf("%v, %q, want %q", err, out.String(), want)
		}
	}
	if cells, colour := terminalOf(new(bytes.Buffer)); cells != wideCells || colour {
		t.Errorf("%d cells, %v", cells, colour)
	}
}

// Whoever asks for health has what "status" shows of a node whose port is shut.
func TestHealthTeller_TellsTheStatus(t *testing.T) {
	ofThisMachine(t)
	run(t, asRoot("-m8", "-l", "127.0.0.1:"+freePorts(t, 1)[0])...).waitSaid("msg=ready")
	nodes, _ := health.Local(healthName)
	if len(nodes) != 1 || !bytes.HasPrefix(nodes[0].Status, []byte(`{"this":{"at_ms":`)) {
		t.Errorf("got %+v", nodes)
	}
}
