package clients

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// stockClient is a client library as Debian ships it, in a small program of
// testdata/clients that answers questions line by line:
//
//	calls          every call that the library has; a line each
//	put PREFIX N   stores N values; says how many were taken
//	have PREFIX N  reads them; says how many were found, and each wrong one
//	flush          empties all nodes
//	retry          forgets that a node was down, where a library has a call for it
//
// Each answer ends with the line "done".
type stockClient struct {
	name    string
	debian  string   // its package
	probe   []string // succeeds where the package is installed
	command []string // the program; the nodes follow
	lacks   []string // calls that the library does not have

	oneName bool // it wants one name with both addresses
}

const (
	python = "/usr/bin/python3" // Debian's, whatever else is in the PATH
	spy    = "/usr/share/java/spymemcached.jar"
)

func stockClients() []stockClient {
	script := func(name string) string { return "../../testdata/clients/" + name }
	inPython := func(module, how string) stockClient {
		return stockClient{
			name: module + " " + how, debian: "python3-" + module, probe: []string{python, "-c", "import " + module},
			command: []string{python, script("python_" + module + ".py"), how},
		}
	}
	inPerl := func(module, debian string) stockClient {
		return stockClient{
			name: module, debian: debian, probe: []string{"perl", "-M" + module, "-e1"},
			command: []string{"perl", script("perl_memcached.pl"), module},
		}
	}
	inJava := func(protocol string) stockClient {
		return stockClient{
			name: "spymemcached " + protocol, debian: "libspymemcached-java or default-jdk-headless",
			probe:   []string{"sh", "-c", "command -v javac && test -e " + spy},
			command: []string{"java", "-XX:TieredStopAtLevel=1", "-cp", spy, script("Spymemcached.java"), protocol},
		}
	}
	perl, fast := inPerl("Cache::Memcached", "libcache-memcached-perl"), inPerl("Cache::Memcached::Fast", "libcache-memcached-fast-perl")
	perl.lacks = []string{"cas", "cas-stale", "cas-value", "touch", "touch-missing"}
	fast.oneName = true
	ruby := stockClient{
		name: "dalli", debian: "ruby-dalli", probe: []string{"ruby", "-e", "require 'dalli'"},
		command: []string{"ruby", script("ruby_dalli.rb")},
	}
	return []stockClient{
		inPython("pymemcache", "plain"), inPython("pymemcache", "pooled"), inPython("pylibmc", "text"), inPython("pylibmc", "binary"),
		perl, fast, ruby, inJava("TEXT"), inJava("BINARY"),
	}
}

// session is a running stockClient: one process, which remembers for itself what
// it has learned of dead nodes.
type session struct {
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *testkit.Log
}

func (c *stockClient) start(t *testing.T, a, b *rig.Node) *session {
	t.Helper()
	testkit.NeedTool(t, c.command[0], "it runs "+c.name)
	if exec.Command(c.probe[0], c.probe[1:]...).Run() != nil {
		testkit.NeedTool(t, c.debian, "it is the Debian package of the client under test")
	}
	argv := append(slices.Clone(c.command), a.Host+rig.ClientPort, b.Host+rig.ClientPort)
	if c.oneName {
		argv = inside(pairHosts(t, a, b), append(slices.Clone(c.command), pairName+rig.ClientPort))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*testkit.Patience)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	s := &session{t: t, stderr: &testkit.Log{}}
	cmd.Stderr = s.stderr
	in, out := startPiped(t, cmd)
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("--- last complaints of the client\n%s", s.stderr.Tail(2000))
		}
	})
	s.in, s.out = in, bufio.NewReader(out)
	return s
}

// ask returns the lines of the answer without the last one. A client that ends,
// or says that it read a wrong value, fails the test.
func (s *session) ask(format string, args ...any) (lines []string) {
	s.t.Helper()
	question := fmt.Sprintf(format, args...)
	if _, err := io.WriteString(s.in, question+"\n"); err != nil {
		s.t.Fatalf("%s: %v", question, err)
	}
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: the client said %q and ended: %v", question, lines, err)
		}
		line = strings.TrimRight(line, "\n")
		if line == "done" {
			return lines
		}
		if strings.HasPrefix(line, "wrong ") {
			s.t.Fatalf("%s: %s", question, line)
		}
		lines = append(lines, line)
	}
}

