package replicator

import (
	"errors"
	"io"
	"os"
	"time"

	"twincached/internal/session"
	"twincached/internal/wire"
)

// atOnce is a deadline that has passed.
var atOnce = time.Unix(1, 0)

// exchange runs an admitted session. This goroutine reads. Whoever has something to write
// does that itself, as long as the socket takes it: see push. A second goroutine writes what
// the socket does not take at once, and all of it where there is no direct.
func (c *conn) exchange() error {
	c.l.active.Store(c)
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	c.setTimer()
	err := c.read()
	c.l.active.CompareAndSwap(c, nil)
	c.stopTimer()
	_ = c.nc.SetWriteDeadline(time.Now().Add(byeWait))
	close(c.stop)
	<-written
	return err
}

// read passes frames to the session until something ends it.
func (c *conn) read() error {
	for {
		if err := c.frames(); err != nil {
			return err
		}
		c.setTimer()
		err := c.fill()
		now := c.l.cfg.Now()
		c.mu.Lock()
		if err == nil {
			c.s.OnRead(now)
			err = c.s.Tick(now)
		} else if errors.Is(err, os.ErrDeadlineExceeded) { // tend has ended it
			if end := c.s.Tick(now); end != nil {
				err = end
			}
		} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // the second one is of TLS that was not closed properly
			c.s.OnEnd()
		}
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// frames passes every complete frame of the buffer to the session.
func (c *conn) frames() error {
	any := false
	for {
		now := c.l.cfg.Now()
		c.mu.Lock()
		body, n, err := wire.Split(c.buf[c.from:c.to], c.s.FrameLimit())
		switch {
		case err != nil:
			err = c.s.Leave(wire.ByeBadFrame, err.Error())
		case n > 0:
			err = c.s.OnFrame(now, body)
			c.from += n
			any = true
		case any:
			c.s.OnIdle(now)
		}
		news := c.l.noteEvents(c)
		wants := c.s.WantsWrite()
		c.mu.Unlock()
		c.logNews(news)
		if wants {
			c.push()
		}
		if err != nil || n == 0 {
			return err
		}
	}
}

// setTimer sets the timer to when the session is to be looked at next. The timer is moved
// only if that is sooner, or much later: then it would wake the node for nothing.
func (c *conn) setTimer() {
	now := c.l.cfg.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.s.NextTick(now)
	if at <= now { // it is due and not done: the writer is busy, or waits for the peer
		at = now + session.TickMillis
	}
	if c.timerOff || c.timerAt != 0 && at >= c.timerAt && at-c.timerAt < session.TickMillis {
		return
	}
	c.timerAt = at
	wait := time.Duration(at-now) * time.Millisecond
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.tend)
		return
	}
	c.timer.Reset(wait)
}

// tend looks at the session because it is time. If nothing has been heard for too long, the
// reader ends it.
func (c *conn) tend() {
	c.mu.Lock()
	if c.timerOff {
		c.mu.Unlock()
		return
	}
	c.timerAt = 0
	err := c.s.Tick(c.l.cfg.Now())
	c.mu.Unlock()
	if err != nil {
		_ = c.nc.SetReadDeadline(atOnce)
		return
	}
	c.push()
	c.setTimer()
}

// stopTimer ends the calls of tend. One may still be under way: it does nothing any more.
func (c *conn) stopTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timerOff = true
	c.timer.Stop()
}

// signal wakes the writer.
func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// push writes what the session has to write, as far as the socket takes it now. The writer
// does the rest, and large amounts. It does not wait for the network. Any goroutine may call
// it.
func (c *conn) push() {
	if c.direct == nil {
		c.signal()
		return
	}
	c.pushNow(false)
}

// pushNow is push for a connection with a direct. loop: an event loop calls, which does not
// wait for the session either.
func (c *conn) pushNow(loop bool) {
	c.owed.Store(true)
	for c.owed.Load() && c.writing.TryLock() { // else whoever has the lock looks at owed after it
		c.owed.Store(false)
		left := c.pushSome(loop)
		c.writing.Unlock()
		if left {
			c.signal()
			return
		}
	}
}

// pushSome is push for whoever has the lock. left: there is more to write.
func (c *conn) pushSome(loop bool) (left bool) {
	if c.ended || len(c.rest) > 0 {
		return len(c.rest) > 0
	}
	c.w.Reset()
	if !loop {
		c.mu.Lock()
	} else if !c.mu.TryLock() {
		return true // the reader has it: the writer will do it
	}
	if c.s.Copying() || c.s.Packs() { // both take time
		c.mu.Unlock()
		return true
	}
	var more bool
	if now := c.l.cfg.Now(); loop {
		more = c.s.PumpBriefly(now, c.w)
	} else {
		more = c.s.Pump(now, c.w)
	}
	c.mu.Unlock()
	if c.w.Len() == 0 {
		return more
	}
	var err error
	if c.rest, err = c.direct.write(c.w.Bytes(), false); err != nil {
		c.broken()
		return false
	}
	return more || len(c.rest) > 0
}

// broken ends the connection because it cannot be written. The caller has the lock writing.
func (c *conn) broken() {
	c.ended = true
	_ = c.raw.Close() // this ends the reader
}

// write writes what the session has to write, whenever it is told that there is something,
// and in the end.
func (c *conn) write() {
	for stopped := false; !stopped; {
		select {
		case <-c.wake:
		case <-c.stop:
			stopped = true
		}
		for c.owed.Store(true); c.owed.Load(); {
			c.writing.Lock()
			c.owed.Store(false)
			if !c.ended && c.flush() != nil {
				c.broken()
			}
			c.ended = c.ended || stopped
			c.writing.Unlock()
		}
		c.setTimer() // Pump may have put something off
	}
}

// flush writes until the session has nothing more to write. Several frames go out with one
// write. None waits for long, because a peer that gets nothing takes this node for dead.
func (c *conn) flush() error {
	for more := true; more; {
		if len(c.rest) > 0 {
			if err := c.send(c.rest); err != nil {
				return err
			}
			c.rest = nil
		}
		c.w.Reset()
		for began := c.l.cfg.Now(); more && c.w.Len() < writeBytes; {
			now := c.l.cfg.Now()
			if now-began >= session.TickMillis {
				break
			}
			c.mu.Lock()
			more = c.s.Pump(now, c.w)
			c.mu.Unlock()
		}
		if c.w.Len() > 0 {
			if err := c.send(c.w.Bytes()); err != nil {
				return err
			}
		}
	}
	if cap(c.w.Bytes()) > 4*writeBytes {
		c.w = wire.NewWriter() // one huge item is no reason to keep its size
	}
	return nil
}

// send writes p. It waits for as long as that takes.
func (c *conn) send(p []byte) (err error) {
	if c.direct != nil {
		_, err = c.direct.write(p, true)
		return err
	}
	_, err = c.nc.Write(p)
	return err
}
