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
// A wait has two parts. The first is one epoll_wait of at most brief of which the Go scheduler knows nothing: the goroutine
// keeps its thread and its processor, and a loop with something to do now and then never leaves this part. It has brought
// that processor: see moreProcessors. To stop the world, the runtime signals the thread, and that ends the call. In the second part
// the goroutine parks in Go's own poller, which costs nothing however long it takes. Go's poller does not know epfd, or each
// event of the first part would wake one of its threads. It knows parkfd, which watches epfd while the goroutine is parked.
type poller struct {
	epfd   int
	parkfd int
	wakefd int
	file   *os.File // parkfd, as Go's poller knows it
	raw    syscall.RawConn
	timed  bool // file has a deadline
	brief  int  // how long a wait holds its thread before it parks, in milliseconds
	fine   bool // waitFor is possible

	events []unix.EpollEvent
	n      int
	poll   func(uintptr) bool // collects events; made once, so that waiting allocates nothing
}

// wakeToken marks the event of the wake-up descriptor; conns and listeners have tokens from 0.
const wakeToken = -1

const eventsPerWait = 256

// briefWait is poller.brief of a loop. It is 0 for whoever has brought no processor of its own: see moreProcessors.
const briefWait = 5

func newPoller(brief int) (p *poller, err error) {
	p = &poller{epfd: -1, wakefd: -1, brief: brief, events: make([]unix.EpollEvent, eventsPerWait)}
	made := p // an error makes p nil
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	if p.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	if p.parkfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	_ = unix.SetNonblock(p.parkfd, true) // tells os.NewFile that it can be waited for
	p.file = os.NewFile(uintptr(p.parkfd), "epoll")
	if p.wakefd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
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
		return nil, err
	}
	if err = unix.EpollCtl(p.parkfd, unix.EPOLL_CTL_ADD, p.epfd, &unix.EpollEvent{}); err != nil {
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	_, errno := pollNanos(p.epfd, p.events, 0)
	p.fine = errno == 0 // not before Linux 5.11
	p.poll = func(uintptr) bool {
		p.n = pollFor(p.epfd, p.events, 0)
		return p.n > 0
	}
	return p, nil
}

func (p *poller) close() {
	for _, fd := range []int{p.epfd, p.wakefd} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if p.file != nil {
		p.file.Close()
	}
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
func (p *poller) now() []unix.EpollEvent { return p.events[:max(pollFor(p.epfd, p.events, 0), 0)] }

// wait returns what is ready, and nothing now and then. Events are overwritten by the next call.
func (p *poller) wait() []unix.EpollEvent {
	n := pollFor(p.epfd, p.events, p.brief)
	if n != 0 {
		return p.events[:max(n, 0)]
	}
	if p.timed {
		_ = p.file.SetReadDeadline(time.Time{})
		p.timed = false
	}
	return p.park()
}

// waitFor returns what is ready within d, which is short: it holds its thread. The poller is fine.
func (p *poller) waitFor(d time.Duration) []unix.EpollEvent {
	n, errno := pollNanos(p.epfd, p.events, d.Nanoseconds())
	if errno != 0 {
		n = 0
	}
	return p.events[:n]
}

// waitUntil is wait that gives up, with nothing, at end.
func (p *poller) waitUntil(end time.Time) []unix.EpollEvent {
	_ = p.file.SetReadDeadline(end)
	p.timed = true
	return p.park()
}

// park gives the thread away until something is ready. parkfd always has epfd, and is told to watch it for so long: to add it
// each time would cost the kernel a walk over all that epfd watches, with a lock that all processes share.
func (p *poller) park() []unix.EpollEvent {
	p.n = 0
	ev := unix.EpollEvent{Events: unix.EPOLLIN}
	if unix.EpollCtl(p.parkfd, unix.EPOLL_CTL_MOD, p.epfd, &ev) != nil { // nobody would wake us
		return p.events[:max(pollFor(p.epfd, p.events, briefWait), 0)]
	}
	_ = p.raw.Read(p.poll) // the only errors are the deadline and a closed file
	_ = unix.EpollCtl(p.parkfd, unix.EPOLL_CTL_MOD, p.epfd, &unix.EpollEvent{})
	return p.events[:max(p.n, 0)]
}
