//go:build !linux

package serve

import (
	"io/fs"
	"net"
	"os"
)

// boundSocket remembers an address that was free. Binding without listening is not portable, so the port is not held.
type boundSocket struct {
	addr  string
	path  string      // of a unix socket; addr is empty then
	mode  fs.FileMode // of path
	entry int         // see Listeners.bind
}

func (b boundSocket) close() {}

// bindSocket finds out whether t can be bound.
func bindSocket(t target, _ bool) (boundSocket, net.Addr, error) {
	network, address := "tcp", t.addr.String()
	if !t.both {
		network = "tcp6"
		if t.addr.Addr().Is4() {
			network = "tcp4"
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return boundSocket{}, nil, err
	}
	addr := l.Addr()
	return boundSocket{addr: addr.String()}, addr, l.Close()
}

func (b boundSocket) listener(int) (net.Listener, error) {
	if b.path == "" {
		return net.Listen("tcp", b.addr)
	}
	_ = os.Remove(b.path) // the one that bindUnixSocket left; closing the listener removes the new one
	l, err := net.Listen("unix", b.path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(b.path, b.mode)
}

// newPlain makes the engine for conns that are plain sockets. It consumes socks.
func newPlain(s *Server, socks []boundSocket, addrs []net.Addr) (engine, error) {
	return newPortable(s, socks, addrs, nil)
}

// bindUnixSocket finds out whether the file can be made. It stays, without a socket, until the client port opens.
func bindUnixSocket(path string, mode fs.FileMode) (boundSocket, error) {
	l, err := net.Listen("unix", plainPath(path))
	if err != nil {
		return boundSocket{}, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return boundSocket{path: plainPath(path), mode: mode.Perm()}, l.Close()
}
