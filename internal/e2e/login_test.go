package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"twincached/internal/testkit/rig"
)

// TestLogin_FileIsReadAgainAndAClientMayStopTheNode: -Y, SIGHUP and -A on a pair.
func TestLogin_FileIsReadAgainAndAClientMayStopTheNode(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "logins")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ann:old\n")
	a, b := rig.NewPair(t, "-Y", file, "-A")
	rig.StartAll(a, b)
	login := func(n *rig.Node, words, want string) *rig.Conn {
		t.Helper()
		c := n.Dial()
		if got := c.Do("set auth 0 0 %d\r\n%s", len(words), words); got != want {
			t.Errorf("%q on node %s: %q, want %q", words, n.Name, got, want)
		}
		return c
	}
	const refused = "CLIENT_ERROR authentication failure"
	if got := a.Dial().Do("get k"); got != "CLIENT_ERROR unauthenticated" {
		t.Errorf("a stranger was told %q", got)
	}
	c := login(a, "ann old", "STORED")
	login(a, "ann new", refused)
	if got := c.Set("k", "v"); got != "STORED" {
		t.Fatal(got)
	}

	write("ann:new\n")
	a.Signal(syscall.SIGHUP)
	a.WaitLog("files read again")
	login(a, "ann new", "STORED")
	login(a, "ann old", refused)
	login(b, "ann old", "STORED") // has not been told to read it
	if v, _, _ := c.Get("k"); v != "v" {
		t.Errorf("who had logged in reads %q", v)
	}

	keys := rig.Keys("planned", 2000)
	for _, k := range keys {
		c.Send("set %s 0 0 1 noreply\r\nx\r\n", k)
	}
	c.Send("shutdown\r\n")
	if code := a.Wait(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if got := len(login(b, "ann old", "STORED").Contents(keys)); got != len(keys) {
		t.Errorf("%d of %d writes are on the other node", got, len(keys))
	}
}
