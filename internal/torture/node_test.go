package torture

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"twincached/internal/testkit"
)

// patience bounds what must happen; nothing is measured by it.
const patience = testkit.Patience

// node is one node process, or its place while it is down. The goroutine of the
// schedule owns it; clients read inc and seen only.
type node struct {
	w     *world
	index int
	dir   string
	state bool   // it keeps its id and clock in a directory
	warm  string // and an image, with this policy; "": none
	began string // with which policy its process was started
	small bool   // that directory is on a disk with little room
	loud  bool   // somebody reads its log

	drainTime time.Duration // how long it may take to stop; 0: what the program says

	inc  atomic.Int64             // how often it was started
	seen atomic.Pointer[sighting] // the highest version that a client got from it

	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	code int
}

// sighting is a version that one incarnation of a node has shown. Every version
// that it makes later is higher.
type sighting struct {
	inc     int64
	version uint64
}

func (n *node) name() string   { return nodeNames[n.index] }
func (n *node) client() string { return clientAddrs[n.index] + ":11211" }

// saw notes a version that incarnation inc showed.
func (n *node) saw(inc int64, version uint64) {
	for {
		old := n.seen.Load()
		if old != nil && (old.inc > inc || old.inc == inc && old.version >= version) {
			return
		}
		if n.seen.CompareAndSwap(old, &sighting{inc, version}) {
			return
		}
	}
}

// below returns a version that everything which incarnation inc makes from now
// on exceeds.
func (n *node) below(inc int64) uint64 {
	if s := n.seen.Load(); s != nil && s.inc == inc {
		return s.version
	}
	return 0
}

func (n *node) offsetFile() string { return filepath.Join(n.dir, "clock-"+n.name()) }

// step sets how far the wall clock of the node is off.
func (n *node) step(d time.Duration) error {
	return os.WriteFile(n.offsetFile(), []byte(strconv.FormatInt(d.Milliseconds(), 10)), 0o644)
}

// start runs the process; it waits for nothing.
func (n *node) start() error {
	inc := n.inc.Add(1)
	n.began = n.warm
	args := []string{"netns", "exec", n.w.ns(n.name()), filepath.Join(n.dir, "twincached"), "-u", "root",
		"-l", clientAddrs[n.index], "--repl-listen", "0.0.0.0", "-x", "peer", "-m", strconv.Itoa(memoryMiB), "--log-format=text",
		"--secret-file", filepath.Join(n.dir, "secret")}
	if n.state {
		args = append(args, "--state-dir", n.stateDir())
	}
	if n.warm != "" {
		args = append(args, "--warm="+n.warm)
	}
	if n.drainTime > 0 {
		args = append(args, "--drain-timeout", n.drainTime.String())
	}
	// Nobody reads the log of every fourth process: it may hold up nothing. One that
	// may leave items behind has to say how many.
	mute := inc%4 == 3 && n.drainTime == 0 && !n.loud
	log, err := os.Create(filepath.Join(n.dir, fmt.Sprintf("node-%s-%03d.log", n.name(), inc)))
	if err != nil {
		return err
	}
	n.log = log
	n.cmd = exec.Command("ip", args...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	var unread *os.File
	if mute {
		fmt.Fprintln(log, "nobody reads the log of this process")
		r, w, err := testkit.FullPipe()
		if err != nil {
			return err
		}
		defer w.Close()
		n.cmd.Stderr, unread = w, r
	}
	n.cmd.Env = append(os.Environ(), "TWINCACHED_CLOCK_OFFSET_FILE="+n.offsetFile())
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		_ = cmd.Wait() // its status is read below
		n.code = cmd.ProcessState.ExitCode()
		log.Close()
		if unread != nil {
			unread.Close()
		}
		close(done)
	}()
	return nil
}

func (n *node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

func (n *node) signal(s os.Signal) error { return n.cmd.Process.Signal(s) }

// end sends a signal that ends the process and returns its exit status.
func (n *node) end(s os.Signal) (int, error) {
	if err := n.signal(s); err != nil {
		return 0, fmt.Errorf("torture: %v to node %s: %w", s, n.name(), err)
	}
	select {
	case <-n.done:
		return n.code, nil
	case <-time.After(patience):
		return 0, fmt.Errorf("torture: node %s does not end after %v", n.name(), s)
	}
}

func (n *node) serving() bool {
	c, err := net.DialTimeout("tcp", n.client(), 300*time.Millisecond)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// wait polls a condition of the nodes.
func wait(what string, ok func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return fmt.Errorf("torture: waited %v in vain: %s", patience, what)
		}
	}
	return nil
}

// waitServing waits until clients can connect. A process that ended is an error
// at once.
func (n *node) waitServing() error {
	ended := false
	err := wait("node "+n.name()+" serves", func() bool {
		ended = !n.running()
		return ended || n.serving()
	})
	if ended {
		return fmt.Errorf("torture: node %s ended with status %d, see %s", n.name(), n.code, n.log.Name())
	}
	return err
}

// stats returns the rows of "stats" and of "stats replication" is among them. It is for who asks
// once: on a busy machine an answer may take its time.
func (n *node) stats() (map[string]string, error) { return n.statsWithin(patience) }

// glance is for who asks again.
func (n *node) glance() (map[string]string, error) { return n.statsWithin(time.Second) }

func (n *node) statsWithin(limit time.Duration) (map[string]string, error) {
	c, err := dialRaw(n.client(), limit)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.send("stats\r\n"); err != nil {
		return nil, err
	}
	rows := map[string]string{}
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		if line == "END" {
			return rows, nil
		}
		if f := strings.SplitN(line, " ", 3); len(f) == 3 {
			rows[f[1]] = f[2]
		}
	}
}

// linked says whether the node is ready and has its peer.
func (n *node) linked() bool {
	rows, err := n.glance()
	return err == nil && rows["repl_state"] == "ready" && rows["repl_link"] == "stream"
}

// settled says that it has nothing left to tell its peer either.
func (n *node) settled() bool {
	rows, err := n.glance()
	return err == nil && rows["repl_state"] == "ready" && rows["repl_link"] == "stream" &&
		rows["repl_backlog"] == "0" && rows["repl_lag_ms"] == "0"
}

// count returns a row that is a number.
func count(rows map[string]string, name string) uint64 {
	v, _ := strconv.ParseUint(rows[name], 10, 64) // a row that is missing is zero
	return v
}
