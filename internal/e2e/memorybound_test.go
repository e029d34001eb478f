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
)

// boundKiB is README.md's formula for a node of memoryMiB with -c connections.
func boundKiB(memoryMiB, conns int) int {
	return memoryMiB<<10 + max(8<<10, memoryMiB<<10/16) + 24<<10 + 4*conns
}

// greedy is a client that reads as little as it can.
func (n *node) greedy() net.Conn {
	c, err := net.DialTimeout("tcp", n.host+clientPort, testkit.Patience)
	if err != nil {
		n.t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	n.t.Cleanup(func() { c.Close() })
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

func (n *node) stored(c net.Conn, key string, size int) {
	n.t.Helper()
	if answer, err := storeOn(c, key, size); err != nil || answer != "STORED\r\n" {
		n.t.Errorf("a set of %d bytes: %q, %v", size, answer, err)
	}
}

// states counts the clients' connections by what they are at.
func (n *node) states() map[string]int {
	c, all := n.dial(), map[string]int{}
	defer c.Close()
	c.send("stats conns\r\n")
	for {
		line := c.line()
		if line == "END" {
			return all
		}
		if f := strings.Fields(line); len(f) == 3 && strings.HasSuffix(f[1], ":state") {
			all[f[2]]++
		}
	}
}

// TestFailure_GreedyClients: what clients that send or fetch large values make a process take is what README.md
// says, whether they finish or not.
func TestFailure_GreedyClients(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector costs memory")
	}
	const conns = 400
	for _, load := range []struct {
		name      string
		memoryMiB int
		args      []string
		run       func(n *node)
	}{
		{"large values, to and fro", 64, []string{"-I", "5m"}, toAndFro},
		{"large values that nobody takes", 64, nil, unread},
		{"large values, half of them sent", 64, nil, halfSent},
		{"one very large value, again and again", 256, []string{"-I", "100m"}, again},
		{"replies of many values that nobody takes", 64, nil, unreadMultigets},
	} {
		t.Run(load.name, func(t *testing.T) {
			args := append([]string{"-m", strconv.Itoa(load.memoryMiB), "-c", strconv.Itoa(conns)}, load.args...)
			n := newNode(t, "a", newNet()+".1", "", args...)
			startAll(n)
			load.run(n)
			peak, bound := n.memory("VmHWM"), boundKiB(load.memoryMiB, conns)
			t.Logf("%d MiB, of %d", peak>>10, bound>>10)
			if peak > bound {
				t.Errorf("the process took %d KiB, want %d at most", peak, bound)
			}
			if got := n.stat("repl_state"); got != "ready" {
				t.Errorf("it is %q", got)
			}
		})
	}
}

func toAndFro(n *node) {
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			c, err := net.Dial("tcp", n.host+clientPort)
			if err != nil {
				n.t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for round := range 12 {
				key := fmt.Sprintf("k%d-%d", i, round)
				n.stored(c, key, 4<<20)
				fmt.Fprintf(c, "get %s\r\n", key)
				head, err := r.ReadString('\n')
				if err == nil && head == "END\r\n" {
					continue // the others have stored so much meanwhile that it was evicted
				}
				if want := fmt.Sprintf("VALUE %s 0 %d\r\n", key, 4<<20); err != nil || head != want {
					n.t.Errorf("get %s: %q, %v; want %q", key, head, err, want)
					return
				}
				if got, err := io.CopyN(io.Discard, r, 4<<20+int64(len("\r\nEND\r\n"))); err != nil {
					n.t.Errorf("%d bytes of %s: %v", got, key, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func unread(n *node) {
	const readers = 120
	c := n.greedy()
	for i := range 10 {
		n.stored(c, fmt.Sprintf("v%d", i), 900_000)
	}
	for i := range readers {
		fmt.Fprint(n.greedy(), strings.Repeat(fmt.Sprintf("get v%d\r\n", i%10), 10))
	}
	testkit.Eventually(n.t, "all wait for their clients", func() bool { return n.states()["conn_mwrite"] == readers })
	n.stored(c, "another", 10)
}

func halfSent(n *node) {
	const writers, size = 200, 1_000_000
	for i := range writers {
		c := n.greedy()
		fmt.Fprintf(c, "set h%d 0 0 %d\r\n%s", i, size, bytes.Repeat([]byte{'x'}, size-500))
	}
	testkit.Eventually(n.t, "all values have come so far", func() bool {
		return n.number("bytes_read") >= writers*(size-500)
	})
}

func again(n *node) {
	c := n.greedy()
	for range 3 {
		n.stored(c, "big", 60<<20)
	}
}

func unreadMultigets(n *node) {
	const readers = 300
	c := n.greedy()
	line := "get"
	for i := range 3000 {
		key := fmt.Sprintf("s%d", i%10)
		if i < 10 {
			n.stored(c, key, 15_000)
		}
		line += " " + key
	}
	for range readers {
		fmt.Fprint(n.greedy(), line+"\r\n")
	}
	testkit.Eventually(n.t, "all wait for their clients, or are closed", func() bool {
		return n.states()["conn_mwrite"]+n.number("shed_connections") >= readers
	})
}
