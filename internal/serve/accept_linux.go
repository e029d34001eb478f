package serve

import (
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"twincached/internal/nodelog"
)

// loops is the engine of Linux: an acceptor and a few event loops.
type loops struct {
	s       *Server
	loops   []*loop
	pol     *poller // the acceptor's
	fds     []int   // listeners
	entry   []int32 // of each: see Listeners.bind
	next    int     // loop that gets the next conn
	from    *peer   // who was accepted last
	paused  bool
	started bool
	stop    atomic.Bool
	done    chan struct{}
}

const listenerEvents = unix.EPOLLIN

// newLoops opens the port. It consumes socks.
func newLoops(s *Server, socks []boundSocket, addrs []net.Addr) (_ *loops, err error) {
	ls := &loops{s: s, from: new(peer), done: make(chan struct{})}
	for _, sock := range socks {
		ls.fds = append(ls.fds, sock.fd)
		ls.entry = append(ls.entry, int32(sock.entry))
	}
	defer func() {
		if err != nil {
			ls.release()
		}
	}()
	pol, err := newPoller(0)
	if err != nil {
		return nil, err
	}
	ls.pol = pol
	for i := range s.cfg.Threads {
		l, err := newLoop(s, i)
		if err != nil {
			return nil, err
		}
		ls.loops = append(ls.loops, l)
	}
	if err := ls.giveRings(); err != nil {
		return nil, err
	}
	for i, fd := range ls.fds {
		if err := ls.pol.add(fd, int32(i), listenerEvents); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	for i, sock := range socks {
		if err := sock.listen(s.cfg.Backlog); err != nil {
			return nil, bindError(addrs[i], err)
		}
		s.listensOn(sock.fd, addrs[i])
	}
	return ls, nil
}

func (ls *loops) start() {
	moreProcessors(len(ls.loops))
	ls.started = true
	for _, l := range ls.loops {
		go l.run()
	}
	go ls.accept()
}

// release closes the descriptors of goroutines that have ended or never began.
func (ls *loops) release() {
	for _, fd := range ls.fds {
		_ = unix.Close(fd)
	}
	ls.fds = nil
	if ls.started {
		moreProcessors(-len(ls.loops))
	}
	for _, l := range ls.loops {
		l.pol.close()
		l.group.close()
	}
	ls.dropRings()
	if ls.pol != nil {
		ls.pol.close()
	}
}

// accept hands new conns to the loops in turn, so that each has the same number, until stop.
func (ls *loops) accept() {
	defer close(ls.done)
	for !ls.stop.Load() {
		if ls.paused {
			ls.pol.waitUntil(time.Now().Add(acceptPause))
			ls.resume()
			continue
		}
		for _, ev := range ls.pol.wait() {
			if ev.Fd != wakeToken {
				ls.acceptFrom(int(ev.Fd))
			}
		}
	}
	ls.s.count.accepting.Store(false)
	ls.s.removeFile()
	for i := range ls.fds { // conns whose handshake is done may hold requests already
		ls.acceptFrom(i)
	}
}

// acceptFrom takes what is waiting at one of the listeners, but not for ever.
func (ls *loops) acceptFrom(listener int) {
	for range 1024 {
		if ls.paused {
			return
		}
		full := ls.s.count.curr.Load() >= int64(ls.s.cfg.MaxConns)
		if full && !ls.s.cfg.DropAtLimit {
			ls.pause(nil)
			return
		}
		fd, err := ls.from.accept(ls.fds[listener])
		switch err {
		case 0:
		case unix.EAGAIN:
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			ls.pause(err)
			return
		default: // the client gave up before we took it
			continue
		}
		if full = full || !ls.s.takeRoom(); full && !ls.s.cfg.DropAtLimit {
			// Another engine was quicker: one conn too many is better than one that nobody serves.
			full = false
			ls.s.count.curr.Add(1)
		}
		if full {
			ls.s.count.rejected.Add(1)
			_, _ = unix.Write(fd, []byte(tooManyConns))
			_ = unix.Close(fd)
			continue
		}
		ls.s.count.total.Add(1)
		ls.next = (ls.next + 1) % len(ls.loops)
		if !ls.loops[ls.next].hand(accepted{int32(fd), ls.entry[listener], ls.from.address()}) {
			_ = unix.Close(fd)
			ls.s.connGone()
		}
	}
}

// pause stops accepting; a conn that closes, or acceptPause, ends it. Newcomers wait in the kernel's backlog meanwhile.
func (ls *loops) pause(err error) {
	if ls.stop.Load() {
		return
	}
	ls.paused = true
	ls.s.count.listenDisabled.Add(1)
	ls.s.count.suspend()
	for i, fd := range ls.fds {
		ls.pol.change(fd, int32(i), 0)
	}
	if err != nil {
		ls.s.logSeldom(slog.LevelWarn, nodelog.AcceptSuspended, "serve: accepting suspended", "err", err, "conns", ls.s.count.curr.Load())
	}
}

// resume goes on accepting if there is room again.
func (ls *loops) resume() {
	if ls.s.count.curr.Load() >= int64(ls.s.cfg.MaxConns) && !ls.s.cfg.DropAtLimit {
		return
	}
	ls.paused = false
	ls.s.count.goOn(true)
	for i, fd := range ls.fds {
		ls.pol.change(fd, int32(i), listenerEvents)
	}
}

func (ls *loops) drain(deadline time.Time) (cut int) {
	ls.stop.Store(true)
	ls.pol.wake()
	<-ls.done
	for _, fd := range ls.fds {
		_ = unix.Close(fd)
	}
	ls.fds = nil
	for _, l := range ls.loops {
		l.deadline.Store(deadline.UnixNano())
		l.tell(modeDrain)
	}
	for _, l := range ls.loops {
		<-l.done
		cut += l.cut
	}
	ls.s.streams.left.Wait()
	ls.release()
	return cut
}

func (ls *loops) close() {
	for _, l := range ls.loops {
		l.tell(modeStop)
	}
}

func (ls *loops) threads() int { return len(ls.loops) }

func (ls *loops) conns() (infos []ConnInfo) {
	now := ls.s.cfg.Now()
	for _, l := range ls.loops {
		infos = l.conns(infos, now)
	}
	return infos
}

// connGone lets an acceptor that waits for room look again. A wake-up missed because it was just about to wait costs one
// acceptPause.
func (ls *loops) connGone() {
	if !ls.s.count.accepting.Load() {
		ls.pol.wake()
	}
}
