package serve

import (
	"log/slog"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

// conn is one client conn of a loop. While it is idle it owns no buffer, and there may be many that are: see TestConn_IsSmall.
type conn struct {
	h     Handler
	in    []byte // input that is not a whole request yet, or whole ones while more is set; nil if there is none
	out   []byte // replies the kernel did not take; while there are any, nothing is read nor processed; nil if there are none
	lent  *lent  // memory of the store; nil = none
	waits int64  // Unix ms, of the last bytes taken or sent: with buffers, who has waited longest makes room
	until int64  // Unix ms before which the handler wants no call; 0: any time

	sent int32 // how much of out, and of the value in it, the kernel did take
	need int32 // bytes of input the handler waits for; 0: any
	left int32 // draining: bytes that had arrived when the drain began and are not read yet

	fd   int32 // -1 once closed
	slot int32 // place in the loop's slots, and token of its events

	readable bool // the kernel may have input
	ended    bool // the client has sent FIN: read until the end
	more     bool // in holds whole requests
	closing  bool // close once out is empty
	queued   bool // on the ready list
	parting  bool // draining: FIN is sent, input is discarded

	why memproto.CloseReason // of an end that is near

	state atomic.Uint32 // for "stats conns"
	seen  atomic.Int64  // Unix seconds of the last request's end
}

// lent is what a conn has of the store's memory: it is there as long as fill or pin are.
type lent struct {
	fill []byte          // where the next bytes of input go; nil: in
	pin  memproto.Pinned // a value of the reply in out; it may hold none
	hold
}

// fill is where the next bytes of input go; nil: in.
func (c *conn) fill() []byte {
	if c.lent == nil {
		return nil
	}
	return c.lent.fill
}

// pin is a value of the reply in out; nil: none.
func (c *conn) pin() *memproto.Pinned {
	if c.lent == nil || c.lent.pin.Value() == nil {
		return nil
	}
	return &c.lent.pin
}

// happened notes an event. Error and hang-up count as input: the next read tells.
func (c *conn) happened(events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.readable = true
		if events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0 {
			c.ended = true
		}
	}
}

// owes tells whether a client would miss something if c were closed now.
func (c *conn) owes() bool { return len(c.out) > 0 || c.more || c.left > 0 }

// serve does what can be done for c now: rest of the replies, rest of the input, one read.
func (l *loop) serve(c *conn) {
	if c.parting {
		l.discard(c)
		return
	}
	l.left = turnBytes
	if len(c.out) > 0 && !l.flush(c) {
		return
	}
	if c.closing {
		l.close(c)
		return
	}
	if c.until > 0 && !l.resume(c) {
		return
	}
	switch {
	case c.more:
		l.process(c, c.in)
	case c.readable:
		l.receive(c)
	}
	l.served(c)
}

// served ends the turn of c.
func (l *loop) served(c *conn) {
	if c.fd < 0 {
		return
	}
	if len(c.out) == 0 && c.until == 0 {
		if l.draining && l.partIfDone(c) {
			return
		}
		if c.more || c.readable && (!l.draining || c.left > 0) {
			l.again(c)
		}
	}
	l.note(c)
}

// note keeps the state for "stats conns".
func (l *loop) note(c *conn) {
	state := stateRead
	switch {
	case c.closing:
		state = stateClosing
	case len(c.out) > 0:
		state = stateMwrite
	case c.need > 0 || c.fill() != nil:
		state = stateNread
	}
	if c.state.Load() != state {
		c.state.Store(state)
	}
}

// receive makes one read and processes what came.
func (l *loop) receive(c *conn) {
	buf, held := l.readBuffer(c)
	fill, room := c.fill(), buf[held:]
	if l.draining {
		fill = fill[:min(len(fill), int(c.left))]
		if room = room[:min(len(room), int(c.left)-len(fill))]; len(fill)+len(room) == 0 {
			return
		}
	}
	n, errno := recvBoth(c.fd, fill, room)
	if !l.came(c, n, errno, len(fill)+len(room)) {
		return
	}
	if c.fill() != nil {
		n = c.filled(l.nowMillis, n)
		if len(c.lent.fill) > 0 {
			return
		}
		c.lent.fill = nil
	}
	in := buf[:held+n]
	if len(in) < int(c.need) {
		l.keep(c, in)
		return
	}
	l.process(c, in)
}

// came notes what a read of up to room bytes brought. false: there is nothing to process.
func (l *loop) came(c *conn, n int, errno unix.Errno, room int) bool {
	switch {
	case errno == unix.EINTR:
		return false // still readable
	case errno == unix.EAGAIN:
		c.readable, c.left = false, 0
		return false
	case errno != 0 || n == 0:
		c.left = 0
		if errno == 0 {
			c.why = memproto.CloseNormal
		}
		l.close(c)
		return false
	}
	l.read += uint64(n)
	if n < room && !c.ended {
		c.readable = false // drained; the next byte makes an event
	}
	if l.draining {
		c.left -= int32(n)
	}
	return true
}

// readBuffer returns where to read to; its first held bytes are the input c already has. That is the loop's own buffer unless
// a large value is on its way: then c's buffer grows with what really arrives, whatever length the client claims.
func (l *loop) readBuffer(c *conn) (buf []byte, held int) {
	if c.in == nil {
		return l.in, 0
	}
	held = len(c.in)
	if held <= len(l.in)/2 && int(c.need) <= len(l.in) {
		copy(l.in, c.in)
		return l.in, held
	}
	if cap(c.in)-held < cap(c.in)/4 {
		grown := append(l.take(c, max(2*cap(c.in), readBytes)), c.in...)
		l.drop(c.in)
		c.in = grown
	}
	return c.in[:cap(c.in)], held
}

