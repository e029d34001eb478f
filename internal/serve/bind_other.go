//go:build !linux

package serve

import "net"

// boundSocket remembers an address that was free. Binding without listening is not portable, so the port is not held.
type boundSocket struct{ addr string }

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
	return boundSocket{addr.String()}, addr, l.Close()
}

func (b boundSocket) listener(int) (net.Listener, error) { return net.Listen("tcp", b.addr) }

func startEngine(s *Server, socks []boundSocket) error { return startPortable(s, socks) }
