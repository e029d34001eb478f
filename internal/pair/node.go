package pair

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is one of the two processes.
type node struct {
	name       string // "A" or "B"
	key        string // what to type for it
	self       string // this program's file
	args       []string
	port       int
	statusPort int       // 0: it has no status page
	cmd        *exec.Cmd // nil: it has ended
	killed     bool      // and so it does not run, though nobody has seen its end yet
	stopping   bool      // it is about to end, and serves until then
	again      bool      // it is started once it has ended
}

func newNode(name, key, self string, port int, args []string) *node {
	return &node{name: name, key: key, self: self, args: args, port: port}
}

// nodeArgs is the command line of one of the two.
func nodeArgs(memory, state string, p Ports, peerPort int) []string {
	args := []string{
		"-l", "127.0.0.1", "-p", strconv.Itoa(p.Client), "-m", memory, "--state-dir", state, "--log-format", "text",
		"-x", net.JoinHostPort("127.0.0.1", strconv.Itoa(peerPort)), "-X", strconv.Itoa(p.Repl),
	}
	if p.Status != 0 {
		args = append(args, "--status", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Status)))
	}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root")
	}
	return args
}

// start runs the process; its log goes to out, line by line, its end to events.
func (n *node) start(out *prefixer, events chan<- event) error {
	cmd := exec.Command(n.self, n.args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TWINCACHED_") { // meant for one node, not for these
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.SysProcAttr = childAttributes()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd = cmd
	go func() {
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			out.printf("%s | %s", n.name, plainLog(lines.Text()))
		}
		io.Copy(io.Discard, pipe) // a line too long for the scanner may not block the node
		events <- event{ended: n, err: cmd.Wait()}
	}()
	return nil
}

func (n *node) running() bool { return n.cmd != nil && !n.killed }
func (n *node) ended()        { n.cmd, n.killed, n.stopping = nil, false, false }
func (n *node) pid() int      { return n.cmd.Process.Pid }

// signal does nothing to a node that does not run.
func (n *node) signal(s syscall.Signal) {
	if n.cmd != nil {
		n.cmd.Process.Signal(s) // one that has just ended is reported as an event
	}
}

// status is one line about the node. other is the other one's name.
func (n *node) status(other string) string {
	if !n.running() {
		return n.name + "  does not run"
	}
	rows, err := askStats(net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)))
	if err != nil {
		return fmt.Sprintf("%s  pid %d  does not serve: %v", n.name, n.pid(), err)
	}
	return fmt.Sprintf("%s  pid %d  %s", n.name, n.pid(), state(rows, other))
}

// askStats returns the rows of a node's "stats".
func askStats(address string) (map[string]string, error) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "stats\r\n"); err != nil {
		return nil, err
	}
	rows := map[string]string{}
	lines := bufio.NewScanner(conn)
	for lines.Scan() && lines.Text() != "END" {
		if f := strings.SplitN(lines.Text(), " ", 3); len(f) == 3 {
			rows[f[1]] = f[2]
		}
	}
	return rows, lines.Err()
}

// plainLog turns a node's log line into one for a person at a terminal: without
// the time and the event word, and without the level unless it matters.
func plainLog(line string) string {
	rest, ok := strings.CutPrefix(line, "time=")
	if !ok {
		return line
	}
	_, rest, _ = strings.Cut(rest, " ")
	level, rest, _ := strings.Cut(rest, " ")
	rest = strings.TrimPrefix(rest, "msg=")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if text, err := strconv.Unquote(quoted); err == nil {
			rest = text + rest[len(quoted):]
		}
	}
	if text, more, ok := strings.Cut(rest, " event="); ok { // for machines
		_, more, _ = strings.Cut(more, " ")
		rest = strings.TrimSpace(text + " " + more)
	}
	if level == "level=WARN" || level == "level=ERROR" {
		rest = strings.TrimPrefix(level, "level=") + " " + rest
	}
	return rest
}

// readKeys sends each line typed; it ends with the input.
func readKeys(in io.Reader, events chan<- event) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		events <- event{typed: strings.TrimSpace(lines.Text())}
	}
}

// prefixer writes whole lines from several goroutines.
type prefixer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *prefixer) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	io.WriteString(p.w, strings.TrimSuffix(text, "\n")+"\n") // a terminal that is gone is no reason to stop
}

func (p *prefixer) printf(format string, args ...any) { p.print(fmt.Sprintf(format, args...)) }
