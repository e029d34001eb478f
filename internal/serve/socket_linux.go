package serve

import (
	"encoding/binary"
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

// pollNow collects what is ready now. Interrupted counts as nothing ready.
func pollNow(epfd int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// poller is one epoll instance with an eventfd to wake whoever waits for it.
type poller struct {
	epfd   int
	wakefd int
}

// wakeToken marks the event of the wake-up descriptor; conns and listeners have tokens from 0.
const wakeToken = -1

func newPoller() (p poller, err error) {
	if p.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return p, err
	}
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(p.epfd)
		return p, err
	}
	// Edge-triggered: each write is an event, and nobody need read the counter.
	if err = p.add(p.wakefd, wakeToken, 0, unix.EPOLLIN|unix.EPOLLET); err != nil {
		p.close()
	}
	return p, err
}

func (p poller) close() {
	_ = unix.Close(p.wakefd)
	_ = unix.Close(p.epfd)
}

// add watches fd; its events carry token and generation.
func (p poller) add(fd int, token, generation int32, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: token, Pad: generation}
	return unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &ev)
}

// change sets what is watched of fd.
func (p poller) change(fd int, token int32, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: token}
	_ = unix.EpollCtl(p.epfd, unix.EPOLL_CTL_MOD, fd, &ev)
}

// wake ends a wait from any goroutine.
func (p poller) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wakefd, one[:])
}

// wait blocks for at most timeoutMillis (-1: no limit).
func (p poller) wait(events []unix.EpollEvent, timeoutMillis int) int {
	n, err := unix.EpollWait(p.epfd, events, timeoutMillis)
	if err != nil {
		return 0
	}
	return n
}
