package serve

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"twincached/memproto"
)

// A loop serves the conns with something to do in groups: it receives from all of a group, runs the handler for each, and sends
// all replies. With an io_uring the first and the last are one system call each. Whatever is not the usual case, a large value
// for one, goes the plain way, one conn after the other: see isPlain.

const (
	// groupConns is how many conns are in a group. More of them are served one group after the other, so that the first need not
	// wait for all.
	groupConns = ringOps

	// groupInBytes is the room for what is received from a group: at least 16 KiB for each conn, and up to readBytes.
	groupInBytes = 1 << 20

	// groupOutBytes is the room for a group's replies. Of it outRoomBytes are free whenever a handler is called, so that no reply
	// of the usual size has to move.
	groupOutBytes = 256 << 10
	outRoomBytes  = 128 << 10

	// lineBytes is a line of the processor's caches.
	lineBytes = 64
)

// group is what a loop does for some of its conns. It is empty between two turns.
type group struct {
	room      []byte // in and out
	in        []byte // groupInBytes
	out       []byte // groupOutBytes
	used      int    // of out, by replies that are not sent yet
	deferring bool   // replies wait until all of the group are there
	reads     []read
	ahead     memproto.Ahead
	got       [groupConns]int32 // of each read: bytes, or below 0: an errno
	sends     []reply
	plain     []*conn
}

// read is a conn's input: room[:held] was there, what is received goes behind it.
type read struct {
	c    *conn
	room []byte
	held int
}

// reply is what is to be sent to a conn.
type reply struct {
	c *conn
	b []byte
}

// newGroup takes the group's memory from the kernel, not from Go's heap, which has a limit: what is never used is never there.
func newGroup() (group, error) {
	room, err := unix.Mmap(-1, 0, groupInBytes+groupOutBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return group{}, os.NewSyscallError("mmap", err)
	}
	return group{
		room: room, in: room[:groupInBytes:groupInBytes], out: room[groupInBytes:],
		reads: make([]read, 0, groupConns), sends: make([]reply, 0, groupConns), plain: make([]*conn, 0, groupConns),
	}, nil
}

func (g *group) close() {
	_ = unix.Munmap(g.room)
	*g = group{}
}

// takeTurns gives each conn on the ready list one turn.
func (l *loop) takeTurns() {
	if len(l.ready) == 0 {
		return
	}
	l.ready, l.turn = l.turn[:0], l.ready
	for rest := l.turn; len(rest) > 0; {
		n := min(len(rest), groupConns)
		l.serveGroup(rest[:n])
		if rest = rest[n:]; len(rest) > 0 { // what came of this group need not wait for all
			l.endTurn(false)
			l.beginTurn()
		}
	}
	clear(l.turn)
}

// serveGroup gives each of conns, at most groupConns, one turn.
func (l *loop) serveGroup(conns []*conn) {
	g := &l.group
	room := roomFor(len(conns))
	for _, c := range conns {
		c.queued = false
		switch {
		case c.fd < 0:
		case l.isPlain(c, room):
			g.plain = append(g.plain, c)
		default:
			at := len(g.reads) * room
			to := g.in[at : at+room : at+room]
			g.reads = append(g.reads, read{c, to, copy(to, c.in)})
		}
	}
	l.receiveAll()
	g.deferring = l.ring != nil && len(g.reads) > 1
	for i, seen := 0, 0; i < len(g.reads); i++ {
		if i == seen && len(g.reads) > 1 {
			seen = l.lookAhead(i)
		}
		if g.reads[i].c.fd >= 0 { // else closed, to make room for another
			l.received(&g.reads[i], int(g.got[i]))
		}
	}
	g.deferring = false
	l.sendAll()
	for _, c := range g.plain {
		if c.fd >= 0 {
			l.serve(c)
		}
	}
	clear(g.reads)
	clear(g.plain)
	g.reads, g.plain = g.reads[:0], g.plain[:0]
}

// roomFor is how much is read from each of n conns at most. It is an odd number of lines: at a power of two all their rooms
// would begin in the same few places of the first-level cache.
func roomFor(n int) int {
	lines := min(groupInBytes/n, readBytes) / lineBytes
	return (lines - 1 + lines%2) * lineBytes
}

