package serve

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"twincached/internal/nodelog"
	"twincached/memproto"
)

// goConn is a client conn with a goroutine of its own.
type goConn struct {
	p     *portable
	nc    net.Conn
	entry int // of the listener: see Listeners.bind
	h     Handler
	in    []byte               // unprocessed input
	fill  []byte               // where the next bytes of input go instead, in memory of the store
	need  int                  // bytes of input the handler waits for; 0: any
	until int64                // Unix ms before which the handler wants no call; 0: any time
	left  int                  // bytes that had arrived when a drain ended its reading, and are read all the same
	ended bool                 // a drain has ended its reading once
	src   *memproto.Watcher    // what the conn becomes a stream of; nil = nothing
	why   memproto.CloseReason // of an end that is near

	state atomic.Uint32 // for "stats conns"
	seen  atomic.Int64  // Unix seconds of the last request's end

	charged atomic.Int64 // bytes of buffers, of those that count
	waits   atomic.Int64 // as of conn
	holds   sync.Mutex   // guards what follows, and changes of charged
	shed    bool         // it is being closed for its buffers, which count no more
	hold    hold
}

const (
	idleReadBytes = 2 << 10  // what an idle conn costs
	busyReadBytes = 16 << 10 // read buffer once a read filled the idle one
)

// outBuffers are shared by all conns: one is held only while replies are made and written.
var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, busyReadBytes); return &b }}

func (c *goConn) run() {
	defer c.p.gone(c)
	c.h.Opened(c.p.s.cfg.Now(), clientOf(c.nc, c.entry))
	if secure, ok := c.nc.(*tls.Conn); ok && !c.handshake(secure) {
		return
	}
	for {
		if len(c.in) == 0 && cap(c.in) > idleReadBytes || c.in == nil {
			c.in = make([]byte, 0, idleReadBytes)
			c.charge(0)
		}
		for {
			if err := c.read(); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) && c.spared() {
					continue
				}
				switch deadline, ok := c.p.ending(); {
				case ok && errors.Is(err, os.ErrDeadlineExceeded):
					if c.readsOn(deadline) {
						continue
					}
					c.part(deadline)
				case err == io.EOF:
					c.why = memproto.CloseNormal
					c.bye()
				case c.why == memproto.CloseIdle:
					c.bye()
				}
				return
			}
			if len(c.fill) == 0 && len(c.in) >= c.need {
				break
			}
		}
		open := c.process()
		for open && c.until > 0 {
			open = c.paused() && c.process()
		}
		if !open {
			if c.src != nil {
				c.stream(c.src)
			} else {
				c.bye()
			}
			return
		}
	}
}

// spared tells whether a conn that the idle check has interrupted goes on: a request came at the last moment.
func (c *goConn) spared() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.draining || c.p.shut {
		return false
	}
	if c.p.s.isIdle(c.seen.Load(), c.p.s.cfg.Now()) {
		c.p.s.count.idleKicks.Add(1)
		c.why = memproto.CloseIdle
		return false
	}
	return c.nc.SetReadDeadline(time.Time{}) == nil
}

// read appends what one read brings to in, which grows with what really arrives.
func (c *goConn) read() error {
	if len(c.fill) > 0 {
		n, err := c.nc.Read(c.fill)
		c.fill = c.fill[n:]
		return c.got(n, err)
	}
	if room := cap(c.in) - len(c.in); room < cap(c.in)/4 {
		c.in = append(make([]byte, 0, max(2*cap(c.in), busyReadBytes)), c.in...)
		c.charge(counted(cap(c.in)))
	}
	n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	return c.got(n, err)
}

// readsOn tells whether a conn that a drain keeps from reading reads on: on a busy machine
// there may be something that arrived in time. What comes later is not waited for.
func (c *goConn) readsOn(deadline time.Time) bool {
	waiting := arrived(socketOf(c.nc))
	if !c.ended {
		c.ended, c.left = true, waiting
	}
	if c.left = min(c.left, waiting); c.left <= 0 {
		return false
	}
	end := time.Now().Add(portableDrainRead)
	if deadline.Before(end) {
		end = deadline
	}
	return time.Now().Before(end) && c.nc.SetReadDeadline(end) == nil
}

