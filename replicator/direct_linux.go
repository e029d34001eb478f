package replicator

import (
	"io"
	"net"
	"syscall"
	"unsafe"
)

// direct is a TCP connection that is read and written with system calls of its own. They
// never block, so Go's scheduler is not told of them: that would wake its monitor thread
// each time, which costs more than a small read. Only a socket that is not ready is left to
// Go's poller. One goroutine may read, and one write, at a time.
type direct struct {
	raw syscall.RawConn

	in       []byte // of the read that is under way
	got      int
	readErr  error
	readSome func(fd uintptr) bool // made once: a read allocates nothing

	out      []byte // of the write that is under way
	wait     bool   // it is to wait until all is written
	writeErr error
	writeAny func(fd uintptr) bool
}

// newDirect returns nil for a connection that is no TCP connection.
func newDirect(nc net.Conn) *direct {
	t, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	d := &direct{raw: raw}
	d.readSome, d.writeAny = d.readFD, d.writeFD
	return d
}

// Read waits until there is something to read. It is as Read of net.Conn.
func (d *direct) Read(p []byte) (n int, err error) {
	d.in, d.got, d.readErr = p, 0, nil
	err = d.raw.Read(d.readSome)
	d.in = nil
	if err == nil {
		err = d.readErr
	}
	return d.got, err
}

// readFD reads once. false: there is nothing to read yet.
func (d *direct) readFD(fd uintptr) bool {
	for {
		n, _, code := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(d.in))), uintptr(len(d.in)), 0, 0, 0)
		switch {
		case code == syscall.EINTR:
			continue
		case code == syscall.EAGAIN:
			return false
		case code != 0:
			d.readErr = code
		case n == 0:
			d.readErr = io.EOF
		default:
			d.got = int(n)
		}
		return true
	}
}

// write writes p, and returns what is left of it: nothing, or, without wait, what the
// socket does not take now.
func (d *direct) write(p []byte, wait bool) (left []byte, err error) {
	d.out, d.wait, d.writeErr = p, wait, nil
	err = d.raw.Write(d.writeAny)
	left, d.out = d.out, nil
	if err == nil {
		err = d.writeErr
	}
	return left, err
}

// writeFD writes as much as the socket takes. false: it is to be called again once that is
// more.
func (d *direct) writeFD(fd uintptr) bool {
	for len(d.out) > 0 {
		n, _, code := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(d.out))), uintptr(len(d.out)), syscall.MSG_NOSIGNAL, 0, 0)
		switch {
		case code == syscall.EINTR:
		case code == syscall.EAGAIN:
			return !d.wait
		case code != 0:
			d.writeErr = code
			return true
		default:
			d.out = d.out[n:]
		}
	}
	return true
}
