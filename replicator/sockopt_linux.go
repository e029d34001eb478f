package replicator

import (
	"net"
	"syscall"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT: the connection dies when sent bytes
// stay unacknowledged for so many ms.
const (
	tcpUserTimeout    = 18
	userTimeoutMillis = 1500
)

// tune sets what the net package has no call for. It is best effort: the session
// has its own idea of a dead peer.
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
