package serve

import (
	"sync"
	"sync/atomic"
	"time"
)

// together are engines as one: TLS conns beside plain ones.
type together []engine

// startEngines opens the port and starts serving. It consumes the sockets of l. s.eng is set before the first conn: its handler
// may ask for Stats.
func startEngines(s *Server, l *Listeners) error {
	var all together
	s.share = s.cfg.BufferBytes
	if l.plain > 0 && l.plain < len(l.socks) {
		s.share /= 2
	}
	if l.plain > 0 {
		e, err := newPlain(s, l.socks[:l.plain], l.addrs)
		if err != nil {
			for _, sock := range l.socks[l.plain:] {
				sock.close()
			}
			return err
		}
		all = append(all, e)
	}
	if l.plain < len(l.socks) {
		e, err := newPortable(s, l.socks[l.plain:], l.addrs[l.plain:], l.cfg.TLS)
		if err != nil {
			all.release()
			return err
		}
		all = append(all, e)
	}
	s.eng = all
	if len(all) == 1 {
		s.eng = all[0]
	}
	s.count.accepting.Store(true)
	s.eng.start()
	return nil
}

// takeRoom counts a new conn, unless there are MaxConns.
func (s *Server) takeRoom() bool {
	if s.count.curr.Add(1) <= int64(s.cfg.MaxConns) {
		return true
	}
	s.count.curr.Add(-1)
	return false
}

func (t together) start() {
	for _, e := range t {
		e.start()
	}
}

func (t together) release() {
	for _, e := range t {
		e.release()
	}
}

func (t together) drain(deadline time.Time) int {
	var cut atomic.Int64
	var wg sync.WaitGroup
	for _, e := range t {
		wg.Go(func() { cut.Add(int64(e.drain(deadline))) })
	}
	wg.Wait()
	return int(cut.Load())
}

func (t together) close() {
	for _, e := range t {
		e.close()
	}
}

func (t together) conns() (infos []ConnInfo) {
	for _, e := range t {
		infos = append(infos, e.conns()...)
	}
	return infos
}

func (t together) kickIdle() {
	for _, e := range t {
		e.kickIdle()
	}
}

func (t together) press() {
	for _, e := range t {
		e.press()
	}
}

func (t together) threads() (n int) {
	for _, e := range t {
		n += e.threads()
	}
	return n
}

func (t together) connGone() {
	for _, e := range t {
		e.connGone()
	}
}
