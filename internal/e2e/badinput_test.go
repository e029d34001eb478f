package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// What stands in the way of a start is said before the peer hears of the node.
func TestBadInput_StartSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		busy string // port that somebody else listens on
		args []string
		code int
		say  []string
	}{
		{"busy client port", clientPort, nil, 71, []string{"-p", ":11211", "address already in use"}},
		{"busy replication port", replPort, nil, 71, []string{"-X, --repl-port", ":11212", "address already in use"}},
		{"no secret file", "", []string{"--secret-file", filepath.Join(dir, "none")}, 71, []string{"--secret-file", "no such file"}},
		{"open secret file", "", []string{"--secret-file", open}, 71, []string{"--secret-file", "open to others", "chmod 600"}},
		{"secret file is a directory", "", []string{"--secret-file", dir}, 71, []string{"--secret-file", "is not a file"}},
		{"useless memory", "", []string{"-m", "1"}, 64, []string{"-m, --memory-limit 1 is too small to be useful: 2 MiB"}},
		{"a million clients", "", []string{"-c", "16000000"}, 71, []string{"-c, --conn-limit 16000000", "ulimit -n"}},
		{"more clients than can be", "", []string{"-c", "1000000000"}, 64, []string{"-c, --conn-limit 1000000000 is out of range"}},
		{"unknown flag", "", []string{"--pear", "x"}, 64, []string{"unknown flag --pear; did you mean --peer?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			network := newNet()
			peer := listenAsPeer(t, network+".2")
			if c.busy != "" {
				ln, err := net.Listen("tcp", network+".1"+c.busy)
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
			}
			n := newNode(t, "n", network+".1", network+".2", c.args...)
			n.start()
			if code := n.wait(); code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			if !n.logged(append(c.say, "twincached: ")...) {
				t.Errorf("want one line with %q:\n%s", c.say, n.log.Tail(2000))
			}
			peer.hangUp()
			for call := range peer.calls {
				t.Errorf("the peer was called from %v", call.RemoteAddr())
			}
		})
	}
}

func TestBadInput_UnresolvablePeerIsSaidAndLookedForAgain(t *testing.T) {
	t.Parallel()
	n := newNode(t, "n", newNet()+".1", "no-such-host.invalid", "--peer-wait", "1s")
	n.start()
	n.waitLog("level=WARN", "cannot resolve the peer's name, will keep trying", "no-such-host.invalid")
	n.waitServing()
	n.waitLog("serving without it", "as=alone")
	if got := n.dial().set("k", "v"); got != "STORED" {
		t.Errorf("it does not serve: %s", got)
	}
	tries := n.stat("repl_dial_fails")
	testkit.Eventually(t, "it tries again", func() bool { return n.stat("repl_dial_fails") != tries })
}

