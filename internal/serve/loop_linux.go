package serve

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

// What a loop is told to do. It only ever goes up.
const (
	modeServe int32 = iota
	modeDrain
	modeStop
)

// loop serves its share of the conns from one goroutine. Everything without a lock belongs to that goroutine.
type loop struct {
	s   *Server
	id  int
	pol *poller

	ring      *ring // nil: each receive and each send is a system call
	group     group
	in        []byte  // one read of whichever conn is served outside a group
	bufs      buffers // for what is left over in a conn
	held      int     // bytes of such buffers in use
	share     int     // how many there may be
	left      int     // bytes that the conn which is served may still send in this turn
	ready     []*conn // conns with work left that no event will announce
	turn      []*conn // ready of the turn before, reused
	paused    []*conn // conns with a time to wait for, in any order; some may be gone, or served since
	due       int64   // the first of these times; 0: none
	nowMillis int64
	anew      time.Duration // when Config.Turns wants another turn; 0: not
	freed     []int32       // free places in slots
	read      uint64        // not yet added to the server's counters
	written   uint64

	mode     atomic.Int32
	kick     atomic.Bool  // look for idle conns
	pressed  atomic.Bool  // look for conns that hold memory and do not move
	deadline atomic.Int64 // Unix nanoseconds at which a drain gives up
	draining bool
	linger   time.Time // end of the wait for the clients' FIN; zero before the last reply is out
	cut      int       // conns closed with something owed, while draining

	mu       sync.Mutex
	incoming []accepted // not yet adopted
	adopted  []accepted // of the turn before, reused; the loop's alone
	slots    []*conn    // by token; written by the loop under mu, read by it without
	fresh    []*conn    // adopt's own
	open     int
	closed   bool // takes no more conns

	done chan struct{}

	// shared is of all conns' handlers. Other loops' are on other cache lines.
	_      [lineBytes]byte
	shared memproto.Scratch
	_      [lineBytes]byte
}

// accepted is a new conn.
type accepted struct {
	fd    int32
	entry int32          // of the listener: see Listeners.bind
	addr  netip.AddrPort // of the client
}

func newLoop(s *Server, id int) (*loop, error) {
	pol, err := newPoller(briefWait)
	if err != nil {
		return nil, err
	}
	group, err := newGroup()
	if err != nil {
		pol.close()
		return nil, err
	}
	return &loop{
		s: s, id: id, pol: pol,
		share: s.share / s.cfg.Threads,
		in:    make([]byte, readBytes),
		group: group,
		done:  make(chan struct{}),
	}, nil
}

// run serves until it is told to stop, or to drain and every conn is gone.
func (l *loop) run() {
	defer close(l.done)
	for l.mode.Load() != modeStop {
		events := l.wait()
		l.nowMillis = l.s.cfg.Now()
		l.beginTurn()
		for i := range events {
			ev := &events[i]
			if ev.Fd == wakeToken {
				l.adopt()
				continue
			}
			if c := l.slots[ev.Fd]; c.fd >= 0 {
				c.happened(ev.Events)
				l.again(c)
			}
		}
		l.wakePaused()
		l.takeTurns()
		if l.kick.Load() && l.kick.Swap(false) && !l.draining {
			l.kickIdle()
		}
		if l.pressed.Load() && l.pressed.Swap(false) {
			l.press()
		}
		l.publish()
		l.endTurn(false)
		if l.mode.Load() == modeDrain && l.drained() {
			break
		}
	}
	l.end()
	if l.anew > 0 {
		l.beginTurn()
		l.endTurn(true)
	}
}

// beginTurn tells Config.Turns that handlers will be called.
func (l *loop) beginTurn() {
	if l.s.cfg.Turns != nil {
		l.s.cfg.Turns.BeginTurn()
	}
}

// endTurn tells Config.Turns that replies have been sent.
func (l *loop) endTurn(last bool) {
	if l.s.cfg.Turns != nil {
		l.anew = l.s.cfg.Turns.EndTurn(last || !l.pol.fine)
	}
}

