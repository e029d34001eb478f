package rig

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

// Client returns a gomemcache client of this node alone.
func (n *Node) Client() *memcache.Client {
	c := memcache.New(n.Host + ClientPort)
	c.Timeout = testkit.Patience
	n.T.Cleanup(func() { c.Close() })
	return c
}

// Get returns the value of a key, and whether there is one.
func (n *Node) Get(c *memcache.Client, key string) (string, bool) {
	n.T.Helper()
	it, err := c.Get(key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return "", false
	}
	if err != nil {
		n.T.Fatalf("get %s on %s: %v", key, n.Name, err)
	}
	return string(it.Value), true
}

// Stat returns one row of "stats"; "" where there is none.
func (n *Node) Stat(name string) string {
	n.T.Helper()
	c := n.Dial()
	defer c.Close()
	c.Send("stats\r\n")
	value := ""
	for {
		line := c.Line()
		if line == "END" {
			return value
		}
		if f := strings.SplitN(line, " ", 3); len(f) == 3 && f[0] == "STAT" && f[1] == name {
			value = f[2]
		}
	}
}

// Number is one row of "stats" that is a number.
func (n *Node) Number(name string) int {
	n.T.Helper()
	count, err := strconv.Atoi(n.Stat(name))
	if err != nil {
		n.T.Fatalf("stats of node %s: %v", n.Name, err)
	}
	return count
}

// WaitLog waits until the log of the node holds all parts in one line.
func (n *Node) WaitLog(parts ...string) {
	n.T.Helper()
	testkit.Eventually(n.T, fmt.Sprintf("node %s logs %q", n.Name, parts), func() bool { return n.Logged(parts...) })
}

// Logged tells whether the log of the node holds all parts in one line.
func (n *Node) Logged(parts ...string) bool { return n.Log.Has(parts...) }

// WaitLinked waits until the nodes have a session and all that came before it.
func WaitLinked(nodes ...*Node) {
	for _, n := range nodes {
		n.T.Helper()
		testkit.Eventually(n.T, "node "+n.Name+" is linked", func() bool { return n.Stat("repl_link") == "stream" })
	}
}

// MemoryKiB reads one row of the process's status: VmRSS, VmHWM, VmPeak.
func (n *Node) MemoryKiB(row string) int {
	n.T.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Process().Pid))
	if err != nil {
		testkit.Lacks(n.T, "memory of a process is read from /proc: "+err.Error())
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if _, err := fmt.Sscanf(line, row+": %d kB", &kib); err == nil {
			return kib
		}
	}
	n.T.Fatalf("no %s in /proc/%d/status", row, n.Process().Pid)
	return 0
}