// With --boot=wait a node without a peer keeps its port shut, however it fares.
func TestBadInput_BootWaitKeepsThePortShut(t *testing.T) {
	t.Parallel()
	network := newNet()
	n := newNode(t, "n", network+".1", network+".2", "--boot", "wait", "--peer-wait", "10ms")
	n.start()
	n.waitLog("cannot reach the peer, will keep trying", "connection refused")
	p := listenAsPeer(t, network+".2")
	for range 3 { // by now an impatient node would have given up
		c := p.accept(t)
		if n.serving() {
			t.Fatal("it serves without a copy")
		}
		c.Close()
	}
	if code := n.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// An item that only one node can hold is a miss on the other, never an old value.
func TestBadInput_ItemAboveThePeersLimit(t *testing.T) {
	network := newNet()
	large := newNode(t, "large", network+".1", network+".2", "-I", "2m")
	small := newNode(t, "small", network+".2", network+".1", "-I", "16k")
	startAll(large, small)
	waitLinked(large, small)
	const n = 20
	all := keys("k", n)
	large.load(all, func(i int) string { return "old" })
	waitEqual(large, small, all)

	size := func(i int) int { return []int{20 << 10, 100 << 10, 1 << 20, 3 << 19}[i%4] }
	large.load(all, func(i int) string { return strings.Repeat("n", size(i)) })
	missing := func() bool {
		held := small.dial().contents(all)
		for k, v := range held {
			if !strings.HasSuffix(v, "/old") {
				t.Fatalf("%s on the small node is %.60q", k, v)
			}
		}
		return len(held) == 0
	}
	testkit.Eventually(t, "the small node drops what is outdated", missing)
	for i, k := range all {
		if v, _, _ := large.dial().get(k); len(v) != size(i) {
			t.Errorf("%s on the large node has %d bytes", k, len(v))
		}
	}
	if small.stat("repl_refused_too_large") == "0" {
		t.Error("nothing is counted")
	}
	large.load([]string{"after"}, func(int) string { return "x" })
	waitEqual(large, small, []string{"after"})

	small.kill() // the copy holds them, too
	small.start()
	small.waitServing()
	if !missing() {
		t.Error("the small node has large items after a copy")
	}
	// What the small node refuses is gone on both.
	c := small.dial()
	large.load(all[:1], func(int) string { return "old" })
	waitEqual(large, small, all[:1])
	c.send("set %s 0 0 %d\r\n%s\r\n", all[0], 20<<10, strings.Repeat("x", 20<<10))
	if got := c.line(); got != "SERVER_ERROR object too large for cache" {
		t.Errorf("reply %q", got)
	}
	waitEqual(large, small, all[:1])
	if _, _, hit := large.dial().get(all[0]); hit {
		t.Error("the old value is still on the large node")
	}
	for _, node := range []*node{large, small} {
		if !node.running() || node.stat("repl_link") != "stream" {
			t.Errorf("node %s is not linked", node.name)
		}
	}
}

// Each line goes to a conn of its own, and is followed by one that tells whether
// the node understood where it ended.
func TestBadInput_ClientLinesHaveClearAnswers(t *testing.T) {
	a, b := newPair(t)
	startAll(a, b)
	waitLinked(a, b)
	long, longest := strings.Repeat("k", 251), strings.Repeat("k", 250)
	const (
		format = "CLIENT_ERROR bad command line format"
		chunk  = "CLIENT_ERROR bad data chunk"
	)
	for _, c := range []struct{ send, want string }{
		{"get " + long, format},
		{"get " + longest, "END"},
		{"set " + long + " 0 0 1\r\nx", format},
		{"delete " + long, format},
		{"touch " + long + " 0", format},
		{"get a\x01b\x7f", "END"}, // control characters other than white space are key bytes, as in memcached
		{"set a\x01b 0 0 1\r\nx", "STORED"},
		{"set k 0 0 -1", format},
		{"set k 0 0 -2147483648", format},
		{"set k 0 0 99999999999999999999", format},
		{"set k 0 0 x", format},
		{"set k -1 0 1\r\nx", format},
		{"set k 4294967296 0 1\r\nx", format},
		{"set k 0 99999999999999999999 1\r\nx", format},
		{"set gone 0 -1 1\r\nx", "STORED"},
		{"get gone", "END"},
		{"set far 0 9223372036854775807 1\r\nx", "STORED"},
		{"set past 0 -9223372036854775807 1\r\nx", "STORED"},
		{"touch far 99999999999999999999", "CLIENT_ERROR invalid exptime argument"},
		{"incr far x", "CLIENT_ERROR invalid numeric delta argument"},
		{"incr far 99999999999999999999", "CLIENT_ERROR invalid numeric delta argument"},
		{"set far 0 0 3\r\nabcdef", chunk},
		{"set k 0 0", format},
		{"get", format},
		{"nonsense", "ERROR"},
		{"", format},
	} {
		conn := a.dial()
		conn.send("%s\r\n", c.send)
		if got := conn.line(); got != c.want {
			t.Errorf("%.60q: %q, want %q", c.send, got, c.want)
		}
		conn.send("version\r\n")
		for line := conn.line(); !strings.HasPrefix(line, "VERSION"); line = conn.line() {
			if !strings.HasPrefix(line, "ERROR") && !strings.HasPrefix(line, "CLIENT_ERROR") {
				t.Errorf("%.60q: then %q", c.send, line)
			}
		}
		conn.Close()
	}
	all := []string{"k", "a\x01b", "gone", "far", "past", longest, "behind"}
	a.load(all[6:], func(int) string { return "x" })
	waitEqual(a, b, all)
	held := b.dial().contents(all)
	for k, want := range map[string]string{"a\x01b": "x", "far": "x", "behind": "x", "k": "", "gone": "", "past": ""} {
		if _, got, _ := strings.Cut(held[k], "/0/"); got != want {
			t.Errorf("%q on the peer: %q, want %q", k, got, want)
		}
	}
}

// What is cut off in the middle has no effect, here and on the peer.
func TestBadInput_HalfACommandThenClosed(t *testing.T) {
	a, b := newPair(t)
	startAll(a, b)
	waitLinked(a, b)
	whole := "set half 0 0 10\r\n0123456789\r\n"
	for i := range len(whole) {
		c := a.dial()
		c.send("%s", whole[:i])
		if i%2 == 0 { // half of them wait for an answer to nothing
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			if rest, err := io.ReadAll(c); err == nil && len(rest) > 0 && !strings.HasPrefix(string(rest), "CLIENT_ERROR") {
				t.Errorf("%q was answered %q", whole[:i], rest)
			}
		}
		c.Close()
	}
	a.load([]string{"behind"}, func(int) string { return "x" })
	waitEqual(a, b, []string{"behind", "half"})
	for _, n := range []*node{a, b} {
		if v, _, hit := n.dial().get("half"); hit {
			t.Errorf("node %s holds %q", n.name, v)
		}
	}
	testkit.Eventually(t, "the conns are gone", func() bool { return a.stat("curr_connections") == "1" })
}

// Clients that ask for much and read nothing cost a bounded amount of memory, and
// neither the other clients nor the peer.
func TestBadInput_ClientsThatNeverReadCostLittle(t *testing.T) {
	a, b := newPair(t)
	startAll(a, b)
	waitLinked(a, b)
	a.load([]string{"huge"}, func(int) string { return strings.Repeat("h", 1<<20-200) })
	waitEqual(a, b, []string{"huge"})
	const clients = 32
	before := a.memory("VmRSS")
	ask := []byte(strings.Repeat("get huge huge huge huge\r\n", 1000))
	for range clients {
		c := a.dial()
		if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		// Writes until the node stops taking requests, or all of them are there: 4 GB to answer.
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = c.Write(ask)
	}
	c := a.dial()
	for i := range 500 {
		if got := c.set(fmt.Sprint("other", i), "x"); got != "STORED" {
			t.Fatal(got)
		}
	}
	waitEqual(a, b, keys("other", 500))
	limit := clients*(3<<10) + 16<<10 // KiB: a reply that is on its way, in a buffer that has grown to it
	if testkit.Race {
		limit *= 2
	}
	grown := a.memory("VmHWM") - before
	t.Logf("%d deaf clients cost %d KiB", clients, grown)
	if grown > limit {
		t.Errorf("deaf clients cost %d KiB, more than %d", grown, limit)
	}
}

// TestBadInput_UDPIsRefusedWithItsReason: a command line that asks for UDP starts a
// node without it, and the log says why.
func TestBadInput_UDPIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	n := newNode(t, "n", newNet()+".1", "", "-U", "11211")
	startAll(n)
	n.waitLog("level=WARN", "UDP is refused", "amplifies attacks on others", "--udp-port=11211")
	pc, err := net.ListenPacket("udp", n.host+clientPort)
	if err != nil {
		t.Fatalf("somebody has the UDP port: %v", err)
	}
	pc.Close()
}
