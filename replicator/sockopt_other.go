//go:build !linux

package replicator

import "net"

// tune sets options of the socket. Errors do not matter.
func tune(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetNoDelay(true)
	}
}
