package serve

import (
	"time"

	"golang.org/x/sys/unix"
)

// tell gives the loop a mode and wakes it. A lower mode than it has is ignored.
func (l *loop) tell(mode int32) {
	for {
		old := l.mode.Load()
		if old >= mode {
			return
		}
		if l.mode.CompareAndSwap(old, mode) {
			l.mu.Lock()
			if !l.closed {
				l.pol.wake()
			}
			l.mu.Unlock()
			return
		}
	}
}

// drained does the next step of a drain and tells whether the loop may end.
func (l *loop) drained() bool {
	if !l.draining {
		l.startDrain()
	}
	now := time.Now()
	deadline := time.Unix(0, l.deadline.Load())
	if l.open == 0 || !now.Before(deadline) {
		return true
	}
	if l.linger.IsZero() {
		for _, c := range l.slots {
			if c.fd >= 0 && !c.parting {
				return false
			}
		}
		l.linger = now.Add(lingerTime)
	}
	return !now.Before(l.linger)
}

// startDrain notes for each conn how much has arrived; that much is still served.
func (l *loop) startDrain() {
	l.adopt()
	l.draining = true
	for _, c := range l.slots {
		if c.fd < 0 {
			continue
		}
		left, _ := unix.IoctlGetInt(int(c.fd), unix.TIOCINQ)
		c.left = int32(left)
		c.readable = true
		if len(c.out) == 0 {
			l.again(c)
		}
	}
	l.takeTurns()
}

// partIfDone sends FIN when everything that had arrived is answered.
func (l *loop) partIfDone(c *conn) bool {
	if c.owes() || c.closing {
		return false
	}
	c.parting = true
	_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
	l.keep(c, nil)
	l.discard(c)
	return true
}

// discard throws input away until the client's FIN.
func (l *loop) discard(c *conn) {
	for range 16 {
		n, errno := recvNow(c.fd, l.in)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return
		case errno != 0 || n == 0:
			l.close(c)
			return
		}
	}
	l.again(c)
}

// drainStep is when the drain's next step is due, whatever the clients do.
func (l *loop) drainStep() time.Time {
	end := time.Unix(0, l.deadline.Load())
	if !l.linger.IsZero() && l.linger.Before(end) {
		return l.linger
	}
	return end
}
