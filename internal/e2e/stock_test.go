package e2e

import (
	"os/exec"
	"syscall"
	"testing"

	"twincached/internal/testkit"
)

// startMemcached starts the real thing, to compare with. It ends with the test.
func startMemcached(t *testing.T, args ...string) *Node {
	t.Helper()
	path := testkit.NeedTool(t, "memcached", "it shows what a pair has to do")
	n := &Node{T: t, Name: "memcached", Host: NewNet(t) + ".1"}
	cmd := exec.Command(path, append([]string{"-u", "root", "-U", "0", "-l", n.Host, "-p", ClientPort[1:]}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	testkit.Eventually(t, "memcached serves", n.Serving)
	return n
}
