package demo

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

// terminal is "make demo", with somebody who types and somebody who visits the page.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	keys   io.Writer
	log    testkit.Log
	ports  []string // of the page, of both nodes, of their status pages, and of their link
	client http.Client
	counts map[string]int
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	needPHP(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &terminal{t: t, ports: testkit.FreePorts(t, 7), counts: map[string]int{}}
	m.client = http.Client{Jar: jar, Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	m.cmd = exec.Command(filepath.Join(root, "deploy/demo/run.sh"), "--repl-port-a", m.ports[5], "--repl-port-b", m.ports[6])
	m.cmd.Env = os.Environ()
	for i, name := range []string{"PORT_PHP", "PORT_A", "PORT_B", "STATUS_A", "STATUS_B"} {
		m.cmd.Env = append(m.cmd.Env, name+"="+m.ports[i])
	}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does: Ctrl-C reaches all of it, and only it
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	if m.keys, err = m.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if m.cmd.ProcessState == nil {
			m.interrupt()
			_ = m.cmd.Wait() // the test has failed already
		}
		if t.Failed() {
			t.Logf("make demo says:\n%s", m.log.Tail(3000))
		}
	})
	return m
}

// interrupt is Ctrl-C.
func (m *terminal) interrupt() { _ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGINT) }

var shownCount = regexp.MustCompile(`id="count-(\w+)" data-count="(\d+)" data-saved="1"`)

// visit loads the page, "" where there is none yet. No counter may go back.
func (m *terminal) visit() string {
	m.t.Helper()
	r, err := m.client.Get("http://127.0.0.1:" + m.ports[0] + "/")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	for _, c := range shownCount.FindAllStringSubmatch(string(body), -1) {
		count, _ := strconv.Atoi(c[2])
		if count <= m.counts[c[1]] {
			m.t.Errorf("%s counts %d after %d", c[1], count, m.counts[c[1]])
		}
		if want := map[bool]string{true: "The session is new", false: "The counter goes on."}[count == 1]; !strings.Contains(string(body), want) {
			m.t.Errorf("%s counts %d, and the page does not say %q", c[1], count, want)
		}
		m.counts[c[1]] = count
	}
	return string(body)
}

func (m *terminal) waitPage(text string, times int) {
	m.t.Helper()
	testkit.Eventually(m.t, fmt.Sprintf("the page says %d times %q", times, text), func() bool {
		return strings.Count(m.visit(), text) == times
	})
}

func (m *terminal) listens(port string) bool {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// The same story without containers: a node is killed and started by a key, the counters
// go on, and Ctrl-C leaves nothing behind.
func TestMakeDemo_CountsOnAndCtrlCEndsAllOfIt(t *testing.T) {
	if testkit.Race {
		t.Skip("what it runs has no race detector: without one here, this runs as well")
	}
	m := newTerminal(t)
	m.waitPage("<td>stream</td>", 2)
	fmt.Fprintln(m.keys, "k1")
	m.waitPage("<td>no answer</td>", 1)
	fmt.Fprintln(m.keys, "1")
	m.waitPage("<td>stream</td>", 2)
	for handler, least := range map[string]int{"memcache": 3, "memcached": 3} {
		if m.counts[handler] < least {
			t.Errorf("%s counts %d, want %d or more", handler, m.counts[handler], least)
		}
	}
	for _, port := range m.ports[:5] {
		if !m.listens(port) {
			t.Errorf("nobody listens on port %s", port)
		}
	}
	m.interrupt()
	if err := m.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	for _, port := range m.ports {
		testkit.Eventually(t, "nobody has port "+port, func() bool { return !m.listens(port) })
	}
}
