package node

import (
	"fmt"
	"io/fs"

	"twincached/internal/cgroup"
	"twincached/internal/nodelog"
	"twincached/internal/status"
)

// programMiB is what a node takes besides -m.
const programMiB = status.ProgramBytes >> 20

// sayIfTooLarge notes what the container may use, and warns where the kernel would end the
// process before -m is full.
func (n *Node) sayIfTooLarge(root fs.FS) {
	limit, file := cgroup.MemoryLimit(root)
	n.containerBytes = uint64(limit)
	limitMiB := int(limit >> 20)
	need := n.cfg.MemoryMiB + programMiB
	if limit == 0 || need <= limitMiB {
		return
	}
	advice := fmt.Sprintf("give the container %d MiB", need)
	if fits := limitMiB - programMiB; fits >= minMemoryMiB {
		advice = fmt.Sprintf("-m %d fits, or give the container %d MiB", fits, need)
	}
	n.log.Warn("-m, --memory-limit does not fit in the container: the kernel ends the process when it fills up; "+advice, nodelog.ContainerMemory,
		"memory_mib", n.cfg.MemoryMiB, "program_mib", programMiB, "container_mib", limitMiB, "limit_file", file)
}
