package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is a process that is measured.
type server struct {
	name    string // as the page calls it
	resp    bool   // it speaks Redis' protocol
	cmd     *exec.Cmd
	log     string // the file that it writes to
	address string // for clients
	port    int
	repl    int // twincached: its replication port
	ended   chan struct{}
	flags   []string // for the load: TLS
}

// sitting is one run of the program.
type sitting struct {
	*settings
	full   amounts
	dir    string
	kept   string // where servers keep their files while they are stopped; "" nowhere yet
	first  []int  // the core of the server
	second []int  // that of the load
	both   []int
	n      int // servers started so far

	mu      sync.Mutex // of these two: an interrupt comes at any time
	running []*server
	over    bool // no server may be started any more

	joinPort int // the replication port at which a source looks for a peer
}

const (
	startTimeout = time.Minute
	endTimeout   = 5 * time.Second
	memoryMiB    = 4096
	connections  = 6000 // each server takes as many
)

// freePort is one that nobody listens on now.
func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs a command on some cores and waits until it takes clients.
func (x *sitting) start(name string, cores []int, port int, words ...string) (*server, error) {
	x.n++
	s := &server{name: name, port: port, address: fmt.Sprintf("127.0.0.1:%d", port), ended: make(chan struct{})}
	s.log = filepath.Join(x.dir, fmt.Sprintf("%d-%s.log", x.n, filepath.Base(words[0])))
	f, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s.cmd = exec.Command(words[0], words[1:]...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Dir = f, f, x.dir
	s.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TWINCACHED_") }) // meant for other nodes
	if err := x.begin(s, cores); err != nil {
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c, err := net.Dial("tcp", s.address); err == nil {
			c.Close()
			return s, nil
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("%s did not start: %s", name, s.lastLine())
		default:
		}
	}
	return nil, fmt.Errorf("%s takes no client within %v: %s", name, startTimeout, s.lastLine())
}

// begin starts the process of a server, which ends with the sitting.
func (x *sitting) begin(s *server, cores []int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return errInterrupted
	}
	if err := startOn(cores, s.cmd); err != nil {
		return err
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	x.running = append(x.running, s)
	return nil
}

func (s *server) lastLine() string {
	text, _ := os.ReadFile(s.log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Sprintf("%.200s", lines[len(lines)-1])
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// end kills it: nothing that it has is needed.
func (s *server) end() {
	_ = s.cmd.Process.Kill() // or it has ended by itself
	select {
	case <-s.ended:
	case <-time.After(endTimeout):
	}
}

func (x *sitting) endAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.running {
		s.end()
	}
	x.running = nil
}

// interrupt ends the servers, and there will be no others: they hold gigabytes.
func (x *sitting) interrupt() {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	x.endAll()
}

// node starts a twincached. peer is the replication port of another one: 0 none, -1 one that is
// not there.
func (x *sitting) node(name string, cores []int, peer int, more ...string) (*server, error) {
	port, repl := freePort(), freePort()
	words := []string{x.program, "-l", "127.0.0.1", "-p", strconv.Itoa(port), "-m", strconv.Itoa(memoryMiB), "-c", strconv.Itoa(connections), "--log-format", "text"}
	if os.Geteuid() == 0 {
		words = append(words, "-u", "root")
	}
	switch peer {
	case 0:
	case -1:
		peer = freePort()
		fallthrough
	default:
		words = append(words, "-x", fmt.Sprintf("127.0.0.1:%d", peer), "-X", strconv.Itoa(repl))
	}
	s, err := x.start(name, cores, port, append(words, more...)...)
	if s != nil {
		s.repl = repl
	}
	return s, err
}

// stock starts a memcached.
func (x *sitting) stock(name, binary string, cores []int, more ...string) (*server, error) {
	port := freePort()
	words := []string{binary, "-l", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "0", "-m", strconv.Itoa(memoryMiB), "-c", strconv.Itoa(connections)}
	if os.Geteuid() == 0 {
		words = append(words, "-u", "root")
	}
	return x.start(name, cores, port, append(words, more...)...)
}

func (x *sitting) pogo(cores []int) (*server, error) {
	port := freePort()
	return x.start("pogocache", cores, port, x.pogocache, "-p", strconv.Itoa(port), "--threads", "1", "--maxconns", strconv.Itoa(connections))
}

// redisServer starts Redis or Valkey, which keeps nothing on disk.
func (x *sitting) redisServer(name, binary string, cores []int, more ...string) (*server, error) {
	port := freePort()
	dir := filepath.Join(x.dir, fmt.Sprint("redis", port))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, err
	}
	s, err := x.start(name, cores, port, append([]string{binary, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no",
		"--dir", dir, "--maxclients", strconv.Itoa(connections), "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0",
		"--repl-diskless-load", "swapdb", "--client-output-buffer-limit", "replica 0 0 0"}, more...)...)
	if s != nil {
		s.resp = true
	}
	return s, err
}

// resident is the memory of a process, in bytes.
func resident(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if words := strings.Fields(string(text)); len(words) > 1 {
		pages, _ := strconv.ParseInt(words[1], 10, 64)
		return pages * int64(os.Getpagesize())
	}
	return 0
}

// cpuTime is what the threads of a process have used.
func cpuTime(pid int) (used time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(ns)
	}
	return used
}

var (
	errNone        = errors.New("no binary was given")
	errInterrupted = errors.New("interrupted")
)
