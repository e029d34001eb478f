package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// boundKiB is the formula of docs/operations.md for a node of memoryMiB with -c connections.
func boundKiB(memoryMiB, conns int) int {
	return memoryMiB<<10 + max(8<<10, memoryMiB<<10/16) + 24<<10 + 4*conns
}

// greedy is a client that reads as little as it can.
func greedy(n *rig.Node) net.Conn {
	c, err := net.DialTimeout("tcp", n.Host+rig.ClientPort, testkit.Patience)
	if err != nil {
		n.T.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	n.T.Cleanup(func() { c.Close() })
	return c
}

// storeOn sends a set of size bytes and returns the answer.
func storeOn(c net.Conn, key string, size int) (string, error) {
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := fmt.Fprintf(c, "set %s 0 0 %d\r\n%s\r\n", key, size, bytes.Repeat([]byte{'x'}, size)); err != nil {
		return "", err
	}
	var answer [100]byte
	got, err := c.Read(answer[:])
	return string(answer[:got]), err
}

func stored(n *rig.Node, c net.Conn, key string, size int) {
	n.T.Helper()
	if answer, err := storeOn(c, key, size); err != nil || answer != "STORED\r\n" {
		n.T.Errorf("a set of %d bytes: %q, %v", size, answer, err)
	}
}

// states counts the clients' connections by what they are at.
func states(n *rig.Node) map[string]int {
	c, all := n.Dial(), map[string]int{}
	defer c.Close()
	c.Send("stats conns\r\n")
	for {
		line := c.Line()
		if line == "END" {
			return all
		}
		if f := strings.Fields(line); len(f) == 3 && strings.HasSuffix(f[1], ":state") {
			all[f[2]]++
		}
	}
}

// TestFailure_GreedyClients: what clients that send or fetch large values make a process take is what
// docs/operations.md says, whether they finish or not.
func TestFailure_GreedyClients(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector costs memory")
	}
	const conns = 400
	for _, load := range []struct {
		name      string
		memoryMiB int
		args      []string
		run       func(n *rig.Node)
	}{
		{"large values, to and fro", 64, []string{"-I", "5m"}, toAndFro},
		{"large values that nobody takes", 64, nil, unread},
		{"large values, half of them sent", 64, nil, halfSent},
		{"one very large value, again and again", 256, []string{"-I", "100m"}, again},
		{"replies of many values that nobody takes", 64, nil, unreadMultigets},
	} {
		t.Run(load.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-m", strconv.Itoa(load.memoryMiB), "-c", strconv.Itoa(conns)}, load.args...)
			n := rig.NewNode(t, "a", rig.NewNet(t)+".1", "", args...)
			rig.StartAll(n)
			load.run(n)
			if n.Number("shed_connections") > 0 {
				saw(t, "greedy", n)
			}
			peak, bound := n.MemoryKiB("VmHWM"), boundKiB(load.memoryMiB, conns)
			t.Logf("%d MiB, of %d", peak>>10, bound>>10)
			if peak > bound {
				t.Errorf("the process took %d KiB, want %d at most", peak, bound)
			}
			if got := n.Stat("repl_state"); got != "ready" {
				t.Errorf("it is %q", got)
			}
		})
	}
}

func toAndFro(n *rig.Node) {
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			c, err := net.Dial("tcp", n.Host+rig.ClientPort)
			if err != nil {
				n.T.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for round := range 12 {
				key := fmt.Sprintf("k%d-%d", i, round)
				stored(n, c, key, 4<<20)
				fmt.Fprintf(c, "get %s\r\n", key)
				head, err := r.ReadString('\n')
				if err == nil && head == "END\r\n" {
					continue // the others have stored so much meanwhile that it was evicted
				}
				if want := fmt.Sprintf("VALUE %s 0 %d\r\n", key, 4<<20); err != nil || head != want {
					n.T.Errorf("get %s: %q, %v; want %q", key, head, err, want)
					return
				}
				if got, err := io.CopyN(io.Discard, r, 4<<20+int64(len("\r\nEND\r\n"))); err != nil {
					n.T.Errorf("%d bytes of %s: %v", got, key, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func unread(n *rig.Node) {
	const readers = 120
	c := greedy(n)
	for i := range 10 {
		stored(n, c, fmt.Sprintf("v%d", i), 900_000)
	}
	for i := range readers {
		fmt.Fprint(greedy(n), strings.Repeat(fmt.Sprintf("get v%d\r\n", i%10), 10))
	}
	testkit.Eventually(n.T, "all wait for their clients", func() bool { return states(n)["conn_mwrite"] == readers })
	stored(n, c, "another", 10)
}

func halfSent(n *rig.Node) {
	const writers, size = 200, 1_000_000
	for i := range writers {
		c := greedy(n)
		fmt.Fprintf(c, "set h%d 0 0 %d\r\n%s", i, size, bytes.Repeat([]byte{'x'}, size-500))
	}
	testkit.Eventually(n.T, "all values have come so far", func() bool {
		return n.Number("bytes_read") >= writers*(size-500)
	})
}

func again(n *rig.Node) {
	c := greedy(n)
	for range 3 {
		stored(n, c, "big", 60<<20)
	}
}

func unreadMultigets(n *rig.Node) {
	const readers = 300
	c := greedy(n)
	line := "get"
	for i := range 3000 {
		key := fmt.Sprintf("s%d", i%10)
		if i < 10 {
			stored(n, c, key, 15_000)
		}
		line += " " + key
	}
	for range readers {
		fmt.Fprint(greedy(n), line+"\r\n")
	}
	testkit.Eventually(n.T, "all wait for their clients, or are closed", func() bool {
		return states(n)["conn_mwrite"]+n.Number("shed_connections") >= readers
	})
}
