package node

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// clientAddresses are the TCP addresses for clients, as HOST:PORT; port 0 takes any.
func (c *Config) clientAddresses() (all []string) {
	for _, l := range c.listeners() {
		all = append(all, l.address)
	}
	return all
}

// replAddress is where the replication port listens.
func (c *Config) replAddress() string {
	return net.JoinHostPort(c.replHost(), strconv.Itoa(max(c.replPort(), 0)))
}

// replHost picks the address that the peer most likely dials: what was asked
// for, else the first of the client addresses that is not loopback only.
func (c *Config) replHost() string {
	if c.ReplListen == "*" {
		return ""
	}
	if c.ReplListen != "" {
		return strings.Trim(c.ReplListen, "[]")
	}
	first := ""
	for i, a := range c.clientAddresses() {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			continue
		}
		if !isLoopback(host) {
			return host
		}
		if i == 0 {
			first = host
		}
	}
	return first
}

// WithPort completes HOST or HOST:PORT with a default port. A bare IPv6 address
// needs no brackets.
func WithPort(entry string, port int) (string, error) {
	host, p, err := splitHostPort(entry, port)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, p), nil
}

func splitHostPort(entry string, port int) (host, p string, err error) {
	if entry == "" {
		return "", "", fmt.Errorf("the address is empty")
	}
	p = strconv.Itoa(port)
	switch {
	case strings.Count(entry, ":") > 1 && !strings.HasPrefix(entry, "["):
		if net.ParseIP(strings.SplitN(entry, "%", 2)[0]) == nil {
			return "", "", fmt.Errorf("neither HOST, HOST:PORT nor an IPv6 address")
		}
		return entry, p, nil // a bare IPv6 address
	case strings.HasPrefix(entry, "[") && strings.HasSuffix(entry, "]"):
		return strings.Trim(entry, "[]"), p, nil
	case !strings.Contains(entry, ":"):
		return entry, p, nil
	}
	host, p, err = net.SplitHostPort(entry)
	if err != nil {
		return "", "", fmt.Errorf("neither HOST, HOST:PORT nor [IPv6]:PORT")
	}
	if _, err := parsePort(p); err != nil {
		return "", "", err
	}
	return host, p, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 65535 {
		return 0, fmt.Errorf("port %q is not a number from 0 to 65535", s)
	}
	return n, nil
}

// isAny says whether a listen host means all addresses of the machine.
func isAny(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "*" || ip != nil && ip.IsUnspecified()
}

// isLoopback says whether only this machine can reach host. A name other than
// localhost counts as reachable: what it resolves to may change.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
