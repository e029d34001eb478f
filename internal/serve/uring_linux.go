package serve

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring for receives and sends that never block. Its owner queues some and runs them: one system call carries all
// of them out. Between two runs it is empty, so the kernel never holds a buffer or a socket of a conn that may be closed.
type ring struct {
	fd      int
	memory  []byte // the queues
	entries []byte // the submissions themselves

	sqHead, sqTail *uint32 // the kernel takes at the head, we put at the tail
	cqHead, cqTail *uint32 // we take at the head, the kernel puts at the tail
	sqMask, cqMask uint32
	sqes           []sqe
	cqes           []cqe

	tail   uint32  // *sqTail of the next run
	queued uint32  // of the next run
	ops    []op    // of each, what to do
	res    []int32 // of each, what came: bytes, or less than 0: an errno
}

// op is one receive or send.
type op struct {
	b    []byte
	fd   int32
	send bool
}

// ringOps is how many receives or sends one run takes.
const ringOps = 64

// sqe, cqe and ringParams are struct io_uring_sqe, io_uring_cqe and io_uring_params of the kernel's linux/io_uring.h.
type (
	sqe struct {
		opcode, flags uint8
		ioprio        uint16
		fd            int32
		off           uint64
		addr          uint64
		length        uint32
		msgFlags      uint32
		userData      uint64
		_             [24]byte
	}
	cqe struct {
		userData uint64
		res      int32
		flags    uint32
	}
	ringParams struct {
		sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
		_                                                                      [3]uint32
		sq                                                                     struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
		cq struct {
			head, tail, mask, entries, overflow, cqes, flags, _ uint32
			_                                                   uint64
		}
	}
)

const (
	opSend = 26
	opRecv = 27

	offsetQueues  = 0
	offsetEntries = 0x10000000

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1 // completions are never lost
	featStable     = 1 << 2 // what a submission points to may change once it is submitted
	featFastPoll   = 1 << 5 // Linux 5.7; before it receives and sends could go to a thread of the kernel's

	enterGetEvents = 1 << 0
)

// newRing makes a ring and tries it. The error says what is in the way.
func newRing() (r *ring, err error) {
	var p ringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, ringOps, uintptr(unsafe.Pointer(&p)), 0)
	switch errno {
	case 0:
	case unix.ENOSYS:
		return nil, errors.New("io_uring: this kernel has none")
	case unix.EPERM:
		return nil, errors.New("io_uring: not permitted, by a seccomp profile as Docker's or by the sysctl kernel.io_uring_disabled")
	default:
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r = &ring{fd: int(fd), ops: make([]op, ringOps), res: make([]int32, ringOps)}
	made := r // an error makes r nil
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	if need := uint32(featSingleMmap | featNoDrop | featStable | featFastPoll); p.features&need != need {
		return nil, errors.New("io_uring: this kernel is too old for it, Linux 5.7 has what is needed")
	}
	if err := r.mmap(&p); err != nil {
		return nil, err
	}
	if err := r.try(); err != nil {
		return nil, fmt.Errorf("io_uring: a trial failed: %w", err)
	}
	return r, nil
}

func (r *ring) mmap(p *ringParams) (err error) {
	const both = unix.PROT_READ | unix.PROT_WRITE
	const flags = unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(p.sq.array+4*p.sqEntries, p.cq.cqes+uint32(unsafe.Sizeof(cqe{}))*p.cqEntries)
	if r.memory, err = unix.Mmap(r.fd, offsetQueues, int(size), both, flags); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	if r.entries, err = unix.Mmap(r.fd, offsetEntries, int(p.sqEntries)*int(unsafe.Sizeof(sqe{})), both, flags); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	at := func(offset uint32) unsafe.Pointer { return unsafe.Pointer(&r.memory[offset]) }
	r.sqHead, r.sqTail, r.sqMask = (*uint32)(at(p.sq.head)), (*uint32)(at(p.sq.tail)), *(*uint32)(at(p.sq.mask))
	r.cqHead, r.cqTail, r.cqMask = (*uint32)(at(p.cq.head)), (*uint32)(at(p.cq.tail)), *(*uint32)(at(p.cq.mask))
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*cqe)(at(p.cq.cqes)), p.cqEntries)
	array := unsafe.Slice((*uint32)(at(p.sq.array)), p.sqEntries)
	for i := range array { // the place in the queue is the place of the entry, for ever
		array[i] = uint32(i)
	}
	return nil
}

