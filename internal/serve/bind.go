package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Listeners are bound addresses that do not listen yet: a client is refused, and no other program can take the port (on Linux;
// elsewhere Bind only finds out whether the port is free). Listen or Close ends them.
type Listeners struct {
	cfg   Config
	socks []boundSocket // those of Config.TLS last
	plain int           // how many are not of Config.TLS
	addrs []net.Addr
	file  *socketFile // of the unix socket; nil without one
	once  sync.Once
}

// Bind takes cfg's addresses without listening, so that a port that is in use is found at start and not when the client port
// should open. The error names the address and what can be done.
func Bind(cfg Config) (*Listeners, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := tryIO(&cfg); err != nil {
		return nil, err
	}
	l := &Listeners{cfg: cfg}
	if cfg.UnixSocket != "" {
		sock, file, err := bindUnix(&cfg)
		if err != nil {
			return nil, err
		}
		l.socks, l.plain, l.file = []boundSocket{sock}, 1, file
		l.cfg.TLS = nil
		l.addrs = []net.Addr{&net.UnixAddr{Name: cfg.UnixSocket, Net: "unix"}}
		return l, nil
	}
	for i, address := range cfg.Addresses {
		n, err := l.bind(address, i)
		if err != nil {
			return nil, err
		}
		l.plain += n
	}
	l.cfg.TLS = nil // one for each socket: a name may have several addresses
	for i, a := range cfg.TLS {
		n, err := l.bind(a.Address, len(cfg.Addresses)+i)
		if err != nil {
			return nil, err
		}
		for range n {
			l.cfg.TLS = append(l.cfg.TLS, a)
		}
	}
	return l, nil
}

// bind takes the addresses behind one of the configuration's, and tells how many they are. entry is its place in
// Config.Addresses, or in Config.TLS behind those: what memproto.Client calls the listener. After an error l is closed.
func (l *Listeners) bind(address string, entry int) (n int, err error) {
	targets, err := resolve(address)
	if err != nil {
		l.Close()
		return 0, err
	}
	for _, target := range targets {
		sock, addr, err := bindSocket(target, l.cfg.Portable)
		if err != nil {
			l.Close()
			return 0, bindError(target, err)
		}
		sock.entry = entry
		l.socks = append(l.socks, sock)
		l.addrs = append(l.addrs, addr)
	}
	return len(targets), nil
}

// Addrs are the bound addresses, with the port the kernel chose where it was 0.
func (l *Listeners) Addrs() []net.Addr { return l.addrs }

// Listen opens the client port. It consumes l, whether it succeeds or not.
func (l *Listeners) Listen() (s *Server, err error) {
	err = errors.New("serve: listeners are closed")
	l.once.Do(func() {
		s = &Server{cfg: l.cfg, addrs: l.addrs, file: l.file, quit: make(chan struct{}), ended: make(chan struct{}), engine: EngineGoroutines, began: time.Now()}
		if err = startEngines(s, l); err != nil {
			s.removeFile()
			return
		}
		s.watchOver()
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close lets go of the addresses. After Listen it does nothing.
func (l *Listeners) Close() {
	l.once.Do(func() {
		if l.file != nil {
			l.file.remove()
		}
		for _, sock := range l.socks {
			sock.close()
		}
	})
}

// target is one address to bind.
type target struct {
	addr netip.AddrPort
	both bool // an IPv6 wildcard that takes IPv4 as well
}

func (t target) String() string {
	if t.both {
		return ":" + strconv.Itoa(int(t.addr.Port()))
	}
	return t.addr.String()
}

// resolve turns HOST:PORT into the addresses to bind. A name may have several; all of them are bound, as memcached does.
func resolve(address string) ([]target, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("serve: cannot listen on %q: want HOST:PORT, an IPv6 host in brackets", address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("serve: cannot listen on %q: the port must be a number from 0 to 65535", address)
	}
	if host == "" || host == "*" {
		if haveIPv6() {
			return []target{{netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), true}}, nil
		}
		return []target{{netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), false}}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []target{{netip.AddrPortFrom(ip.Unmap(), uint16(port)), false}}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("serve: cannot listen on %q: no address for that name: %w", address, err)
	}
	seen := map[netip.Addr]bool{}
	var targets []target
	for _, ip := range ips {
		if ip = ip.Unmap(); !seen[ip] {
			seen[ip] = true
			targets = append(targets, target{netip.AddrPortFrom(ip, uint16(port)), false})
		}
	}
	return targets, nil
}

// haveIPv6 tells whether a socket on the IPv6 wildcard can be had: a kernel or a container may be without.
func haveIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// bindError adds to err what the person at the keyboard can do.
func bindError(address fmt.Stringer, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another program has this port: stop it, or choose another port with -p or another address with -l"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; no interface of this machine has this address: see -l"
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 need a privilege: choose another port with -p"
	}
	return fmt.Errorf("serve: cannot listen on %s: %w%s", address, err, hint)
}
