package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The namespaces of a world. A node has a cable to the clients' place, the hub,
// and the two nodes have one to each other:
//
//	hub ca ── cli a repl ── repl b cli ── cb hub
const (
	hub = "h"

	netBits = "/24"
	hubOnA  = "10.201.1.1"
	hubOnB  = "10.201.2.1"
)

// names of the nodes' namespaces, and their addresses: for clients, and for the
// peer, which has two to move between.
var (
	nodeNames   = [2]string{"a", "b"}
	clientAddrs = [2]string{"10.201.1.2", "10.201.2.2"}
	hubAddrs    = [2]string{hubOnA, hubOnB}
	replAddrs   = [2][2]string{{"10.201.0.1", "10.201.0.11"}, {"10.201.0.2", "10.201.0.12"}}
)

// world is three namespaces and the cables between them.
type world struct {
	id string // "tt" and the pid of the process that made it
}

func (w *world) ns(name string) string { return w.id + name }

func command(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("torture: %s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (w *world) make() error {
	for _, n := range []string{hub, "a", "b"} {
		if err := command("ip", "netns", "add", w.ns(n)); err != nil {
			return err
		}
		if err := command("ip", "-n", w.ns(n), "link", "set", "lo", "up"); err != nil {
			return err
		}
	}
	if err := w.cable("a", "repl", replAddrs[0][0], "b", "repl", replAddrs[1][0]); err != nil {
		return err
	}
	for i, n := range nodeNames {
		if err := w.cable(hub, "c"+n, hubAddrs[i], n, "cli", clientAddrs[i]); err != nil {
			return err
		}
		if err := w.hosts(i, replAddrs[1-i][0]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) cable(ns1, dev1, addr1, ns2, dev2, addr2 string) error {
	if err := command("ip", "-n", w.ns(ns1), "link", "add", dev1, "type", "veth", "peer", "name", dev2, "netns", w.ns(ns2)); err != nil {
		return err
	}
	for _, end := range [][3]string{{ns1, dev1, addr1}, {ns2, dev2, addr2}} {
		if err := command("ip", "-n", w.ns(end[0]), "addr", "add", end[2]+netBits, "dev", end[1]); err != nil {
			return err
		}
		if err := command("ip", "-n", w.ns(end[0]), "link", "set", end[1], "up"); err != nil {
			return err
		}
	}
	return nil
}

// hosts writes what a node's name "peer" means: the address of the other node,
// and the relay in the hub, which answers only while a fault needs it.
// The file is written in place: the node's process has it mounted.
func (w *world) hosts(node int, peer string) error {
	dir := filepath.Join("/etc/netns", w.ns(nodeNames[node]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("127.0.0.1 localhost\n%s peer\n%s peer\n", peer, hubAddrs[node])
	return os.WriteFile(filepath.Join(dir, "hosts"), []byte(text), 0o644)
}

// link sets one end of a cable up or down.
func (w *world) link(node int, dev, state string) error {
	return command("ip", "-n", w.ns(nodeNames[node]), "link", "set", dev, state)
}

// in runs a program in a node's namespace.
func (w *world) in(node int, argv ...string) error {
	return command(append([]string{"ip", "netns", "exec", w.ns(nodeNames[node])}, argv...)...)
}

// remove takes everything down. It may be called for a world that is half made.
func (w *world) remove() {
	for _, n := range []string{hub, "a", "b"} {
		_ = command("ip", "netns", "del", w.ns(n)) // what is not there need not go
		_ = os.RemoveAll(filepath.Join("/etc/netns", w.ns(n)))
	}
	_ = os.Remove("/etc/netns") // only if it is empty
}

// sweep removes worlds whose process was killed before it could.
func sweep() {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		digits, found := strings.CutPrefix(name, "tt")
		if !found || len(digits) < 2 {
			continue
		}
		pid, err := strconv.Atoi(digits[:len(digits)-1])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			(&world{id: fmt.Sprintf("tt%d", pid)}).remove()
		}
	}
}
