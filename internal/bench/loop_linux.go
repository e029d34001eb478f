package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canPoll: connections without TLS are served by an epoll of their own.
const canPoll = true

const (
	pollEvents = 256
	// spinFor is how long before a request is due epoll is asked without waiting: it counts in
	// milliseconds.
	spinFor = 2 * time.Millisecond
)

// loop serves some connections from one thread.
type loop struct {
	source *source
	epoll  int
	conns  []pollConn
	idle   []int32 // of conns; open loop
	every  float64 // nanoseconds between two requests; 0: closed loop
	sent   uint64
	start  int64
}

// pollConn is a connection of a loop.
type pollConn struct {
	*client
	fd      int
	sent    int  // bytes of out
	blocked bool // the socket takes no more now
}

// runLoop serves conns, which it closes, until the round ends.
func runLoop(s *source, conns []net.Conn, first int, every float64) error {
	l := &loop{source: s, every: every, conns: make([]pollConn, len(conns)), idle: make([]int32, 0, len(conns))}
	defer l.close()
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		closeAll(conns)
		l.epoll = -1
		return err
	}
	for i, c := range conns {
		l.conns[i] = pollConn{client: newClient(first+i, s.opt), fd: -1}
		if err == nil {
			l.conns[i].fd, err = takeFD(c)
		}
		if err == nil {
			err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.conns[i].fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
		}
		c.Close()
	}
	if err != nil {
		return err
	}
	runtime.LockOSThread() // a thread that spins is one that the scheduler may take the core from, and no goroutine
	defer runtime.UnlockOSThread()
	return l.run()
}

func (l *loop) close() {
	for i := range l.conns {
		if l.conns[i].fd >= 0 {
			unix.Close(l.conns[i].fd)
		}
	}
	if l.epoll >= 0 {
		unix.Close(l.epoll)
	}
}

// takeFD is c's descriptor, which Go's poller does not know.
func takeFD(c net.Conn) (fd int, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("bench: %T has no descriptor", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd = -1
	if errControl := raw.Control(func(f uintptr) { fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) }); errControl != nil {
		return -1, errControl
	}
	return fd, err
}

func (l *loop) run() error {
	l.start = now()
	s, active := l.source, 0
	for i := range l.conns {
		if l.every > 0 {
			l.idle = append(l.idle, int32(i))
		} else if s.batch(l.conns[i].client, l.start, s.opt.Depth) {
			active++
			if err := l.send(int32(i)); err != nil {
				return err
			}
		}
	}
	events := make([]unix.EpollEvent, pollEvents)
	for active > 0 || l.every > 0 {
		phase := s.sink.phase.Load()
		if phase == stopping {
			break
		}
		wait := pollMillis
		if l.every > 0 {
			var err error
			if wait, err = l.sendDue(phase); err != nil {
				return err
			}
		}
		n, err := l.wait(events, wait)
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			more, err := l.event(e, phase == measuring)
			if err != nil {
				return err
			}
			if !more {
				active--
			}
		}
	}
	return nil
}

// wait looks for events, at first without waiting.
func (l *loop) wait(events []unix.EpollEvent, millis int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == 0 && (n > 0 || millis == 0 || l.source.opt.Spin) {
		return int(n), nil
	}
	if errno != 0 && errno != unix.EINTR {
		return 0, errno
	}
	got, err := unix.EpollWait(l.epoll, events, millis)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return got, err
}

// sendDue sends what is due on idle connections, and returns for how many milliseconds
// nothing else will be.
func (l *loop) sendDue(phase int32) (int, error) {
	t := now()
	for len(l.idle) > 0 {
		due := l.start + int64(float64(l.sent)*l.every)
		if due > t {
			break
		}
		i := l.idle[len(l.idle)-1]
		l.idle = l.idle[:len(l.idle)-1]
		l.sent++
		l.source.batch(l.conns[i].client, due, 1)
		if err := l.send(i); err != nil {
			return 0, err
		}
	}
	next := l.start + int64(float64(l.sent)*l.every)
	if late := float64(t-next) / l.every; late > 0 && phase == measuring {
		l.source.sink.lateBy(int64(late) + 1)
	}
	switch {
	case len(l.idle) == 0:
		return pollMillis, nil
	case next-t < int64(spinFor):
		return 0, nil
	}
	return min(int((next-t)/int64(time.Millisecond))-1, pollMillis), nil
}

// event does what epoll says of a connection. more: it still waits for replies.
func (l *loop) event(e unix.EpollEvent, measured bool) (more bool, err error) {
	c, s := &l.conns[e.Fd], l.source
	if e.Events&unix.EPOLLOUT != 0 {
		if err := l.send(e.Fd); err != nil {
			return false, err
		}
	}
	if e.Events&^unix.EPOLLOUT == 0 {
		return true, nil
	}
	if err := c.receive(); err != nil {
		return false, err
	}
	t := now()
	if err := s.replies(c.client, t, measured); err != nil {
		return false, err
	}
	switch {
	case !c.finished():
		if len(c.in) == cap(c.in) {
			return false, c.wrong("a reply is larger than a value can be", c.in)
		}
		return true, nil
	case l.every > 0:
		s.sink.answered.Add(1)
		l.idle = append(l.idle, e.Fd)
		return true, nil
	}
	s.sink.answered.Add(uint64(len(c.reqs)))
	if !s.batch(c.client, t, s.opt.Depth) {
		return false, nil
	}
	return true, l.send(e.Fd)
}

// receive reads once behind what is in c.in.
func (c *pollConn) receive() error {
	at := len(c.in)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&c.in[:at+1][at])), uintptr(cap(c.in)-at), 0, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return fmt.Errorf("connection %d: %w", c.id, errno)
	case n == 0:
		return fmt.Errorf("connection %d: the server ended it: %w", c.id, io.EOF)
	}
	c.in = c.in[:at+int(n)]
	return nil
}

// send writes what is left of the batch, as far as the socket takes it.
func (l *loop) send(i int32) error {
	c := &l.conns[i]
	if !c.blocked {
		c.sent = 0
	}
	full := false
	for c.sent < len(c.out) && !full {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&c.out[c.sent])), uintptr(len(c.out)-c.sent), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			c.sent += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			full = true
		default:
			return fmt.Errorf("connection %d: %w", c.id, errno)
		}
	}
	if full == c.blocked {
		return nil
	}
	c.blocked = full
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: i}
	if full {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &e)
}
