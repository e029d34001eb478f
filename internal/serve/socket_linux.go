package serve

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below never block, so they go past the Go scheduler: telling it about each would cost more than some of them do.

// recvNow reads from a non-blocking socket into b, which must not be empty.
func recvNow(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return int(n), errno
}

// sendNow writes b, which must not be empty, to a non-blocking socket.
func sendNow(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// pollFor collects what is ready, and waits up to millis for the first event. Less than 0: a signal came first.
func pollFor(epfd int, events []unix.EpollEvent, millis int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(millis), 0, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// pollNanos is pollFor with a finer clock. An errno: the kernel has no such call (it came with Linux 5.11), or a signal came first.
func pollNanos(epfd int, events []unix.EpollEvent, nanos int64) (int, unix.Errno) {
	limit := struct{ sec, nsec int64 }{nanos / 1e9, nanos % 1e9} // of 64 bits also where unix.Timespec is smaller
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
	return int(n), errno
}
