package cgroup

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Where both versions are mounted, in a container too.
const (
	mountV2 = "sys/fs/cgroup"
	mountV1 = "sys/fs/cgroup/memory"

	maxFileBytes = 64 << 10 // of /proc/self/cgroup: a line a controller
	unlimited    = 1 << 60  // version 1 says "none" as a number of this size, about
)

// MemoryLimit is the smallest limit of the memory of this process in bytes: that of
// its own control group, or of one that it is in. 0: there is none, or no way to
// tell. root is the file system, os.DirFS("/"). file is where the limit stands.
func MemoryLimit(root fs.FS) (limit int64, file string) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil || len(text) > maxFileBytes {
		return 0, ""
	}
	for line := range strings.Lines(string(text)) {
		// ID:CONTROLLERS:PATH; version 2 has the id 0 and no controllers.
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		mount, name := mountV1, "memory.limit_in_bytes"
		switch {
		case !ok:
			continue
		case id == "0" && controllers == "":
			mount, name = mountV2, "memory.max"
		case !has(controllers, "memory"):
			continue
		}
		if n, at := smallest(root, mount, group, name); n > 0 && (limit == 0 || n < limit) {
			limit, file = n, at
		}
	}
	return limit, file
}

func has(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// smallest looks at a group and at all that it is in. In a container the path may be
// the host's, and not be there: then the mount's own root is the container's group.
func smallest(root fs.FS, mount, group, name string) (limit int64, file string) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		at := path.Join(mount, group, name)
		if n, err := read(root, at); err == nil && (limit == 0 || n < limit) {
			limit, file = n, "/"+at
		}
		if group == "/" {
			return limit, file
		}
	}
}

var errNone = errors.New("cgroup: no limit")

func read(root fs.FS, name string) (int64, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max" is no number
	if err != nil || n <= 0 || n >= unlimited {
		return 0, errNone
	}
	return n, nil
}
