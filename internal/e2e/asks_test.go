package e2e

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/bradfitz/gomemcache/memcache"

	"twincached/internal/testkit"
)

// client returns a gomemcache client of this node alone.
func (n *node) client() *memcache.Client {
	c := memcache.New(n.host + clientPort)
	c.Timeout = testkit.Patience
	n.t.Cleanup(func() { c.Close() })
	return c
}

// get returns the value of a key, and whether there is one.
func (n *node) get(c *memcache.Client, key string) (string, bool) {
	n.t.Helper()
	it, err := c.Get(key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return "", false
	}
	if err != nil {
		n.t.Fatalf("get %s on %s: %v", key, n.name, err)
	}
	return string(it.Value), true
}

// stat returns one row of "stats"; "" where there is none.
func (n *node) stat(name string) string {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	c.send("stats\r\n")
	value := ""
	for {
		line := c.line()
		if line == "END" {
			return value
		}
		if f := strings.SplitN(line, " ", 3); len(f) == 3 && f[0] == "STAT" && f[1] == name {
			value = f[2]
		}
	}
}

// number is one row of "stats" that is a number.
func (n *node) number(name string) int {
	n.t.Helper()
	count, err := strconv.Atoi(n.stat(name))
	if err != nil {
		n.t.Fatalf("stats of node %s: %v", n.name, err)
	}
	return count
}

// waitLog waits until the log of the node holds all parts in one line.
func (n *node) waitLog(parts ...string) {
	n.t.Helper()
	testkit.Eventually(n.t, fmt.Sprintf("node %s logs %q", n.name, parts), func() bool { return n.logged(parts...) })
}

func (n *node) logged(parts ...string) bool { return n.log.Has(parts...) }

// waitLinked waits until the nodes have a session and all that came before it.
func waitLinked(nodes ...*node) {
	for _, n := range nodes {
		n.t.Helper()
		testkit.Eventually(n.t, "node "+n.name+" is linked", func() bool { return n.stat("repl_link") == "stream" })
	}
}

// memory reads one row of the process's status in KiB: VmRSS, VmHWM, VmPeak.
func (n *node) memory(row string) int {
	n.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.process().Pid))
	if err != nil {
		testkit.Lacks(n.t, "memory of a process is read from /proc: "+err.Error())
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if _, err := fmt.Sscanf(line, row+": %d kB", &kib); err == nil {
			return kib
		}
	}
	n.t.Fatalf("no %s in /proc/%d/status", row, n.process().Pid)
	return 0
}
