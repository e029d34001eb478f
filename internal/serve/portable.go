package serve

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

// portable is the engine with a goroutine for each conn: for systems without epoll, and for net.Conns that are no plain socket.
type portable struct {
	s         *Server
	listeners []portableListener
	accepting sync.WaitGroup
	serving   sync.WaitGroup
	stop      chan struct{} // closed when accepting shall end
	room      chan struct{} // a conn has closed

	mu       sync.Mutex
	open     map[*goConn]struct{}
	draining bool
	deadline time.Time // of the drain
	shut     bool      // Close was called

	cut  atomic.Int64
	held atomic.Int64 // what the conns are charged with
}

// portableListener is a listener and what its conns are.
type portableListener struct {
	net.Listener
	entry int         // see Listeners.bind
	tls   *tls.Config // nil: plain conns
}

// newPortable opens the port; secure are the configurations of TLS, one for each sock, or nil. It consumes socks.
func newPortable(s *Server, socks []boundSocket, addrs []net.Addr, secure []TLSAddress) (*portable, error) {
	p := &portable{s: s, stop: make(chan struct{}), room: make(chan struct{}, 1), open: map[*goConn]struct{}{}}
	for i, sock := range socks {
		l, err := sock.listener(s.cfg.Backlog)
		if err != nil {
			p.release()
			for _, sock := range socks[i+1:] {
				sock.close()
			}
			return nil, bindError(addrs[i], err)
		}
		s.listensOn(descriptorOf(l), addrs[i])
		pl := portableListener{Listener: l, entry: sock.entry}
		if secure != nil {
			pl.tls = secure[i].Config
		}
		p.listeners = append(p.listeners, pl)
	}
	return p, nil
}

func (p *portable) start() {
	for i := range p.listeners {
		p.accepting.Go(func() { p.accept(&p.listeners[i]) })
	}
}

func (p *portable) release() {
	for _, l := range p.listeners {
		l.Close()
	}
}

func (p *portable) accept(l *portableListener) {
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			p.admit(nc, l)
		case errors.Is(err, net.ErrClosed) || p.stopping():
			return
		default: // out of descriptors most likely: do not spin
			p.s.count.listenDisabled.Add(1)
			p.s.logSeldom(slog.LevelWarn, nodelog.AcceptSuspended, "serve: accepting suspended", "err", err, "conns", p.s.count.curr.Load())
			p.waitForRoom()
		}
	}
}

func (p *portable) stopping() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// waitForRoom returns when a conn closed, after acceptPause, or at the end.
func (p *portable) waitForRoom() {
	t := time.NewTimer(acceptPause)
	defer t.Stop()
	p.s.count.suspend()
	select {
	case <-p.room:
	case <-p.stop:
	case <-t.C:
	}
	p.s.count.goOn(!p.stopping())
}

// admit serves nc, rejects it, or holds it back until there is room.
func (p *portable) admit(nc net.Conn, l *portableListener) {
	for waited := false; ; waited = true {
		if p.serve(nc, l) {
			return
		}
		if p.s.cfg.DropAtLimit {
			p.s.count.rejected.Add(1)
			_, _ = nc.Write([]byte(tooManyConns))
			nc.Close()
			return
		}
		if p.stopping() {
			nc.Close()
			return
		}
		if !waited {
			p.s.count.listenDisabled.Add(1)
		}
		p.waitForRoom()
	}
}

// serve serves nc unless MaxConns are open.
func (p *portable) serve(nc net.Conn, l *portableListener) bool {
	c := &goConn{p: p, nc: nc, entry: l.entry}
	if l.tls != nil {
		c.nc = tls.Server(nc, l.tls)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.s.takeRoom() {
		return false
	}
	p.s.count.total.Add(1)
	p.open[c] = struct{}{}
	c.h = p.s.cfg.NewConn(new(memproto.Scratch))
	c.seen.Store(p.s.cfg.Now() / 1000)
	if p.shut {
		nc.Close()
	}
	p.serving.Go(c.run)
	return true
}

// gone forgets c.
func (p *portable) gone(c *goConn) {
	c.h.Closed(p.s.cfg.Now(), c.why)
	socketOf(c.nc).Close() // what TLS had to say has been said
	p.mu.Lock()
	delete(p.open, c)
	p.held.Add(-c.charged.Swap(0))
	p.mu.Unlock()
	p.s.connGone()
}

func (p *portable) connGone() {
	select {
	case p.room <- struct{}{}:
	default:
	}
}

func (p *portable) drain(deadline time.Time) int {
	close(p.stop)
	p.s.removeFile()
	for _, l := range p.listeners {
		if t, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok { // conns whose handshake is done may hold requests already
			_ = t.SetDeadline(time.Now().Add(10 * time.Millisecond))
			continue
		}
		l.Close()
	}
	p.accepting.Wait()
	p.s.count.accepting.Store(false)
	for _, l := range p.listeners {
		l.Close()
	}
	p.mu.Lock()
	p.draining, p.deadline = true, deadline
	reading := time.Now().Add(portableDrainRead)
	if deadline.Before(reading) {
		reading = deadline
	}
	for c := range p.open {
		if c.state.Load() == stateWatch {
			continue // has its own: see streams.drain
		}
		_ = c.nc.SetWriteDeadline(deadline)
		_ = c.nc.SetReadDeadline(reading)
	}
	p.mu.Unlock()
	p.serving.Wait()
	return int(p.cut.Load())
}

func (p *portable) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for c := range p.open {
		socketOf(c.nc).Close() // of TLS too: a goodbye could block
	}
}

// ending tells whether a drain has begun, and its deadline.
func (p *portable) ending() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadline, p.draining && !p.shut
}

// kickIdle interrupts the conns that have had no request for too long and are not in the middle of a value or a reply; each
// looks at itself then. A drain's deadline is left alone.
func (p *portable) kickIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining || p.shut {
		return
	}
	now := p.s.cfg.Now()
	for c := range p.open {
		if c.state.Load() == stateRead && p.s.isIdle(c.seen.Load(), now) {
			_ = c.nc.SetReadDeadline(time.Unix(1, 0))
		}
	}
}

func (p *portable) threads() int { return 0 }

func (p *portable) conns() (infos []ConnInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.s.cfg.Now() / 1000
	for c := range p.open {
		infos = append(infos, ConnInfo{
			FD:          descriptor(c.nc),
			Addr:        addrName(c.nc.RemoteAddr()),
			ListenAddr:  addrName(c.nc.LocalAddr()),
			State:       stateNames[c.state.Load()],
			IdleSeconds: max(0, now-c.seen.Load()),
		})
	}
	slices.SortFunc(infos, func(a, b ConnInfo) int { return a.FD - b.FD })
	return infos
}

// addrName is a as "stats conns" shows it.
func addrName(a net.Addr) string {
	if _, ok := a.(*net.UnixAddr); ok {
		return unixName(a.String())
	}
	if t, ok := a.(*net.TCPAddr); ok && t.IP.To4() == nil {
		return "tcp6:" + a.String()
	}
	return "tcp:" + a.String()
}
