//go:build unix

package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve takes address space that costs memory only where it is touched.
func reserve(bytes int64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("store: reserving %d MiB of address space (see ulimit -v and vm.overcommit_memory): %w", bytes>>20, err)
	}
	return b, nil
}

func unreserve(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic("store: unmapping memory: " + err.Error())
	}
}

// giveBack returns the pages of b to the system; they read as zero afterwards.
// Where the system declines, the pages merely stay resident.
func giveBack(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
