package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPidFile_AFailureSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "none", "pid"): "the directory must be there",
		link:                              "is a symbolic link, which is not followed: remove it",
	} {
		if err := writePidFile(name); err == nil || !strings.Contains(err.Error(), "-P, --pidfile") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Getuid() == 0 {
		return // nothing is forbidden to root
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := writePidFile(filepath.Join(dir, "pid")); err == nil || !strings.Contains(err.Error(), "-u) must be allowed to write it") {
		t.Errorf("without the right to write: %v", err)
	}
}
