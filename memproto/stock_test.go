package memproto

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// stockVersion is the memcached whose differences the transcripts note.
const stockVersion = "1.6.18"

// stock is a running stock memcached.
type stock struct {
	addr string
}

// startStock starts Debian's memcached on a free port. Without one the test is
// skipped.
func startStock(t *testing.T, options ...string) *stock {
	t.Helper()
	path := testkit.NeedTool(t, "memcached", "its answers are compared with ours")
	if v, err := exec.Command(path, "-V").Output(); err != nil || !strings.Contains(string(v), stockVersion) {
		testkit.Lacks(t, fmt.Sprintf("stock memcached is %q, the transcripts know %s", strings.TrimSpace(string(v)), stockVersion))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stock{addr: l.Addr().String()}
	_, port, _ := net.SplitHostPort(s.addr)
	l.Close()
	args := append([]string{"-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "64"}, options...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("stock memcached does not answer: %v", err)
		}
		time.Sleep(5 * time.Millisecond) // polls for a process to listen
	}
}

// stockConn is one connection to it.
type stockConn struct {
	net.Conn
	r *bufio.Reader
}

func (s *stock) dial(t testing.TB) *stockConn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &stockConn{Conn: c, r: bufio.NewReaderSize(c, 1<<16)}
}

// readLine returns the next line without its CR LF.
func (c *stockConn) readLine() (string, error) {
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	l, err := c.r.ReadString('\n')
	return strings.TrimSuffix(l, "\r\n"), err
}

// runStock plays tr, as far as it is not for the engine only.
func runStock(t *testing.T, tr *transcript, s *stock) error {
	c := s.dial(t)
	names := casNames{}
	for _, st := range tr.steps {
		if st.engineOnly {
			break
		}
		if _, err := c.Write([]byte(names.fill(st.send))); err != nil {
			return fmt.Errorf("%s.txt:%d: %v", tr.name, st.line, err)
		}
		for _, x := range st.expect {
			want := []string{x.text}
			if x.old != nil {
				want = x.old
			}
			for _, w := range want {
				got, err := c.readLine()
				if err != nil || !names.match(w, x.pattern, got) {
					return fmt.Errorf("%s.txt:%d: got %.200q (%v), want %.200q", tr.name, x.line, got, err, w)
				}
			}
		}
		if st.closed {
			if l, err := c.readLine(); err == nil {
				return fmt.Errorf("%s.txt:%d: not closed, got %.200q", tr.name, st.line, l)
			}
			c = s.dial(t)
		}
	}
	// Nothing more than expected has come.
	c.Write([]byte("version\r\n"))
	if l, err := c.readLine(); l != "VERSION "+stockVersion {
		return fmt.Errorf("%s.txt: at the end: %.200q (%v)", tr.name, l, err)
	}
	return nil
}

func TestTranscripts_StockMemcached(t *testing.T) {
	for _, tr := range loadTranscripts(t) {
		t.Run(tr.name, func(t *testing.T) {
			if err := runStock(t, tr, startStock(t, tr.options...)); err != nil {
				t.Error(err)
			}
		})
	}
}
