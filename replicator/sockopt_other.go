//go:build !linux

package replicator

import "net"

// tune sets what the net package does not set by itself.
func tune(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetNoDelay(true)
	}
}
