package serve

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"twincached/memproto"
)

// conn is one client conn of a loop. While it is idle it owns no buffer.
type conn struct {
	h     Handler
	in    []byte           // input that is not a whole request yet, or whole ones while more is set; nil if there is none
	out   []byte           // replies the kernel did not take; while there are any, nothing is read nor processed; nil if there are none
	sent  int              // how much of out it did take
	need  int              // bytes of input the handler waits for; 0: any
	fill  []byte           // where the next bytes of input go, in memory of the store; nil: in
	pin   *memproto.Pinned // a value of the reply in out; nil = none
	hold  hold             // of fill and pin
	waits int64            // Unix ms, of the last bytes taken or sent: with buffers, who has waited longest makes room
	left  int              // draining: bytes that had arrived when the drain began and are not read yet

	until int64 // Unix ms before which the handler wants no call; 0: any time

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
	case c.need > 0 || c.fill != nil:
		state = stateNread
	}
	if c.state.Load() != state {
		c.state.Store(state)
	}
}

// receive makes one read and processes what came.
func (l *loop) receive(c *conn) {
	buf, held := l.readBuffer(c)
	fill, room := c.fill, buf[held:]
	if l.draining {
		fill = fill[:min(len(fill), c.left)]
		if room = room[:min(len(room), c.left-len(fill))]; len(fill)+len(room) == 0 {
			return
		}
	}
	n, errno := recvBoth(c.fd, fill, room)
	switch {
	case errno == unix.EINTR:
		return // still readable
	case errno == unix.EAGAIN:
		c.readable, c.left = false, 0
		return
	case errno != 0 || n == 0:
		c.left = 0
		if errno == 0 {
			c.why = memproto.CloseNormal
		}
		l.close(c)
		return
	}
	l.read += uint64(n)
	if n < len(fill)+len(room) && !c.ended {
		c.readable = false // drained; the next byte makes an event
	}
	if l.draining {
		c.left -= n
	}
	if c.fill != nil {
		n = c.filled(l.nowMillis, n)
		if len(c.fill) > 0 {
			return
		}
		c.fill = nil
	}
	in := buf[:held+n]
	if len(in) < c.need {
		l.keep(c, in)
		return
	}
	l.process(c, in)
}

// readBuffer returns where to read to; its first held bytes are the input c already has. That is the loop's own buffer unless
// a large value is on its way: then c's buffer grows with what really arrives, whatever length the client claims.
func (l *loop) readBuffer(c *conn) (buf []byte, held int) {
	if c.in == nil {
		return l.in, 0
	}
	held = len(c.in)
	if held <= len(l.in)/2 && c.need <= len(l.in) {
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

// process runs the handler over in, which is l.in or c.in, sends the replies and keeps what is left of in.
func (l *loop) process(c *conn, in []byte) {
	out := l.out[:0]
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
			c.need = res.Need
			if res.Pin != nil {
				l.reply(c, out, res.Pin)
				out = out[:0]
			}
			if len(in) >= maxLineBytes && c.need <= len(in) {
				l.s.cfg.Log.Warn("serve: conn closed, request without end", "bytes", len(in))
				c.closing, in = true, nil
			}
			break
		}
		if res.Later {
			c.more = true
			break
		}
		if len(out) == 0 && len(in) == before {
			l.s.cfg.Log.Error("serve: conn closed, handler makes no progress")
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
		if len(out) > 0 {
			l.send(c, out)
		}
		if c.closing && len(c.out) == 0 {
			l.bye(c)
		}
	}
	if l.out = out[:0]; cap(out) > keepOutBytes {
		l.out = make([]byte, 0, readBytes)
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
	sent, again, ok := l.sendParts(c, c.out, c.pin, c.sent)
	c.sent = sent
	switch {
	case !ok:
		l.close(c)
		return false
	case again:
		l.again(c)
		return false
	case sent < len(c.out)+len(c.pin.Value()):
		return false
	}
	if c.pin != nil {
		c.pin.Release()
		c.pin = nil
		c.gaveBack()
	}
	l.drop(c.out)
	c.out, c.sent = nil, 0
	return true
}

// filled notes that n bytes were read, into c.fill first, and returns how many are behind it.
func (c *conn) filled(nowMillis int64, n int) (behind int) {
	into := min(n, len(c.fill))
	c.fill = c.fill[into:]
	c.progress(nowMillis, into)
	return n - into
}

// next notes where the next bytes of input are to go.
func (c *conn) next(nowMillis int64, res *memproto.Result) {
	if res.Fill != nil {
		c.began(nowMillis)
		c.fill = res.Fill
	} else if c.hold.since != 0 {
		c.gaveBack()
	}
}

// bye closes c after its last reply. Unread input would turn the FIN into RST and could cost the client that reply, so what
// has already come is thrown away first.
func (l *loop) bye(c *conn) {
	_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
	for range 16 {
		if n, errno := recvNow(c.fd, l.in); n <= 0 || errno != 0 {
			break
		}
	}
	l.close(c)
}
