package health

import (
	"net"
	"path/filepath"
	"strings"
)

// LeadsTo tells whether who asks at target comes to a node of this machine that serves
// at address. Both are HOST:PORT or the path of a unix socket.
func LeadsTo(target, address string) bool {
	if strings.Contains(target, "/") {
		abs, err := filepath.Abs(target)
		return err == nil && abs == address
	}
	host, port, err := net.SplitHostPort(target)
	at, atPort, errAt := net.SplitHostPort(address)
	if err != nil || errAt != nil || port != atPort {
		return false
	}
	ip, ours := net.ParseIP(host), net.ParseIP(at)
	here := host == "localhost" || ip != nil && ip.IsLoopback()
	return host == at || ip.Equal(ours) && ip != nil || here && ours != nil && (ours.IsUnspecified() || host == "localhost" && ours.IsLoopback())
}

// Reachable is where to ask a node of this machine that serves at address.
func Reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host = "::1"; ip.To4() != nil {
			host = "127.0.0.1"
		}
	}
	return net.JoinHostPort(host, port)
}