func (r *ring) close() {
	_ = unix.Close(r.fd)
	for _, m := range [][]byte{r.memory, r.entries} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
}

// recv and send queue one operation of the next run, which takes ringOps of them. b must not be empty, and stays where it is
// until then. The operations of a run have numbers from 0.
func (r *ring) recv(fd int32, b []byte) { r.queue(op{b, fd, false}, opRecv, unix.MSG_DONTWAIT) }

func (r *ring) send(fd int32, b []byte) {
	r.queue(op{b, fd, true}, opSend, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func (r *ring) queue(o op, opcode uint8, msgFlags uint32) {
	r.ops[r.queued] = o
	e := &r.sqes[r.tail&r.sqMask]
	*e = sqe{opcode: opcode, fd: o.fd, addr: uint64(uintptr(unsafe.Pointer(&o.b[0]))), length: uint32(len(o.b)), msgFlags: msgFlags, userData: uint64(r.queued)}
	r.tail++
	r.queued++
}

// run carries out what is queued, and returns of each operation how many bytes it moved, or an errno below 0. None of them
// waits, so all are complete when the kernel has taken them. The result is valid until the next run.
func (r *ring) run() []int32 {
	n := r.queued
	r.queued = 0
	atomic.StoreUint32(r.sqTail, r.tail)
	submitted, done := uint32(0), uint32(0)
	for done < n {
		got, errno := r.enter(n-submitted, 0, 0)
		submitted += got
		done += r.reap()
		if errno != 0 && errno != unix.EINTR {
			done += r.instead(submitted, n)
			submitted = n
		}
		if submitted == n && done < n { // never seen: the kernel has something that is not complete
			_, _ = r.enter(0, n-done, enterGetEvents)
			done += r.reap()
		}
	}
	return r.res[:n]
}

func (r *ring) enter(submit, wait uint32, flags uintptr) (uint32, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(wait), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return uint32(n), 0
}

// reap notes the results that have come.
func (r *ring) reap() (n uint32) {
	head, tail := atomic.LoadUint32(r.cqHead), atomic.LoadUint32(r.cqTail)
	for ; head != tail; head++ {
		c := &r.cqes[head&r.cqMask]
		r.res[c.userData] = c.res
		n++
	}
	atomic.StoreUint32(r.cqHead, head)
	return n
}

// instead carries out the operations from first on, of n, by plain system calls: the kernel, out of memory perhaps, does not
// take them.
func (r *ring) instead(first, n uint32) uint32 {
	r.tail = atomic.LoadUint32(r.sqHead)
	atomic.StoreUint32(r.sqTail, r.tail)
	for i := first; i < n; i++ {
		o := &r.ops[i]
		moved, errno := 0, unix.Errno(0)
		if o.send {
			moved, errno = sendNow(o.fd, o.b)
		} else {
			moved, errno = recvNow(o.fd, o.b)
		}
		r.res[i] = int32(moved)
		if errno != 0 {
			r.res[i] = -int32(errno)
		}
	}
	return n - first
}

// try sends a byte through the ring, receives it, and sees that a receive of nothing does not wait.
func (r *ring) try() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) }()
	sent, got := []byte{1}, []byte{0, 0}
	r.send(int32(fds[0]), sent)
	if n := r.run()[0]; n != 1 {
		return fmt.Errorf("a send gives %d", n)
	}
	r.recv(int32(fds[1]), got[:1])
	r.recv(int32(fds[1]), got[1:])
	if res := r.run(); res[0] != 1 || res[1] != -int32(unix.EAGAIN) || got[0] != 1 {
		return fmt.Errorf("two receives give %d and %d", res[0], res[1])
	}
	return nil
}