// all asks until the answer is that it was done for every key: what a client does
// with its first calls after a node has died is its own affair.
func (s *session) all(when, question, prefix string, n int) {
	s.t.Helper()
	want, rounds := fmt.Sprintf("%s %d", map[string]string{"put": "stored", "have": "found"}[question], n), 0
	began := time.Now()
	testkit.Eventually(s.t, fmt.Sprintf("%s: %s %s says %s", when, question, prefix, want), func() bool {
		rounds++
		return slices.Equal(s.ask("%s %s %d", question, prefix, n), []string{want})
	})
	if rounds > 1 {
		s.t.Logf("%s: %s %s took %d rounds and %v", when, question, prefix, rounds, time.Since(began).Round(time.Millisecond))
	}
}

// callsWanted is what a client says to "calls".
var callsWanted = []string{
	"set yes", "get 1", "get-missing none", "add yes", "add-again no", "replace yes", "replace-missing no", "append-prepend start2end",
	"cas yes", "cas-stale no", "cas-value start2end!", "incr 45", "decr 43", "decr-floor 0", "incr-missing none",
	"touch yes", "touch-missing no", "delete yes", "delete-missing no",
	"set-several yes", "get-several m1=1 m2=2 m3=3", "bytes yes", "large yes",
}

func TestStockClients_EveryCallAndEitherNodeKilled(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/clients/*")
	if err != nil {
		t.Fatal(err)
	}
	clients := stockClients()
	for _, script := range scripts {
		if !slices.ContainsFunc(clients, func(c stockClient) bool { return slices.Contains(c.command, script) }) {
			t.Errorf("nobody runs %s", script)
		}
	}
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := rig.NewPair(t)
			rig.StartAll(a, b)
			rig.WaitLinked(a, b)
			s := c.start(t, a, b)
			s.calls(c.lacks, a, b)
			s.outlives(a, b)
		})
	}
}

// calls makes every call, and then empties the pair.
func (s *session) calls(lacks []string, a, b *rig.Node) {
	s.t.Helper()
	want := slices.DeleteFunc(slices.Clone(callsWanted), func(line string) bool {
		name, _, _ := strings.Cut(line, " ")
		return slices.Contains(lacks, name)
	})
	if got := s.ask("calls"); !slices.Equal(got, want) {
		s.t.Fatalf("the calls gave\n%q, want\n%q", got, want)
	}
	left := []string{"n", "added", "m1", "m2", "m3", "bytes", "large"}
	rig.WaitEqual(a, b, left)
	if got := a.Count(left); got != len(left) {
		s.t.Fatalf("%d of %d keys are in the pair", got, len(left))
	}
	s.ask("flush")
	testkit.Eventually(s.t, "the pair is empty", func() bool { return a.Count(left)+b.Count(left) == 0 })
	flushed := time.Now()
	testkit.Eventually(s.t, "the clocks tick", func() bool { return time.Since(flushed) > 5*time.Millisecond })
}

// outlives kills both nodes in turn. Before a node is killed, it has passed on
// what it took: the last milliseconds are not promised.
func (s *session) outlives(a, b *rig.Node) {
	s.t.Helper()
	const n = 40
	before, during, after := rig.Keys("before", n), rig.Keys("during", n), rig.Keys("after", n)
	s.all("both up", "put", "before", n)
	rig.WaitEqual(a, b, before)
	a.Kill()
	s.all("a killed", "have", "before", n)
	s.all("a killed", "put", "during", n)
	s.all("a killed", "have", "during", n)
	a.Start()
	a.WaitServing()
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, slices.Concat(before, during))
	s.ask("retry")
	b.Kill() // from now on all there is comes from the node that returned
	s.all("a restarted, b killed", "have", "before", n)
	s.all("a restarted, b killed", "have", "during", n)
	s.all("a restarted, b killed", "put", "after", n)
	if got := a.Count(slices.Concat(before, during, after)); got != 3*n {
		s.t.Errorf("node a has %d of %d keys", got, 3*n)
	}
	b.Start()
	b.WaitServing()
	rig.WaitLinked(a, b)
	rig.WaitEqual(a, b, slices.Concat(before, during, after))
	s.ask("retry")
	for _, prefix := range []string{"before", "during", "after"} {
		s.all("both up again", "have", prefix, n)
	}
}
