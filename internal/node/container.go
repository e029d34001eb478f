package node

import (
	"fmt"
	"io/fs"

	"twincached/internal/cgroup"
)

// programMiB is what a node takes besides -m, without large values on their way: the
// program and its runtime (13 MiB at rest), the log, and buffers of the link and of
// some hundred clients. A container of 64 MiB did not hold -m 64; one of 80 does.
const programMiB = 16

// sayIfTooLarge warns where the kernel would end the process before -m is full.
func (n *Node) sayIfTooLarge(root fs.FS) {
	limit, file := cgroup.MemoryLimit(root)
	limitMiB := int(limit >> 20)
	need := n.cfg.MemoryMiB + programMiB
	if limit == 0 || need <= limitMiB {
		return
	}
	advice := fmt.Sprintf("give the container %d MiB", need)
	if fits := limitMiB - programMiB; fits >= minMemoryMiB {
		advice = fmt.Sprintf("-m %d fits, or give the container %d MiB", fits, need)
	}
	n.log.Warn("-m, --memory-limit does not fit in the container: the kernel ends the process when it fills up; "+advice,
		"memory_mib", n.cfg.MemoryMiB, "program_mib", programMiB, "container_mib", limitMiB, "limit_file", file)
}
