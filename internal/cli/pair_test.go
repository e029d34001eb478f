package cli

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

// runPair starts "twincached pair" on free ports and waits until both serve.
func runPair(t *testing.T) (p *process, clients [2]string) {
	t.Helper()
	ports := freePorts(t, 6)
	p = run(t, "pair", "-m8", "--port-a="+ports[0], "--port-b="+ports[1], "--repl-port-a="+ports[2], "--repl-port-b", ports[3], "--status-port-a", ports[4], "--status-port-b", ports[5])
	p.waitSaid("A | ready")
	p.waitSaid("B | ready")
	return p, [2]string{"127.0.0.1:" + ports[0], "127.0.0.1:" + ports[1]}
}

func (p *process) types(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatal(err)
	}
}

// waitTimes waits until a text has been said n times.
func (p *process) waitTimes(text string, n int) {
	p.t.Helper()
	waitFor(p.t, fmt.Sprintf("%q %d times", text, n), func() bool { return strings.Count(p.said(), text) >= n })
}

func (p *process) pairPid(name string) int {
	p.t.Helper()
	all := regexp.MustCompile(name+` started, pid (\d+)`).FindAllStringSubmatch(p.said(), -1)
	pid, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

func TestPair_LoseEitherNodeAndGetItBack(t *testing.T) {
	p, clients := runPair(t)
	for _, text := range []string{"nc 127.0.0.1 " + clients[0][len("127.0.0.1:"):], "See both in a browser: http://127.0.0.1:", "session.save_handler=memcache", "k1 or k2"} {
		if !strings.Contains(p.said(), text) {
			t.Errorf("the intro does not say %q", text)
		}
	}
	a, b := newClient(clients[0]), newClient(clients[1])
	if err := a.Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "k on B", func() bool { _, err := b.Get("k"); return err == nil })

	p.types("k1\n1") // from the keyboard, and faster than anybody can see its end
	p.waitTimes("A | ready", 2)
	p.types("k1")
	p.waitSaid("A ended: signal: killed. B serves on. 1 and Enter starts A again")
	p.types("1")
	p.waitTimes("A | ready", 3)
	if _, err := newClient(clients[0]).Get("k"); err != nil {
		t.Fatalf("k on A after its return: %v", err)
	}

	syscall.Kill(p.pairPid("B"), syscall.SIGKILL) // from outside
	p.waitSaid("B ended: signal: killed. A serves on. 2 and Enter starts B again")
	p.types("2")
	p.waitTimes("B | ready", 2)
	if _, err := newClient(clients[1]).Get("k"); err != nil {
		t.Fatalf("k on B after its return: %v", err)
	}

	p.types("2")
	p.waitSaid("B stopped by plan; nothing is lost")
	p.types("s")
	p.waitSaid("B  does not run")
	waitFor(t, "A's state", func() bool {
		return regexp.MustCompile(`A  pid \d+  ready, not linked, 1 item`).MatchString(p.said())
	})
	p.types("?")
	p.waitTimes("Type, then Enter:", 2)
	p.types("1") // the last one: it waits for B, and hands over
	p.waitSaid("stopping A: B does not run, so it waits a few seconds for it. 2 and Enter starts B")
	p.types("2")
	p.waitSaid("A stopped by plan; nothing is lost. B serves on.")
	p.waitTimes("B | ready", 3)
	if _, err := newClient(clients[1]).Get("k"); err != nil {
		t.Fatalf("k on B after A has handed over: %v", err)
	}
}

// The end of the demo is no alarm: nobody is there who could take over, and nobody waits.
func TestPair_TheEndOfBothAlarmsNobody(t *testing.T) {
	p, clients := runPair(t)
	if err := newClient(clients[0]).Set(&memcache.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	p.types("q")
	if code := p.exit(); code != exitOK || !strings.Contains(p.said(), "both nodes have ended: what they held is gone, as nothing is on a disk") {
		t.Errorf("exit %d", code)
	}
	for _, word := range []string{"ERROR", "WARN", "may be lost"} {
		if strings.Contains(p.said(), word) {
			t.Errorf("the end says %s", word)
		}
	}
}

func TestPair_RunsWithoutAKeyboardUntilASignal(t *testing.T) {
	p, clients := runPair(t)
	p.stdin.Close()
	if !serves(clients[1]) {
		t.Fatal("B does not serve")
	}
	a, b := p.pairPid("A"), p.pairPid("B")
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, pid := range []int{a, b} {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("node %d still runs: %v", pid, err)
		}
	}
}

func TestPair_ATerminalThatTakesNothingHoldsUpNothing(t *testing.T) {
	r, w, err := testkit.FullPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ports := freePorts(t, 6)
	cmd := command("pair", "-m8", "--port-a="+ports[0], "--port-b="+ports[1], "--repl-port-a="+ports[2], "--repl-port-b", ports[3], "--status-port-a", ports[4], "--status-port-b", ports[5])
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, port := range ports[:2] {
		waitFor(t, port+" serves", func() bool { return serves("127.0.0.1:" + port) })
	}
	cmd.Process.Signal(syscall.SIGTERM)
	hangs := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	if err := cmd.Wait(); err != nil || !hangs.Stop() {
		t.Errorf("it ended with %v", err)
	}
}

func TestPair_NodesEndWithAKilledPair(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		testkit.Lacks(t, "only Linux tells a child that its parent has gone")
	}
	p, clients := runPair(t)
	p.cmd.Process.Kill()
	for _, address := range clients {
		waitFor(t, address+" refuses", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
	}
}

func TestPair_NamesTheFlagForABusyPort(t *testing.T) {
	for i, flag := range []string{"--port-a", "--port-b", "--repl-port-a", "--repl-port-b", "--status-port-a", "--status-port-b"} {
		ports := freePorts(t, 6)
		busy, err := net.Listen("tcp", "127.0.0.1:"+ports[i])
		if err != nil {
			t.Fatal(err)
		}
		_, code, _, stderr := parse("pair", "--port-a", ports[0], "--port-b", ports[1], "--repl-port-a", ports[2], "--repl-port-b", ports[3], "--status-port-a", ports[4], "--status-port-b", ports[5])
		busy.Close()
		want := fmt.Sprintf("pair: port %s is in use by another program: choose another with %s", ports[i], flag)
		if code != exitOSError || !strings.Contains(stderr, want) {
			t.Errorf("exit %d: %s; want %s", code, stderr, want)
		}
	}
}
