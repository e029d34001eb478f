package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// pairName is a name that has the addresses of both nodes, for programs that run
// inside the file of pairHosts.
const pairName = "pair.twincached.test"

// pairHosts writes a file that a program may see as its /etc/hosts. The test is
// skipped where that is not possible.
func pairHosts(t *testing.T, a, b *rig.Node) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hosts")
	text := fmt.Sprintf("%s %s\n%s %s\n", a.Host, pairName, b.Host, pairName)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	unshare := testkit.NeedTool(t, "unshare", "it gives a client an /etc/hosts of its own")
	if out, err := exec.Command(unshare, "--mount", "mount", "--bind", file, "/etc/hosts").CombinedOutput(); err != nil {
		testkit.Lacks(t, fmt.Sprintf("no mount namespaces here: %v %s", err, out))
	}
	return file
}

// inside is the command line with that file in the place of /etc/hosts.
func inside(hosts string, argv []string) []string {
	return append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}, argv...)
}
