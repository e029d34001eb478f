package serve

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller is one epoll instance with an eventfd to wake whoever waits for it. One goroutine waits; any may wake.
//
// Waiting parks the goroutine in Go's own poller, of which our epoll descriptor is a client. A blocking epoll_wait would keep
// the thread's processor until the runtime's monitor takes it away, and with more loops than cores that costs more CPU time and
// delays everything else in the process.
type poller struct {
	epfd   int
	wakefd int
	file   *os.File // epfd, as Go's poller knows it
	raw    syscall.RawConn
	timed  bool // file has a deadline

	events []unix.EpollEvent
	n      int
	poll   func(uintptr) bool // collects events; made once, so that waiting allocates nothing
}

// wakeToken marks the event of the wake-up descriptor; conns and listeners have tokens from 0.
const wakeToken = -1

const eventsPerWait = 256

func newPoller() (*poller, error) {
	p := &poller{events: make([]unix.EpollEvent, eventsPerWait)}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	_ = unix.SetNonblock(epfd, true) // has no effect on epoll_wait, but tells os.NewFile that it can be waited for
	p.epfd = epfd
	p.file = os.NewFile(uintptr(epfd), "epoll")
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		p.file.Close()
		return nil, os.NewSyscallError("eventfd", err)
	}
	if p.raw, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // an error if Go's poller did not take it
	}
	if err == nil {
		// Edge-triggered: each write is an event, and nobody need read the counter.
		err = p.add(p.wakefd, wakeToken, unix.EPOLLIN|unix.EPOLLET)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.poll = func(uintptr) bool {
		p.n = pollNow(p.epfd, p.events)
		return p.n > 0
	}
	return p, nil
}

func (p *poller) close() {
	_ = unix.Close(p.wakefd)
	p.file.Close()
}

// add watches fd; its events carry token.
func (p *poller) add(fd int, token int32, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: token}
	return unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, fd, &ev)
}

// change sets what is watched of fd.
func (p *poller) change(fd int, token int32, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: token}
	_ = unix.EpollCtl(p.epfd, unix.EPOLL_CTL_MOD, fd, &ev)
}

// wake ends a wait from any goroutine.
func (p *poller) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wakefd, one[:])
}

// now returns what is ready, without waiting.
func (p *poller) now() []unix.EpollEvent { return p.events[:pollNow(p.epfd, p.events)] }

// wait returns what is ready. It asks before it parks: under load there nearly always is something. Events are overwritten by
// the next call.
func (p *poller) wait() []unix.EpollEvent {
	if p.timed {
		_ = p.file.SetReadDeadline(time.Time{})
		p.timed = false
	}
	return p.park()
}

// waitUntil is wait that gives up, with nothing, at end.
func (p *poller) waitUntil(end time.Time) []unix.EpollEvent {
	_ = p.file.SetReadDeadline(end)
	p.timed = true
	return p.park()
}

func (p *poller) park() []unix.EpollEvent {
	p.n = 0
	_ = p.raw.Read(p.poll) // the only errors are the deadline and a closed file
	return p.events[:p.n]
}
