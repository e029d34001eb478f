package e2e

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// dialFrom opens a connection from an address of this machine.
func dialFrom(n *rig.Node, address string) *rig.Conn {
	n.T.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: testkit.Patience}
	c, err := d.Dial("tcp", n.Host+rig.ClientPort)
	if err != nil {
		n.T.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * testkit.Patience))
	return &rig.Conn{Conn: c, T: n.T, R: bufio.NewReader(c)}
}

// TestFailure_PasswordsAreGuessed: on one connection and on many, pipelined. Meanwhile
// others log in, those of the same address too.
func TestFailure_PasswordsAreGuessed(t *testing.T) {
	t.Parallel()
	const conns, seconds = 40, 3
	file := filepath.Join(t.TempDir(), "logins")
	if err := os.WriteFile(file, []byte("ann:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	net := rig.NewNet(t)
	a := rig.NewNode(t, "a", net+".1", "", "-Y", file, "-t", "1")
	rig.StartAll(a)

	const right, wrong, refused = "set auth 0 0 10\r\nann secret", "set auth 0 0 10\r\nann guess1\r\n", "CLIENT_ERROR authentication failure"
	var guesses atomic.Int64
	var guessers sync.WaitGroup
	var open []*rig.Conn
	for range conns {
		c := dialFrom(a, net+".66")
		open = append(open, c)
		guessers.Go(func() {
			for {
				if _, err := c.Write([]byte(strings.Repeat(wrong, 20))); err != nil {
					return
				}
				for range 20 {
					line, err := c.R.ReadString('\n')
					if err != nil {
						return
					}
					if strings.TrimSpace(line) != refused {
						t.Errorf("a guess was answered %q", line)
					}
					guesses.Add(1)
				}
			}
		})
	}
	began := time.Now()
	a.WaitLog("level=WARN", "fail to log in over and over", "address="+net+".66")
	for range 100 { // would take minutes
		c := dialFrom(a, net+".7")
		if got := c.Do(right); got != "STORED" {
			t.Errorf("another address was told %q", got)
		}
		c.Close()
	}
	saw(t, "guesses", a)
	for time.Since(began) < seconds*time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	n, took := guesses.Load(), time.Since(began).Seconds()
	if most := 10 + 4*conns + 50*int64(took+1); n > most {
		t.Errorf("%d guesses in %.1f s, at most %d were to be answered", n, took, most)
	}
	t.Logf("%d guesses in %.1f s on %d connections", n, took, conns)
	if got := dialFrom(a, net+".66").Do(right); got != "STORED" {
		t.Errorf("the right password from the same address was told %q", got)
	}
	if code := a.Stop(); code != 0 { // guesses that wait hold up nothing
		t.Errorf("status %d", code)
	}
	for _, c := range open {
		c.Close()
	}
	guessers.Wait()
}
