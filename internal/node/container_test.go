package node

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"twincached/internal/testkit"
)

// A container of 64 MiB is too small for -m 64, which is the default; one of 80 is not.
func TestNode_SaysWhatFitsInItsContainer(t *testing.T) {
	for _, c := range []struct {
		memoryMiB, containerMiB int
		want                    string // "": nothing is said
	}{
		{64, 64, "-m 48 fits, or give the container 80 MiB"},
		{64, 79, "-m 63 fits, or give the container 80 MiB"},
		{64, 80, ""},
		{64, 0, ""},
		{1024, 512, "-m 496 fits, or give the container 1040 MiB"},
		{64, 16, "fills up; give the container 80 MiB"},
	} {
		tree := fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/\n")}}
		if c.containerMiB > 0 {
			tree["sys/fs/cgroup/memory.max"] = &fstest.MapFile{Data: fmt.Appendln(nil, c.containerMiB<<20)}
		}
		var said testkit.Log
		n := &Node{log: slog.New(slog.NewTextHandler(&said, nil)), cfg: Config{MemoryMiB: c.memoryMiB}}
		n.sayIfTooLarge(tree)
		if got := said.String(); c.want == "" && got != "" || !strings.Contains(got, c.want) || c.want != "" && !strings.Contains(got, "level=WARN") {
			t.Errorf("-m %d in %d MiB: %q, want %q", c.memoryMiB, c.containerMiB, got, c.want)
		}
	}
}
