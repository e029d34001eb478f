package serve

import (
	"os"

	"golang.org/x/sys/unix"

	"twincached/memproto"
)

// detach takes c out of the loop and makes a stream of it, which begins with head. Its descriptor stays what it is: it is the
// conn's name in the log and in "stats conns".
func (l *loop) detach(c *conn, src *memproto.Watcher, head []byte) {
	fd, h := int(c.fd), c.h
	head = append([]byte(nil), head...)
	_ = unix.EpollCtl(l.pol.epfd, unix.EPOLL_CTL_DEL, fd, nil)
	l.forget(c, false)

	s := l.s
	info := connInfo(fd)
	info.State = stateNames[stateWatch]
	st := &stream{s: s, c: os.NewFile(uintptr(fd), "client"), src: src, info: &info}
	st.half = func() error { return unix.Shutdown(fd, unix.SHUT_WR) } // before st.c is closed, and so of the same socket
	s.streams.left.Go(func() {
		why := memproto.CloseError
		if _, err := st.c.Write(head); err == nil {
			why = st.run()
		}
		src.Close()
		h.Closed(s.cfg.Now(), why)
		st.c.Close()
		s.connGone()
	})
}

// connInfo is what the kernel says of a conn, for "stats conns".
func connInfo(fd int) (info ConnInfo) {
	info.FD = fd
	if sa, err := unix.Getpeername(fd); err == nil {
		info.Addr = addrText(sa)
	}
	if sa, err := unix.Getsockname(fd); err == nil {
		info.ListenAddr = addrText(sa)
	}
	return info
}
