package serve

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"twincached/memproto"
)

// turnBytes is about how much a conn may send in one turn, however much its client takes:
// a tenth of a millisecond of copying, so that one who waits behind hundreds of readers of
// large values hardly notices.
const turnBytes = 256 << 10

// parts is what is left of a reply of which sent bytes are out: out with the pinned value
// at its place. pin may be nil.
func parts(out []byte, pin *memproto.Pinned, sent int) (p [3][]byte) {
	if pin == nil {
		p[0] = out[sent:]
		return p
	}
	value := pin.Value()
	switch end := pin.At + len(value); {
	case sent < pin.At:
		return [3][]byte{out[sent:pin.At], value, out[pin.At:]}
	case sent < end:
		return [3][]byte{value[sent-pin.At:], out[pin.At:]}
	default:
		p[0] = out[sent-len(value):]
		return p
	}
}

// reply sends out with the pinned value in it, and keeps what the kernel does not take, or
// what is too much for one turn. false: the conn is gone.
func (l *loop) reply(c *conn, out []byte, pin *memproto.Pinned) bool {
	if pin == nil {
		return l.send(c, out)
	}
	sent, again, ok := l.sendParts(c, out, pin, 0)
	switch {
	case !ok:
		pin.Release()
		l.close(c)
		return false
	case sent == len(out)+len(pin.Value()):
		pin.Release()
		return true
	}
	c.began(l.nowMillis).pin = pin.Take()
	c.out, c.sent = append(l.take(c, len(out)), out...), int32(sent)
	if again {
		l.again(c)
	}
	return true
}

// sendParts sends what is left of a reply: until the end, until the kernel takes no more, or
// until the turn is used up, which again tells. false: the conn is broken.
func (l *loop) sendParts(c *conn, out []byte, pin *memproto.Pinned, sent int) (now int, again, ok bool) {
	total := len(out)
	if pin != nil {
		total += len(pin.Value())
	}
	for sent < total {
		if l.left <= 0 {
			return sent, true, true
		}
		n, errno := sendParts(c.fd, parts(out, pin, sent), l.left)
		switch {
		case errno == 0:
			l.written += uint64(n)
			l.left -= n
			sent += n
			c.progress(l.nowMillis, n)
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return sent, false, true
		default:
			return sent, false, false
		}
	}
	return sent, false, true
}

// sendParts writes up to limit bytes of p to a non-blocking socket; limit is more than 0.
func sendParts(fd int32, p [3][]byte, limit int) (int, unix.Errno) {
	var iov [len(p)]unix.Iovec
	n := 0
	for _, b := range p {
		if len(b) > limit {
			b = b[:limit]
		}
		if limit -= len(b); len(b) == 0 {
			continue
		}
		iov[n].Base = &b[0]
		iov[n].SetLen(len(b))
		n++
	}
	var msg unix.Msghdr
	msg.Iov = &iov[0]
	msg.SetIovlen(n)
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_NOSIGNAL, 0, 0, 0)
	return int(sent), errno
}

// recvBoth reads from a non-blocking socket into a, and what is more than that into b. One of
// them is not empty.
func recvBoth(fd int32, a, b []byte) (int, unix.Errno) {
	if len(a) == 0 {
		return recvNow(fd, b)
	}
	if len(b) == 0 {
		return recvNow(fd, a)
	}
	iov := [2]unix.Iovec{{Base: &a[0]}, {Base: &b[0]}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	n, _, errno := unix.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return int(n), errno
}
