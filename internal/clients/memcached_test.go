package clients

import (
	"os/exec"
	"syscall"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// startMemcached starts the real thing, to compare with. It ends with the test.
func startMemcached(t *testing.T, args ...string) *rig.Node {
	t.Helper()
	path := testkit.NeedTool(t, "memcached", "it shows what a pair has to do")
	n := &rig.Node{T: t, Name: "memcached", Host: rig.NewNet(t) + ".1"}
	cmd := exec.Command(path, append([]string{"-u", "root", "-U", "0", "-l", n.Host, "-p", rig.ClientPort[1:]}, args...)...)
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
