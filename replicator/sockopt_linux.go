package replicator

import (
	"net"
	"syscall"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT: the kernel ends a connection whose bytes the
// other side has not acknowledged for so many ms.
const (
	tcpUserTimeout    = 18
	userTimeoutMillis = 1500
)

// tune sets options of the socket. Errors do not matter: the session finds out itself that
// its peer is dead.
func tune(nc net.Conn) {
	t, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	_ = t.SetNoDelay(true)
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, userTimeoutMillis)
	})
}
