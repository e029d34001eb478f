package store

import "golang.org/x/sys/unix"

// adviseHuge asks for huge pages; a system without them ignores it.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }

// touch makes the memory of b present, in the huge pages that were asked for. Systems before Linux 5.14
// decline, and the memory comes with the first writes.
func touch(b []byte) { _ = unix.Madvise(b, unix.MADV_POPULATE_WRITE) }
