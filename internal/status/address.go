package status

import (
	"net"
	"net/netip"
	"slices"
)

// ClientAddresses is Addresses for people: where the node listens on all addresses, the
// machine's name stands in place of 0.0.0.0, which tells no node from the other.
func (n *Node) ClientAddresses() []string {
	out := make([]string, 0, len(n.Addresses))
	for _, a := range n.Addresses {
		if host, port, err := net.SplitHostPort(a); err == nil && n.Host != "" && all(host) {
			a = net.JoinHostPort(n.Host, port)
		}
		if !slices.Contains(out, a) { // 0.0.0.0 and [::] are one name
			out = append(out, a)
		}
	}
	return out
}

// ListensOnAll tells whether the node serves clients on all addresses of a machine whose
// name is known.
func (n *Node) ListensOnAll() bool {
	return n.Host != "" && slices.ContainsFunc(n.Addresses, func(a string) bool {
		host, _, err := net.SplitHostPort(a)
		return err == nil && all(host)
	})
}

func all(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}