// isPlain tells whether c wants something else than one read into room bytes.
func (l *loop) isPlain(c *conn, room int) bool {
	return l.draining || !c.readable || c.more || c.closing || c.until > 0 || len(c.out) > 0 || c.fill() != nil ||
		len(c.in) > room/2 || int(c.need) > room
}

// receiveAll makes one read for each conn of the group.
func (l *loop) receiveAll() {
	g := &l.group
	if l.ring == nil || len(g.reads) == 1 {
		for i := range g.reads {
			r := &g.reads[i]
			n, errno := recvNow(r.c.fd, r.room[r.held:])
			if g.got[i] = int32(n); errno != 0 {
				g.got[i] = -int32(errno)
			}
		}
		return
	}
	for i := range g.reads {
		r := &g.reads[i]
		l.ring.recv(r.c.fd, r.room[r.held:])
	}
	copy(g.got[:], l.ring.run())
}

// ahead is a Handler that can ask for what the requests in its input will need, together with other conns of its kind. See
// memproto.Conn.Ahead.
type ahead interface {
	Ahead(in []byte, a *memproto.Ahead)
}

var _ ahead = (*memproto.Conn)(nil)

// lookAhead asks for what the requests of the group's conns from first on will need, and returns the first conn for which it
// has not.
func (l *loop) lookAhead(first int) int {
	g := &l.group
	for ; first < len(g.reads) && !g.ahead.Full(); first++ {
		r := &g.reads[first]
		n := r.held + int(g.got[first])
		if h, ok := r.c.h.(ahead); ok && g.got[first] > 0 && n >= int(r.c.need) {
			h.Ahead(r.room[:n], &g.ahead)
		}
	}
	g.ahead.Run()
	return first
}

// received processes what a read brought: n bytes, or below 0 an errno.
func (l *loop) received(r *read, n int) {
	c, errno := r.c, unix.Errno(0)
	if n < 0 {
		n, errno = 0, unix.Errno(-n)
	}
	l.left = turnBytes
	if l.came(c, n, errno, len(r.room)-r.held) {
		if in := r.room[:r.held+n]; len(in) < int(c.need) {
			l.keep(c, in)
		} else {
			l.process(c, in)
		}
	}
	l.served(c)
}

// later has b sent with the other replies of the group. false: b stands somewhere else than in the group's out, or there are
// no others.
func (l *loop) later(c *conn, b []byte) bool {
	g := &l.group
	if !g.deferring || c.closing || cap(b) != groupOutBytes-g.used {
		return false
	}
	g.sends = append(g.sends, reply{c, b})
	g.used += (len(b) + lineBytes - 1) &^ (lineBytes - 1)
	if groupOutBytes-g.used < outRoomBytes {
		l.sendAll()
	}
	return true
}

// sendAll sends the replies of the group.
func (l *loop) sendAll() {
	g := &l.group
	sends := g.sends
	g.used, g.sends = 0, sends[:0]
	if len(sends) == 1 {
		l.sendRest(sends[0])
	} else if len(sends) > 1 {
		for i := range sends {
			l.ring.send(sends[i].c.fd, sends[i].b)
		}
		for i, n := range l.ring.run() {
			if n > 0 {
				l.written += uint64(n)
				sends[i].b = sends[i].b[n:]
			}
			l.sendRest(sends[i])
		}
	}
	clear(sends)
}

// sendRest goes on with what the kernel has not taken of a reply.
func (l *loop) sendRest(r reply) {
	if len(r.b) == 0 || r.c.fd < 0 {
		return
	}
	l.left = turnBytes
	if l.send(r.c, r.b) {
		l.note(r.c)
	}
}

// sendFirst sends what waits to be sent to c, which is about to be closed.
func (l *loop) sendFirst(c *conn) {
	g := &l.group
	for i := range g.sends {
		if g.sends[i].c == c {
			var room [16 << 10]byte // elsewhere may be the input of the conn that is served now
			_, _ = sendNow(c.fd, g.sends[i].b)
			hangUp(c.fd, room[:])
			g.sends = slices.Delete(g.sends, i, i+1)
			return
		}
	}
}