// wait collects events, without waiting if there is work left.
func (l *loop) wait() []unix.EpollEvent {
	switch {
	case len(l.ready) > 0:
		return l.pol.now()
	case l.anew > 0:
		return l.pol.waitFor(l.anew)
	case l.draining:
		return l.pol.waitUntil(l.drainStep())
	case l.due > 0:
		return l.waitPaused()
	}
	return l.pol.wait()
}

// again puts c on the ready list.
func (l *loop) again(c *conn) {
	if !c.queued {
		c.queued = true
		l.ready = append(l.ready, c)
	}
}

// publish adds what this turn counted to the server's counters.
func (l *loop) publish() {
	if l.read != 0 {
		l.s.count.read.Add(l.read)
		l.read = 0
	}
	if l.written != 0 {
		l.s.count.written.Add(l.written)
		l.written = 0
	}
}

// hand gives the loop a new conn, from the acceptor. false: the loop takes no more.
func (l *loop) hand(a accepted) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.incoming = append(l.incoming, a)
	l.pol.wake()
	return true
}

// adopt starts to serve what hand brought.
func (l *loop) adopt() {
	l.mu.Lock()
	incoming := l.incoming
	l.incoming, l.adopted = l.adopted[:0], incoming
	fresh := l.fresh[:0]
	for _, a := range incoming {
		c := &conn{fd: a.fd, h: l.s.cfg.NewConn(&l.shared)}
		c.seen.Store(l.nowMillis / 1000)
		if n := len(l.freed); n > 0 {
			c.slot = l.freed[n-1]
			l.freed = l.freed[:n-1]
			l.slots[c.slot] = c
		} else {
			c.slot = int32(len(l.slots))
			l.slots = append(l.slots, c)
		}
		l.open++
		fresh = append(fresh, c)
	}
	l.mu.Unlock()
	l.fresh = fresh
	defer clear(fresh)
	for i, c := range fresh {
		c.h.Opened(l.nowMillis, memproto.Client{FD: int(c.fd), Listener: int(incoming[i].entry), Addr: incoming[i].addr})
		// Edge-triggered and never changed again: a conn costs no epoll_ctl in its life but this one.
		err := l.pol.add(int(c.fd), c.slot, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET)
		if err != nil {
			l.s.logSeldom(slog.LevelError, nodelog.ConnUnwatched, "serve: conn not watched", "err", err)
			l.close(c)
		}
	}
}

// close ends c at once. Its slot may be taken over in the same turn: a descriptor has at most one event in a turn, so none is
// left for the conn that was there.
func (l *loop) close(c *conn) {
	if c.fd < 0 {
		return
	}
	if l.draining {
		c.why = memproto.CloseShutdown
	}
	l.sendFirst(c)
	c.h.Closed(l.nowMillis, c.why) // before the descriptor, its name, can be another conn's
	l.forget(c, true)
	l.s.connGone()
}

// forget frees what the loop holds of c. closing: its descriptor too, and under the lock, lest "stats conns" asks the kernel
// about another conn that got the same one.
func (l *loop) forget(c *conn, closing bool) {
	l.mu.Lock()
	if closing {
		_ = unix.Close(int(c.fd))
	}
	c.fd = -1
	l.freed = append(l.freed, c.slot)
	l.open--
	l.mu.Unlock()
	l.drop(c.in)
	l.drop(c.out)
	if pin := c.pin(); pin != nil {
		pin.Release()
	}
	c.in, c.out, c.lent, c.h = nil, nil, nil, nil
}

// end closes every conn and refuses new ones.
func (l *loop) end() {
	l.mu.Lock()
	l.closed = true
	incoming := l.incoming
	l.incoming = nil
	l.mu.Unlock()
	for _, a := range incoming {
		_ = unix.Close(int(a.fd))
		l.s.connGone()
	}
	for _, c := range l.slots {
		if c.fd >= 0 {
			if l.draining && c.owes() {
				l.cut++
			}
			l.close(c)
		}
	}
	l.publish()
}

// conns appends a line for each open conn.
func (l *loop) conns(infos []ConnInfo, nowMillis int64) []ConnInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.slots {
		if c.fd < 0 {
			continue
		}
		info := connInfo(int(c.fd))
		info.State, info.IdleSeconds = stateNames[c.state.Load()], max(0, nowMillis/1000-c.seen.Load())
		infos = append(infos, info)
	}
	return infos
}
