package serve

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer is room for a client's address, used again for each conn that is accepted: unix.Accept4 makes two of its own, which are
// more than an idle conn takes.
type peer struct {
	raw unix.RawSockaddrAny
}

// accept takes a conn that waits at a listener which does not block.
func (p *peer) accept(listener int) (fd int, errno unix.Errno) {
	p.raw.Addr.Family = unix.AF_UNSPEC
	size := uint32(unsafe.Sizeof(p.raw))
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&p.raw)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), errno
}

// address is the client's, invalid for a unix socket.
func (p *peer) address() netip.AddrPort {
	switch p.raw.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), netOrder(&sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&p.raw))
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), netOrder(&sa.Port))
	}
	return netip.AddrPort{}
}

// netOrder reads a number that stands in network byte order.
func netOrder(v *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(v))[:]) }
