package cgroup

import (
	"os"
	"testing"
	"testing/fstest"
)

func TestMemoryLimit_OfEveryLayout(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
		file  string
	}{
		"no cgroups": {nil, 0, ""},
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "67108864\n",
		}, 64 * mib, "/sys/fs/cgroup/memory.max"},
		"version 2, none": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0, ""},
		"version 2, of a systemd unit": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/twincached.service\n",
			"sys/fs/cgroup/system.slice/twincached.service/memory.max": "134217728\n",
			"sys/fs/cgroup/system.slice/memory.max":                    "max\n",
		}, 128 * mib, "/sys/fs/cgroup/system.slice/twincached.service/memory.max"},
		"version 2, a smaller one around it": {map[string]string{
			"proc/self/cgroup":                          "0::/kubepods/pod1/c1\n",
			"sys/fs/cgroup/kubepods/pod1/c1/memory.max": "max\n",
			"sys/fs/cgroup/kubepods/pod1/memory.max":    "268435456\n",
			"sys/fs/cgroup/kubepods/memory.max":         "1073741824\n",
		}, 256 * mib, "/sys/fs/cgroup/kubepods/pod1/memory.max"},
		"version 2, a path of outside": {map[string]string{
			"proc/self/cgroup": "0::/../../docker/abc\n", "sys/fs/cgroup/memory.max": "67108864\n",
		}, 64 * mib, "/sys/fs/cgroup/memory.max"},
		"version 1, in a container": {map[string]string{
			"proc/self/cgroup":                           "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n",
		}, 64 * mib, "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"version 1, on the host": {map[string]string{
			"proc/self/cgroup":                               "4:hugetlb,memory:/a/b\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "83886080\n",
		}, 80 * mib, "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"},
		"both": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "83886080\n",
			"sys/fs/cgroup/unified/memory.max":           "1\n",
		}, 80 * mib, "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"nonsense": {map[string]string{
			"proc/self/cgroup": "x\n0:\n4:memory\n\n0::/\n", "sys/fs/cgroup/memory.max": "-5\n",
		}, 0, ""},
	} {
		tree := fstest.MapFS{}
		for file, text := range c.files {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, file := MemoryLimit(tree); got != c.want || file != c.file {
			t.Errorf("%s: %d of %q, want %d of %q", name, got, file, c.want, c.file)
		}
	}
}

// The tree of the machine that runs the test is read without harm.
func TestMemoryLimit_OfThisMachine(t *testing.T) {
	limit, file := MemoryLimit(os.DirFS("/"))
	if (limit == 0) != (file == "") || limit < 0 {
		t.Errorf("%d of %q", limit, file)
	}
}