// got notes what one read has brought.
func (c *goConn) got(n int, err error) error {
	if n > 0 {
		c.p.s.count.read.Add(uint64(n))
		c.left -= n
		c.progress(n)
		return nil // an error comes again with the next read
	}
	return err
}

// process runs the handler over in and writes the replies. false: the conn is at its end.
func (c *goConn) process() bool {
	pooled := outBuffers.Get().(*[]byte)
	out, in, open := (*pooled)[:0], c.in, true
	for more := true; more && open; {
		res := c.h.Process(c.p.s.cfg.Now(), in, out)
		progress := res.N > 0 || len(res.Out) > 0 || res.Later
		if res.N > 0 {
			c.seen.Store(c.p.s.cfg.Now() / 1000)
		}
		in, out, more = in[res.N:], res.Out, res.More
		c.need, c.fill, c.until = res.Need, res.Fill, res.Until
		c.holding(res.Fill != nil || res.Pin != nil)
		switch {
		case res.Stream != nil:
			c.src, open = res.Stream, false
		case res.Close:
			open, c.why = false, closeReason(&res)
		case more && !progress:
			c.p.s.logSeldom(slog.LevelError, nodelog.ConnStuck, "serve: conn closed, handler makes no progress")
			open = false
		case !more && c.until == 0 && len(in) >= maxLineBytes && c.need <= len(in):
			c.p.s.logSeldom(slog.LevelWarn, nodelog.ConnRequest, "serve: conn closed, request without end", "bytes", len(in))
			open = false
		}
		if len(out) > 0 && !c.reply(out, res.Pin) {
			open = false
		}
		out = out[:0]
	}
	if cap(out) <= keepOutBytes {
		*pooled = out
		outBuffers.Put(pooled)
	}
	c.in = c.in[:copy(c.in, in)]
	state := stateRead
	if c.need > 0 || c.fill != nil {
		state = stateNread
	}
	c.state.Store(state)
	return open
}

// paused waits until the handler wants to be called again. false: the server ends, and the client is owed nothing.
func (c *goConn) paused() bool {
	t := time.NewTimer(time.Duration(max(1, c.until-c.p.s.cfg.Now())) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.p.s.quit:
		c.why = memproto.CloseShutdown
		return false
	}
}

// reply writes out with the pinned value in it.
func (c *goConn) reply(out []byte, pin *memproto.Pinned) bool {
	c.charge(counted(cap(c.in)) + counted(len(out)))
	defer c.charge(counted(cap(c.in)))
	if pin == nil {
		return c.write(out)
	}
	defer func() {
		pin.Release()
		c.holding(false)
	}()
	if !c.write(out[:pin.At]) {
		return false
	}
	for piece := range slices.Chunk(pin.Value(), readBytes) {
		if !c.write(piece) {
			return false
		}
	}
	return c.write(out[pin.At:])
}

// write sends all of b; it is here that a client that does not read stops us from reading.
func (c *goConn) write(b []byte) bool {
	c.state.Store(stateMwrite)
	n, err := c.nc.Write(b)
	c.p.s.count.written.Add(uint64(n))
	c.progress(n)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		c.p.cut.Add(1)
	}
	return err == nil
}

// part says goodbye: FIN, then input is thrown away until the client's own FIN, lingerTime or deadline.
func (c *goConn) part(deadline time.Time) {
	c.state.Store(stateClosing)
	c.why = memproto.CloseShutdown
	if closeWrite(c.nc) != nil {
		return
	}
	end := time.Now().Add(lingerTime)
	if deadline.Before(end) {
		end = deadline
	}
	c.discard(end)
}

// discard throws input away until the client's FIN, or end.
func (c *goConn) discard(end time.Time) {
	nc := socketOf(c.nc) // nobody wants to know what it says
	_ = nc.SetReadDeadline(end)
	for {
		if _, err := nc.Read(c.in[:cap(c.in)]); err != nil {
			return
		}
	}
}

// descriptor is nc's file descriptor, -1 if it has none.
func descriptor(nc net.Conn) int {
	return descriptorOf(socketOf(nc))
}

// descriptorOf returns the file descriptor of a conn or listener, or -1.
func descriptorOf(v any) int {
	fd := -1
	if sc, ok := v.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(f uintptr) { fd = int(f) })
		}
	}
	return fd
}
