package serve

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// boundSocket is a socket that is bound and does not listen: the kernel refuses clients until it does.
type boundSocket struct {
	fd    int
	unix  bool // a unix socket, which has no TCP options
	entry int  // see Listeners.bind
}

func (b boundSocket) close() { _ = unix.Close(b.fd) }

// bindSocket binds t. SO_REUSEADDR is on while binding, because conns of the process before this one may still be in
// TIME_WAIT; it goes off again until listen, because two sockets that both have it may share a port nobody listens on yet.
func bindSocket(t target, _ bool) (boundSocket, net.Addr, error) {
	domain := unix.AF_INET6
	if t.addr.Addr().Is4() {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return boundSocket{}, nil, os.NewSyscallError("socket", err)
	}
	b := boundSocket{fd: fd}
	addr, err := b.bind(t)
	if err != nil {
		b.close()
		return boundSocket{}, nil, err
	}
	return b, addr, nil
}

func (b boundSocket) bind(t target) (net.Addr, error) {
	var sa unix.Sockaddr
	if ip := t.addr.Addr(); ip.Is4() {
		sa = &unix.SockaddrInet4{Port: int(t.addr.Port()), Addr: ip.As4()}
	} else {
		only := 1
		if t.both {
			only = 0
		}
		if err := unix.SetsockoptInt(b.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
		sa6 := &unix.SockaddrInet6{Port: int(t.addr.Port()), Addr: ip.As16()}
		if zone := ip.Zone(); zone != "" {
			ifi, err := net.InterfaceByName(zone)
			if err != nil {
				return nil, fmt.Errorf("interface %s: %w", zone, err)
			}
			sa6.ZoneId = uint32(ifi.Index)
		}
		sa = sa6
	}
	if err := b.reuse(1); err != nil {
		return nil, err
	}
	if err := unix.Bind(b.fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := b.reuse(0); err != nil {
		return nil, err
	}
	got, err := unix.Getsockname(b.fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	return net.TCPAddrFromAddrPort(addrPort(got)), nil
}

func (b boundSocket) reuse(on int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, on))
}

// bindUnixSocket binds a stream socket to a file, which it makes.
func bindUnixSocket(path string, _ fs.FileMode) (boundSocket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return boundSocket{}, os.NewSyscallError("socket", err)
	}
	b := boundSocket{fd: fd, unix: true}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: plainPath(path)}); err != nil {
		b.close()
		return boundSocket{}, os.NewSyscallError("bind", err)
	}
	return b, nil
}

// listen opens the port. Accepted conns inherit TCP_NODELAY and SO_KEEPALIVE, so they cost no system call each.
func (b boundSocket) listen(backlog int) error {
	if b.unix {
		return os.NewSyscallError("listen", unix.Listen(b.fd, backlog))
	}
	if err := b.reuse(1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(b.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.SetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("listen", unix.Listen(b.fd, backlog))
}

// listener is listen for the portable engine. It consumes b.
func (b boundSocket) listener(backlog int) (net.Listener, error) {
	if err := b.listen(backlog); err != nil {
		b.close()
		return nil, err
	}
	f := os.NewFile(uintptr(b.fd), "listener")
	defer f.Close() // FileListener works on a duplicate
	return net.FileListener(f)
}

// newPlain makes the engine for conns that are plain sockets. It consumes socks.
func newPlain(s *Server, socks []boundSocket, addrs []net.Addr) (engine, error) {
	if s.cfg.Portable {
		return newPortable(s, socks, addrs, nil)
	}
	return newLoops(s, socks, addrs)
}

// addrText is sa as "stats conns" shows it.
func addrText(sa unix.Sockaddr) string {
	if u, ok := sa.(*unix.SockaddrUnix); ok {
		return unixName(u.Name)
	}
	a := addrPort(sa)
	if a.Addr().Is6() {
		return "tcp6:" + a.String()
	}
	return "tcp:" + a.String()
}

// addrPort is what sa says; the zero value if it is no TCP address.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
