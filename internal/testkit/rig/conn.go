package rig

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// Conn is a plain client connection on which a test says what it wants.
type Conn struct {
	net.Conn
	T testing.TB    // fails with the connection
	R *bufio.Reader // of what the node answers
}

// Dial opens a client connection to the node.
func (n *Node) Dial() *Conn {
	n.T.Helper()
	return dial(n.T, n.Host+ClientPort)
}

func dial(t testing.TB, addr string) *Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * testkit.Patience)) // a closed conn fails at its next use
	return &Conn{Conn: c, T: t, R: bufio.NewReaderSize(c, 1<<16)}
}

// Send formats and sends.
func (c *Conn) Send(format string, args ...any) {
	c.T.Helper()
	if _, err := fmt.Fprintf(c.Conn, format, args...); err != nil {
		c.T.Fatalf("sending: %v", err)
	}
}

// Line reads one line without its end.
func (c *Conn) Line() string {
	c.T.Helper()
	s, err := c.R.ReadString('\n')
	if err != nil {
		c.T.Fatalf("reading a reply: %v (got %q)", err, s)
	}
	return strings.TrimRight(s, "\r\n")
}

// Do sends one line and returns the first line of the reply.
func (c *Conn) Do(format string, args ...any) string {
	c.T.Helper()
	c.Send(format+"\r\n", args...)
	return c.Line()
}

// Set stores a value and returns the reply.
func (c *Conn) Set(key, value string) string {
	c.T.Helper()
	return c.Do("set %s 0 0 %d\r\n%s", key, len(value), value)
}

// Get returns the value and the cas of a key.
func (c *Conn) Get(key string) (value, cas string, hit bool) {
	c.T.Helper()
	head := c.Do("gets %s", key)
	if head == "END" {
		return "", "", false
	}
	_, _, cas, value = c.item(head)
	if end := c.Line(); end != "END" {
		c.T.Fatalf("gets %s: %q behind its value", key, end)
	}
	return value, cas, true
}

// item reads on behind the first line of an item in an answer to gets.
func (c *Conn) item(head string) (key, flags, cas, value string) {
	c.T.Helper()
	f := strings.Fields(head)
	if len(f) != 5 || f[0] != "VALUE" {
		c.T.Fatalf("reply to gets: %q", head)
	}
	size, err := strconv.Atoi(f[3])
	if err != nil {
		c.T.Fatalf("reply to gets: %q", head)
	}
	b := make([]byte, size+len("\r\n"))
	if _, err := io.ReadFull(c.R, b); err != nil {
		c.T.Fatal(err)
	}
	return f[1], f[2], f[4], string(b[:size])
}

// Contents reads keys in large multigets: cas, flags and value by key, with slashes
// between. It is how two nodes are compared: the cas is the version.
func (c *Conn) Contents(keys []string) map[string]string {
	c.T.Helper()
	got := make(map[string]string, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), 200)
		c.Send("gets %s\r\n", strings.Join(keys[:n], " "))
		keys = keys[n:]
		for head := c.Line(); head != "END"; head = c.Line() {
			key, flags, cas, value := c.item(head)
			got[key] = cas + "/" + flags + "/" + value
		}
	}
	return got
}

// Differences compares two nodes over keys: values that differ, and keys that
// only one of them has.
func Differences(a, b *Node, keys []string) (differ, onlyA, onlyB []string) {
	a.T.Helper()
	ca, cb := a.Dial(), b.Dial()
	defer ca.Close()
	defer cb.Close()
	va, vb := ca.Contents(keys), cb.Contents(keys)
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

// WaitEqual waits until both nodes hold the same for all keys, at one look at all of
// them. Until then it looks at those that were not.
func WaitEqual(a, b *Node, keys []string) {
	a.T.Helper()
	deadline := time.Now().Add(testkit.Patience)
	for left := keys; ; {
		differ, onlyA, onlyB := Differences(a, b, left)
		odd := slices.Concat(differ, onlyA, onlyB)
		switch {
		case len(odd) == 0 && len(left) == len(keys):
			return
		case len(odd) == 0:
			odd = keys
		case time.Now().After(deadline):
			a.T.Fatalf("of %d keys %d differ, %d only on a, %d only on b: %.3q %.3q %.3q", len(keys),
				len(differ), len(onlyA), len(onlyB), differ, onlyA, onlyB)
		}
		left = odd
	}
}

// Keys returns n names.
func Keys(prefix string, n int) []string {
	k := make([]string, n)
	for i := range k {
		k[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return k
}

// Load stores value(i) under each key, in one pipeline, and checks every reply.
func (n *Node) Load(keys []string, value func(i int) string) {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	failed := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(c.Conn, 1<<18)
		for i, k := range keys {
			v := value(i)
			w.WriteString("set " + k + " 0 0 " + strconv.Itoa(len(v)) + "\r\n" + v + "\r\n")
		}
		failed <- w.Flush()
	}()
	for _, k := range keys {
		if got := c.Line(); got != "STORED" {
			n.T.Fatalf("set %s on %s: %s", k, n.Name, got)
		}
	}
	if err := <-failed; err != nil {
		n.T.Fatal(err)
	}
}

// Count returns how many of keys a node has now.
func (n *Node) Count(keys []string) int {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	return len(c.Contents(keys))
}
