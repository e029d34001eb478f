package node

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"go.uber.org/goleak"

	"twincached/internal/testkit"
)

// freePort returns a port of 127.0.0.1 that nobody has right now.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := strconv.Atoi(testkit.FreePorts(t, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// testConfig is a small node on loopback with any free port.
func testConfig(log io.Writer) Config {
	cfg := Default()
	cfg.Listen, cfg.Port = []string{"127.0.0.1"}, -1
	cfg.MemoryMiB, cfg.MaxConns, cfg.Threads = 8, 64, 2
	cfg.LogLevel = new(slog.LevelVar)
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: cfg.LogLevel}))
	return cfg
}

// pairConfigs are two nodes that know each other.
func pairConfigs(t *testing.T) (a, b Config) {
	a, b = testConfig(t.Output()), testConfig(t.Output())
	a.ReplPort, b.ReplPort = freePort(t), freePort(t)
	a.Peer = net.JoinHostPort("127.0.0.1", strconv.Itoa(b.ReplPort))
	b.Peer = net.JoinHostPort("127.0.0.1", strconv.Itoa(a.ReplPort))
	return a, b
}

func start(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func waitReady(t *testing.T, nodes ...*Node) {
	t.Helper()
	for _, n := range nodes {
		select {
		case <-n.Ready():
		case err := <-n.Failed():
			t.Fatal(err)
		case <-time.After(testkit.Patience):
			t.Fatalf("not ready: %v", n.Stats())
		}
	}
}

// dial opens a client conn that is used up within Patience. The caller closes it.
func dial(t *testing.T, n *Node) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", n.ClientAddrs()[0].String(), testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func client(t *testing.T, n *Node) *memcache.Client {
	c := memcache.New(n.ClientAddrs()[0].String())
	c.Timeout = testkit.Patience
	t.Cleanup(func() { c.Close() })
	return c
}

func mustSet(t *testing.T, c *memcache.Client, key, value string) {
	t.Helper()
	if err := c.Set(&memcache.Item{Key: key, Value: []byte(value)}); err != nil {
		t.Fatalf("set %s: %v", key, err)
	}
}

// waitValue waits until a node has a key; "" waits until it has not.
func waitValue(t *testing.T, c *memcache.Client, key, want string) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%s = %q", key, want), func() bool {
		it, err := c.Get(key)
		if err != nil && err != memcache.ErrCacheMiss {
			t.Fatalf("get %s: %v", key, err)
		}
		return it == nil && want == "" || it != nil && string(it.Value) == want
	})
}

func TestNode_AloneServesAtOnceAndOpensNoReplicationPort(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	n := start(t, testConfig(t.Output()))
	waitReady(t, n)
	c := client(t, n)
	mustSet(t, c, "k", "v")
	waitValue(t, c, "k", "v")
	if n.ReplAddr() != nil {
		t.Errorf("replication port on %v", n.ReplAddr())
	}
	c.Close()
	if left := n.Drain(); left != 0 {
		t.Errorf("%d items left behind", left)
	}
}

func TestNode_PairHoldsOneDataSet(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	ca, cb := client(t, a), client(t, b)
	mustSet(t, ca, "from-a", "1")
	mustSet(t, cb, "from-b", "2")
	waitValue(t, cb, "from-a", "1")
	waitValue(t, ca, "from-b", "2")
	if err := cb.Delete("from-a"); err != nil {
		t.Fatal(err)
	}
	waitValue(t, ca, "from-a", "")
	ca.Close()
	cb.Close()
	if left := a.Drain(); left != 0 {
		t.Errorf("%d items left behind", left)
	}
	b.Close()
}

func TestNode_JoinerRefusesUntilItHoldsEverything(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	cfgA.PeerWait = 0 // nobody is there to be waited for
	a := start(t, cfgA)
	waitReady(t, a)
	ca := client(t, a)
	const items = 2000
	for i := range items {
		mustSet(t, ca, fmt.Sprintf("k%d", i), fmt.Sprint(i))
	}
	b := start(t, cfgB)
	var conn net.Conn
	testkit.Eventually(t, "the client port is open", func() (open bool) {
		var err error
		conn, err = net.Dial("tcp", b.ClientAddrs()[0].String())
		return err == nil
	})
	defer conn.Close()
	cb := client(t, b) // from now on: whether it says that it is ready or not
	for i := range items {
		it, err := cb.Get(fmt.Sprintf("k%d", i))
		if err != nil || string(it.Value) != fmt.Sprint(i) {
			t.Fatalf("k%d as soon as the port is open: %v", i, err)
		}
	}
	waitReady(t, b)
}

func TestNode_DrainedNodeLosesNothing(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	ca, cb := client(t, a), client(t, b)
	const items = 3000
	for i := range items {
		mustSet(t, ca, fmt.Sprintf("k%d", i), "v")
	}
	address := a.ClientAddrs()[0].String()
	if left := a.Drain(); left != 0 {
		t.Fatalf("%d items left behind", left)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("a drained node still accepts")
	}
	for i := range items {
		if _, err := cb.Get(fmt.Sprintf("k%d", i)); err != nil {
			t.Fatalf("k%d: %v", i, err)
		}
	}
}

