package cli

import (
	"strings"
	"testing"
)

// TestFailure_SharedStateDir: the answer names the flag and who has it.
func TestFailure_SharedStateDir(t *testing.T) {
	dir := t.TempDir()
	first := run(t, asRoot("-l127.0.0.1", "-p-1", "-m8", "--state-dir", dir)...)
	first.waitSaid("msg=ready")
	second := run(t, asRoot("-l127.0.0.1", "-p-1", "-m8", "--state-dir", dir)...)
	if code := second.exit(); code != exitOSError || !strings.Contains(second.said(), "--state-dir "+dir+" is in use by another process (pid ") {
		t.Errorf("exit %d: %s", code, second.said())
	}
}