// process runs the handler over in, sends the replies and keeps what is left of in.
func (l *loop) process(c *conn, in []byte) {
	out := l.group.out[l.group.used:l.group.used]
	c.more, c.need = false, 0
	for rounds := 1; ; rounds++ {
		before := len(in)
		res := c.h.Process(l.nowMillis, in, out)
		if now := l.nowMillis / 1000; res.N > 0 && c.seen.Load() != now {
			c.seen.Store(now)
		}
		in, out = in[res.N:], res.Out
		c.next(l.nowMillis, &res)
		if res.Stream != nil {
			l.detach(c, res.Stream, out)
			out = out[:0]
			break
		}
		if res.Close {
			c.closing, in, c.why = true, nil, closeReason(&res)
			break
		}
		if res.Until > 0 {
			if l.pause(c, res.Until); c.closing {
				in = nil
			}
			break
		}
		if !res.More {
			c.need = int32(res.Need)
			if res.Pin != nil {
				l.reply(c, out, res.Pin)
				out = out[:0]
			}
			if len(in) >= maxLineBytes && res.Need <= len(in) {
				l.s.logSeldom(slog.LevelWarn, nodelog.ConnRequest, "serve: conn closed, request without end", "bytes", len(in))
				c.closing, in = true, nil
			}
			break
		}
		if res.Later {
			c.more = true
			break
		}
		if len(out) == 0 && len(in) == before {
			l.s.logSeldom(slog.LevelError, nodelog.ConnStuck, "serve: conn closed, handler makes no progress")
			c.closing, in = true, nil
			break
		}
		if rounds >= l.s.cfg.RequestsPerEvent && res.Pin == nil {
			c.more = true
			l.s.count.yields.Add(1)
			break
		}
		sent := l.reply(c, out, res.Pin)
		out = out[:0]
		if !sent || len(c.out) > 0 || l.left <= 0 || rounds >= l.s.cfg.RequestsPerEvent {
			c.more = true
			break
		}
	}
	l.settle(c, in, out)
}

// settle keeps what process has left of the input, and sends the replies that are not out yet.
func (l *loop) settle(c *conn, in, out []byte) {
	if c.fd >= 0 {
		l.keep(c, in)
		if len(out) > 0 && !l.later(c, out) {
			l.send(c, out)
		}
		if c.closing && len(c.out) == 0 {
			l.bye(c)
		}
	}
}

// keep makes rest, which may be a part of c.in, all that c holds of its input.
func (l *loop) keep(c *conn, rest []byte) {
	if len(rest) == 0 {
		if c.in != nil {
			l.drop(c.in)
			c.in = nil
		}
		return
	}
	if cap(c.in) < len(rest) {
		l.drop(c.in)
		c.in = nil
		c.in = l.take(c, len(rest))
	}
	c.waits = l.nowMillis
	c.in = c.in[:len(rest)]
	copy(c.in, rest)
}

// send writes b and keeps what the kernel does not take. false: the conn is gone.
func (l *loop) send(c *conn, b []byte) bool {
	for len(b) > 0 {
		n, errno := sendNow(c.fd, b)
		switch {
		case errno == 0:
			l.written += uint64(n)
			l.left -= n
			b = b[n:]
		case errno == unix.EINTR:
		case errno == unix.EAGAIN: // the kernel makes an event when there is room
			c.waits = l.nowMillis
			c.out, c.sent = append(l.take(c, len(b)), b...), 0
			return true
		default:
			l.close(c)
			return false
		}
	}
	return true
}

// flush goes on with c.out. true: all of it is sent.
func (l *loop) flush(c *conn) bool {
	pin := c.pin()
	sent, again, ok := l.sendParts(c, c.out, pin, int(c.sent))
	c.sent = int32(sent)
	switch {
	case !ok:
		l.close(c)
		return false
	case again:
		l.again(c)
		return false
	case sent < len(c.out)+len(pin.Value()):
		return false
	}
	if pin != nil {
		pin.Release()
		c.lent = nil
	}
	l.drop(c.out)
	c.out, c.sent = nil, 0
	return true
}

// filled notes that n bytes were read, into c.fill first, and returns how many are behind it.
func (c *conn) filled(nowMillis int64, n int) (behind int) {
	into := min(n, len(c.lent.fill))
	c.lent.fill = c.lent.fill[into:]
	c.progress(nowMillis, into)
	return n - into
}

// next notes where the next bytes of input are to go.
func (c *conn) next(nowMillis int64, res *memproto.Result) {
	if res.Fill != nil {
		c.began(nowMillis).fill = res.Fill
	} else {
		c.lent = nil
	}
}

// bye closes c after its last reply.
func (l *loop) bye(c *conn) {
	hangUp(c.fd, l.in)
	l.close(c)
}

// hangUp sends FIN behind the last reply, before a close. Unread input would turn the FIN into RST and could cost the client
// that reply, so what has already come is thrown away first, by way of room.
func hangUp(fd int32, room []byte) {
	_ = unix.Shutdown(int(fd), unix.SHUT_WR)
	for thrown := 0; thrown < hangUpBytes; {
		n, errno := recvNow(fd, room)
		if n <= 0 || errno != 0 {
			return
		}
		thrown += n
	}
}