// A node that is told only its own replication port takes whoever dials.
func TestNode_WithoutPeerWaitsForItToDial(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	cfgA.Peer = ""
	a := start(t, cfgA)
	waitReady(t, a)
	mustSet(t, client(t, a), "k", "v")
	b := start(t, cfgB)
	waitReady(t, b)
	if it, err := client(t, b).Get("k"); err != nil || string(it.Value) != "v" {
		t.Fatalf("got %v, %v", it, err)
	}
}

func TestNode_LocalKeysStay(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	cfgA.LocalKeys = []string{"*.lock", "sess[0-9]*"}
	a, b := start(t, cfgA), start(t, cfgB)
	waitReady(t, a, b)
	ca, cb := client(t, a), client(t, b)
	mustSet(t, ca, "session.lock", "1")
	mustSet(t, ca, "sess7:ann", "1")
	mustSet(t, ca, "behind", "1")
	waitValue(t, cb, "behind", "1")
	for _, key := range []string{"session.lock", "sess7:ann"} {
		if _, err := cb.Get(key); err != memcache.ErrCacheMiss {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestStart_FindsABusyPortBeforeAnythingElse(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port

	dialled := make(chan struct{}, 1) // a peer that must not hear of a node that cannot serve
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	go func() {
		if conn, err := peer.Accept(); err == nil {
			conn.Close()
			dialled <- struct{}{}
		}
	}()
	clientPort, replPort := testConfig(t.Output()), testConfig(t.Output())
	clientPort.Port, clientPort.ReplPort = port, -1
	replPort.ReplPort = port
	for want, cfg := range map[string]Config{"-p": clientPort, "-X, --repl-port": replPort} {
		cfg.Peer = peer.Addr().String()
		n, err := Start(cfg)
		if err == nil {
			n.Close()
			t.Fatalf("%s: started on a busy port", want)
		}
		for _, part := range []string{want, fmt.Sprintf("127.0.0.1:%d", port), "address already in use"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
	select {
	case <-dialled:
		t.Error("the peer was dialled")
	default:
	}
}

func TestStart_RefusesABadSecretFile(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.SecretFile = secretFile(t, "s", 0o644)
	if n, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Fatalf("got %v, %v", n, err)
	}
}

func TestStart_LeavesThePortFreeWhenItFails(t *testing.T) {
	cfg, _ := pairConfigs(t)
	cfg.Port = freePort(t)
	cfg.DropPrivileges = func() error { return fmt.Errorf("no such user") }
	if _, err := Start(cfg); err == nil || !strings.Contains(err.Error(), "-u, --user: no such user") {
		t.Fatalf("got %v", err)
	}
	cfg.DropPrivileges = nil
	start(t, cfg)
}

func TestNode_UnresolvablePeerIsSaidAndDoesNotKeepItFromServing(t *testing.T) {
	var log testkit.Log
	cfg := testConfig(&log)
	cfg.Peer, cfg.ReplPort, cfg.PeerWait = "no-such-host.invalid:11212", -1, 0
	n := start(t, cfg)
	waitReady(t, n)
	mustSet(t, client(t, n), "k", "v")
	testkit.Eventually(t, "a log line about the peer's name", func() bool {
		return strings.Contains(log.String(), "no-such-host.invalid") && strings.Contains(log.String(), "WARN")
	})
	before := n.Stats().Link.Dials
	testkit.Eventually(t, "another try", func() bool { return n.Stats().Link.Dials > before+1 })
	if st := n.Stats().Link; st.Qualifier != "alone" {
		t.Errorf("got %v", st)
	}
}

func TestNode_BootWaitKeepsThePortShut(t *testing.T) {
	cfgA, cfgB := pairConfigs(t)
	cfgA.Boot, cfgA.PeerWait = BootWait, time.Millisecond
	a := start(t, cfgA)
	testkit.Eventually(t, "dials", func() bool { return a.Stats().Link.DialFails > 3 })
	select {
	case <-a.Ready():
		t.Fatal("ready without a peer")
	default:
	}
	b := start(t, cfgB)
	waitReady(t, a, b)
}

// ask sends a line and returns the rows up to END.
func ask(t *testing.T, n *Node, line string) map[string]string {
	t.Helper()
	conn := dial(t, n)
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", line)
	rows := map[string]string{}
	for s := bufio.NewScanner(conn); s.Scan() && s.Text() != "END" && s.Text() != "OK"; {
		f := strings.SplitN(s.Text(), " ", 3)
		if len(f) != 3 || f[0] != "STAT" || f[2] == "" {
			t.Fatalf("%s: odd row %q", line, s.Text())
		}
		if rows[f[1]] != "" {
			t.Errorf("%s: %s stands twice", line, f[1])
		}
		rows[f[1]] = f[2]
	}
	return rows
}
