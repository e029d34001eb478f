package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// conn is a plain client connection on which a test says what it wants.
type conn struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

// dial opens a client connection to the node.
func (n *node) dial() *conn {
	n.t.Helper()
	return dial(n.t, n.host+clientPort)
}

func dial(t testing.TB, addr string) *conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * testkit.Patience)) // a closed conn fails at its next use
	return &conn{Conn: c, t: t, r: bufio.NewReaderSize(c, 1<<16)}
}

func (c *conn) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.Conn, format, args...); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

// line reads one line without its end.
func (c *conn) line() string {
	c.t.Helper()
	s, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reading a reply: %v (got %q)", err, s)
	}
	return strings.TrimRight(s, "\r\n")
}

// do sends one line and returns the first line of the reply.
func (c *conn) do(format string, args ...any) string {
	c.t.Helper()
	c.send(format+"\r\n", args...)
	return c.line()
}

// set stores a value and returns the reply.
func (c *conn) set(key, value string) string {
	c.t.Helper()
	return c.do("set %s 0 0 %d\r\n%s", key, len(value), value)
}

// get returns the value and the cas of a key.
func (c *conn) get(key string) (value, cas string, hit bool) {
	c.t.Helper()
	head := c.do("gets %s", key)
	if head == "END" {
		return "", "", false
	}
	var k string
	var flags uint32
	var n int
	if _, err := fmt.Sscanf(head, "VALUE %s %d %d %s", &k, &flags, &n, &cas); err != nil {
		c.t.Fatalf("reply to gets %s: %q", key, head)
	}
	b := make([]byte, n+len("\r\nEND\r\n"))
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatal(err)
	}
	return string(b[:n]), cas, true
}

// contents reads keys in large multigets: value and cas by key. It is how two
// nodes are compared: the cas is the version.
func (c *conn) contents(keys []string) map[string]string {
	c.t.Helper()
	got := make(map[string]string, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), 200)
		c.send("gets %s\r\n", strings.Join(keys[:n], " "))
		keys = keys[n:]
		for head := c.line(); head != "END"; head = c.line() {
			var k, cas string
			var flags uint32
			var size int
			if _, err := fmt.Sscanf(head, "VALUE %s %d %d %s", &k, &flags, &size, &cas); err != nil {
				c.t.Fatalf("reply to gets: %q", head)
			}
			b := make([]byte, size+2)
			if _, err := io.ReadFull(c.r, b); err != nil {
				c.t.Fatal(err)
			}
			got[k] = fmt.Sprintf("%s/%d/%s", cas, flags, b[:size])
		}
	}
	return got
}

// differences compares two nodes over keys: values that differ, and keys that
// only one of them has.
func differences(a, b *node, keys []string) (differ, onlyA, onlyB []string) {
	a.t.Helper()
	ca, cb := a.dial(), b.dial()
	defer ca.Close()
	defer cb.Close()
	va, vb := ca.contents(keys), cb.contents(keys)
	for _, k := range keys {
		x, inA := va[k]
		y, inB := vb[k]
		switch {
		case inA && inB && x != y:
			differ = append(differ, k)
		case inA && !inB:
			onlyA = append(onlyA, k)
		case inB && !inA:
			onlyB = append(onlyB, k)
		}
	}
	return differ, onlyA, onlyB
}

// waitEqual waits until both nodes hold the same for all keys.
func waitEqual(a, b *node, keys []string) {
	a.t.Helper()
	var differ, onlyA, onlyB []string
	deadline := time.Now().Add(testkit.Patience)
	for {
		differ, onlyA, onlyB = differences(a, b, keys)
		if len(differ)+len(onlyA)+len(onlyB) == 0 {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("of %d keys %d differ, %d only on a, %d only on b: %.3q %.3q %.3q", len(keys),
				len(differ), len(onlyA), len(onlyB), differ, onlyA, onlyB)
		}
	}
}

// keys returns n names.
func keys(prefix string, n int) []string {
	k := make([]string, n)
	for i := range k {
		k[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return k
}

// load stores value(i) under each key, in one pipeline, and checks every reply.
func (n *node) load(keys []string, value func(i int) string) {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	failed := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(c.Conn, 1<<18)
		for i, k := range keys {
			v := value(i)
			fmt.Fprintf(w, "set %s 0 0 %d\r\n%s\r\n", k, len(v), v)
		}
		failed <- w.Flush()
	}()
	for _, k := range keys {
		if got := c.line(); got != "STORED" {
			n.t.Fatalf("set %s on %s: %s", k, n.name, got)
		}
	}
	if err := <-failed; err != nil {
		n.t.Fatal(err)
	}
}

// count returns how many of keys a node has now.
func (n *node) count(keys []string) int {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	return len(c.contents(keys))
}
