package memproto

import (
	"bufio"
	"bytes"
	commandline "flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
)

// oldVersion is Debian's memcached. What has changed from it to testVersion is noted in
// the transcripts, and left out of the random streams.
const oldVersion = "1.6.18"

var stockPath = commandline.String("stock", "", "a memcached binary to compare with, of version "+oldVersion+" or "+testVersion+", instead of the installed one")

// stock is a running stock memcached.
type stock struct {
	addr    string
	version string
}

// old tells whether its answers are those of oldVersion.
func (s *stock) old() bool { return s.version == oldVersion }

// startStock starts Debian's memcached on a free port. Without one the test is
// skipped.
func startStock(t *testing.T, options ...string) *stock {
	t.Helper()
	path := *stockPath
	if path == "" {
		path = testkit.NeedTool(t, "memcached", "its answers are compared with ours")
	}
	v, err := exec.Command(path, "-V").Output()
	version := strings.TrimPrefix(strings.TrimSpace(string(v)), "memcached ")
	if err != nil || version != oldVersion && version != testVersion {
		testkit.Lacks(t, fmt.Sprintf("stock memcached is %q, the tests know %s and %s", version, oldVersion, testVersion))
	}
	port := testkit.FreePorts(t, 1)[0]
	s := &stock{addr: "127.0.0.1:" + port, version: version}
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
	testkit.Eventually(t, "stock memcached listens", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

// stockConn is one connection to it.
type stockConn struct {
	net.Conn
	r   *bufio.Reader
	old bool
}

func (s *stock) dial(t testing.TB) *stockConn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &stockConn{Conn: c, r: bufio.NewReaderSize(&renamed{c, []byte(s.version)}, 1<<16), old: s.old()}
}

// renamed is what a stock memcached sends, but that it says it is of testVersion.
type renamed struct {
	r       io.Reader
	version []byte
}

func (r *renamed) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	copy(b, bytes.ReplaceAll(b[:n], r.version, []byte(testVersion))) // as long
	return n, err
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
		if st.engineOnly || st.since && s.old() {
			break
		}
		if _, err := c.Write([]byte(names.fill(st.send))); err != nil {
			return fmt.Errorf("%s.txt:%d: %v", tr.name, st.line, err)
		}
		for _, x := range st.expect {
			for _, w := range x.stock(s.old()) {
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
	if l, err := c.readLine(); l != "VERSION "+testVersion {
		return fmt.Errorf("%s.txt: at the end: %.200q (%v)", tr.name, l, err)
	}
	return nil
}

// stockAttempts is how often a transcript is played before what memcached answers is taken for wrong. Some
// answers tell seconds, and between two lines its clock may tick: then it is played to another one.
const stockAttempts = 10

func TestTranscripts_StockMemcached(t *testing.T) {
	for _, tr := range loadTranscripts(t) {
		t.Run(tr.name, func(t *testing.T) {
			var err error
			for range stockAttempts {
				if err = runStock(t, tr, startStock(t, tr.options...)); err == nil {
					return
				}
				t.Log(err)
			}
			t.Error(err)
		})
	}
}
