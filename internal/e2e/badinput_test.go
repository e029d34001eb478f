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
	"twincached/internal/testkit/rig"
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
		{"busy client port", rig.ClientPort, nil, 71, []string{"-p", ":11211", "address already in use"}},
		{"busy replication port", rig.ReplPort, nil, 71, []string{"-X, --repl-port", ":11212", "address already in use"}},
		{"no secret file", "", []string{"--secret-file", filepath.Join(dir, "none")}, 71, []string{"--secret-file", "no such file"}},
		{"open secret file", "", []string{"--secret-file", open}, 71, []string{"--secret-file", "open to others", "chmod 600"}},
		{"secret file is a directory", "", []string{"--secret-file", dir}, 71, []string{"--secret-file", "is not a file"}},
		{"useless memory", "", []string{"-m", "1"}, 64, []string{"-m, --memory-limit 1 is too small to be useful: 2 MiB"}},
		{"a million clients", "", []string{"-c", "16000000"}, 71, []string{"-c, --conn-limit 16000000", "ulimit -n"}},
		{"more clients than can be", "", []string{"-c", "1000000000"}, 64, []string{"-c, --conn-limit 1000000000 is out of range"}},
		{"unknown flag", "", []string{"--pear", "x"}, 64, []string{"unknown flag --pear; did you mean --peer?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			network := rig.NewNet(t)
			peer := listenAsPeer(t, network+".2")
			if c.busy != "" {
				ln, err := net.Listen("tcp", network+".1"+c.busy)
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
			}
			n := rig.NewNode(t, "n", network+".1", network+".2", c.args...)
			n.Start()
			if code := n.Wait(); code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			if !n.Logged(append(c.say, "twincached: ")...) {
				t.Errorf("want one line with %q:\n%s", c.say, n.Log.Tail(2000))
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
	n := rig.NewNode(t, "n", rig.NewNet(t)+".1", "no-such-host.invalid", "--peer-wait", "1s")
	n.Start()
	n.WaitLog("level=WARN", "cannot resolve the peer's name, will keep trying", "no-such-host.invalid")
	n.WaitServing()
	n.WaitLog("serving without it", "as=alone")
	if got := n.Dial().Set("k", "v"); got != "STORED" {
		t.Errorf("it does not serve: %s", got)
	}
	tries := n.Stat("repl_dial_fails")
	testkit.Eventually(t, "it tries again", func() bool { return n.Stat("repl_dial_fails") != tries })
}

// With --boot=wait a node without a peer keeps its port shut, however it fares.
func TestBadInput_BootWaitKeepsThePortShut(t *testing.T) {
	t.Parallel()
	network := rig.NewNet(t)
	n := rig.NewNode(t, "n", network+".1", network+".2", "--boot", "wait", "--peer-wait", "10ms")
	n.Start()
	n.WaitLog("cannot reach the peer, will keep trying", "connection refused")
	p := listenAsPeer(t, network+".2")
	for range 3 { // by now an impatient node would have given up
		c := p.accept(t)
		if n.Serving() {
			t.Fatal("it serves without a copy")
		}
		c.Close()
	}
	if code := n.Stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// An item that only one node can hold is a miss on the other, never an old value.
func TestBadInput_ItemAboveThePeersLimit(t *testing.T) {
	network := rig.NewNet(t)
	large := rig.NewNode(t, "large", network+".1", network+".2", "-I", "2m")
	small := rig.NewNode(t, "small", network+".2", network+".1", "-I", "16k")
	rig.StartAll(large, small)
	rig.WaitLinked(large, small)
	const n = 20
	all := rig.Keys("k", n)
	large.Load(all, func(i int) string { return "old" })
	rig.WaitEqual(large, small, all)

	size := func(i int) int { return []int{20 << 10, 100 << 10, 1 << 20, 3 << 19}[i%4] }
	large.Load(all, func(i int) string { return strings.Repeat("n", size(i)) })
	missing := func() bool {
		c := small.Dial()
		defer c.Close()
		held := c.Contents(all)
		for k, v := range held {
			if !strings.HasSuffix(v, "/old") {
				t.Fatalf("%s on the small node is %.60q", k, v)
			}
		}
		return len(held) == 0
	}
	testkit.Eventually(t, "the small node drops what is outdated", missing)
	for i, k := range all {
		if v, _, _ := large.Dial().Get(k); len(v) != size(i) {
			t.Errorf("%s on the large node has %d bytes", k, len(v))
		}
	}
	if small.Stat("repl_refused_too_large") == "0" {
		t.Error("nothing is counted")
	}
	large.Load([]string{"after"}, func(int) string { return "x" })
	rig.WaitEqual(large, small, []string{"after"})

	small.Kill() // the copy holds them, too
	small.Start()
	small.WaitServing()
	if !missing() {
		t.Error("the small node has large items after a copy")
	}
	// What the small node refuses is gone on both.
	rig.WaitLinked(large, small)
	undisturbed := keepsLink(t, large, small)
	c := small.Dial()
	large.Load(all[:1], func(int) string { return "old" })
	rig.WaitEqual(large, small, all[:1])
	c.Send("set %s 0 0 %d\r\n%s\r\n", all[0], 20<<10, strings.Repeat("x", 20<<10))
	if got := c.Line(); got != "SERVER_ERROR object too large for cache" {
		t.Errorf("reply %q", got)
	}
	rig.WaitEqual(large, small, all[:1])
	if _, _, hit := large.Dial().Get(all[0]); hit {
		t.Error("the old value is still on the large node")
	}
	undisturbed()
}

// Each line goes to a conn of its own, and is followed by one that tells whether
// the node understood where it ended.
func TestBadInput_ClientLinesHaveClearAnswers(t *testing.T) {
	t.Parallel()
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
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
		conn := a.Dial()
		conn.Send("%s\r\n", c.send)
		if got := conn.Line(); got != c.want {
			t.Errorf("%.60q: %q, want %q", c.send, got, c.want)
		}
		conn.Send("version\r\n")
		for line := conn.Line(); !strings.HasPrefix(line, "VERSION"); line = conn.Line() {
			if !strings.HasPrefix(line, "ERROR") && !strings.HasPrefix(line, "CLIENT_ERROR") {
				t.Errorf("%.60q: then %q", c.send, line)
			}
		}
		conn.Close()
	}
	all := []string{"k", "a\x01b", "gone", "far", "past", longest, "behind"}
	a.Load(all[6:], func(int) string { return "x" })
	rig.WaitEqual(a, b, all)
	held := b.Dial().Contents(all)
	for k, want := range map[string]string{"a\x01b": "x", "far": "x", "behind": "x", "k": "", "gone": "", "past": ""} {
		if _, got, _ := strings.Cut(held[k], "/0/"); got != want {
			t.Errorf("%q on the peer: %q, want %q", k, got, want)
		}
	}
}

// What is cut off in the middle has no effect, here and on the peer.
func TestBadInput_HalfACommandThenClosed(t *testing.T) {
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	whole := "set half 0 0 10\r\n0123456789\r\n"
	for i := range len(whole) {
		c := a.Dial()
		c.Send("%s", whole[:i])
		if i%2 == 0 { // half of them wait for an answer to nothing
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			if rest, err := io.ReadAll(c); err == nil && len(rest) > 0 && !strings.HasPrefix(string(rest), "CLIENT_ERROR") {
				t.Errorf("%q was answered %q", whole[:i], rest)
			}
		}
		c.Close()
	}
	a.Load([]string{"behind"}, func(int) string { return "x" })
	rig.WaitEqual(a, b, []string{"behind", "half"})
	for _, n := range []*rig.Node{a, b} {
		if v, _, hit := n.Dial().Get("half"); hit {
			t.Errorf("node %s holds %q", n.Name, v)
		}
	}
	testkit.Eventually(t, "the conns are gone", func() bool { return a.Stat("curr_connections") == "1" })
}

// Clients that ask for much and read nothing cost a bounded amount of memory, and
// neither the other clients nor the peer.
func TestBadInput_ClientsThatNeverReadCostLittle(t *testing.T) {
	a, b := rig.NewPair(t)
	rig.StartAll(a, b)
	rig.WaitLinked(a, b)
	a.Load([]string{"huge"}, func(int) string { return strings.Repeat("h", 1<<20-200) })
	rig.WaitEqual(a, b, []string{"huge"})
	const clients = 32
	before := a.MemoryKiB("VmRSS")
	ask := []byte(strings.Repeat("get huge huge huge huge\r\n", 1000))
	for range clients {
		c := a.Dial()
		if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		// Writes until the node stops taking requests, or all of them are there: 4 GB to answer.
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = c.Write(ask)
	}
	c := a.Dial()
	for i := range 500 {
		if got := c.Set(fmt.Sprint("other", i), "x"); got != "STORED" {
			t.Fatal(got)
		}
	}
	rig.WaitEqual(a, b, rig.Keys("other", 500))
	limit := clients*(3<<10) + 16<<10 // KiB: a reply that is on its way, in a buffer that has grown to it
	if testkit.Race {
		limit *= 2
	}
	grown := a.MemoryKiB("VmHWM") - before
	t.Logf("%d deaf clients cost %d KiB", clients, grown)
	if grown > limit {
		t.Errorf("deaf clients cost %d KiB, more than %d", grown, limit)
	}
}

// TestBadInput_UDPIsRefusedWithItsReason: a command line that asks for UDP starts a
// node without it, and the log says why.
func TestBadInput_UDPIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	n := rig.NewNode(t, "n", rig.NewNet(t)+".1", "", "-U", "11211")
	rig.StartAll(n)
	n.WaitLog("level=WARN", "UDP is refused", "amplifies attacks on others", "--udp-port=11211")
	pc, err := net.ListenPacket("udp", n.Host+rig.ClientPort)
	if err != nil {
		t.Fatalf("somebody has the UDP port: %v", err)
	}
	pc.Close()
}
