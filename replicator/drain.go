package replicator

import (
	"context"
	"time"

	"twincached/internal/wire"
)

// Drain waits until the peer has acknowledged everything, says BYE PLANNED and
// closes the link for good. Nothing may write to the store any more. It stops
// waiting when ctx ends, or when there is nobody to wait for: the peer has left by
// plan, or its host refuses connections. It returns how many items the peer does
// not have for certain.
func (l *Link) Drain(ctx context.Context) (left uint64) {
	l.mu.Lock()
	l.gate.step(evDrain)
	l.mu.Unlock()
	if l.cfg.Peer == "" && l.cfg.Listen == "" {
		return 0
	}
	for first := true; ctx.Err() == nil; first = false {
		linked, quiet, gone := l.outlook()
		if !linked && gone {
			break
		}
		pause := 5 * time.Millisecond
		if quiet || !linked && first {
			if l.cfg.Store.Unacked() == 0 {
				break
			}
			pause = 50 * time.Millisecond // counting walks over every item
		}
		rest(ctx, pause)
	}
	l.depart()
	return l.cfg.Store.Unacked()
}

// outlook says whether there is a session, whether it has nothing more to send or
// to wait for, and whether there is nobody to wait for.
func (l *Link) outlook() (linked, quiet, gone bool) {
	l.mu.Lock()
	c := l.cur
	linked = c != nil && c.established != 0
	gone = l.closing || l.left || l.gate.refusing && l.cfg.Now()-l.gate.refusedFrom >= refusedMillis
	l.mu.Unlock()
	if linked {
		c.mu.Lock()
		quiet = c.s.Quiet()
		c.mu.Unlock()
	}
	return linked, quiet, gone
}

// depart says BYE PLANNED, waits for the connection to end, and closes the link.
func (l *Link) depart() {
	l.mu.Lock()
	c := l.cur
	established := c != nil && c.established != 0
	l.closing = true
	l.mu.Unlock()
	if established {
		c.mu.Lock()
		c.s.Leave(wire.ByePlanned, "this node stops")
		c.mu.Unlock()
		c.signal()
		wait := time.NewTimer(4 * farewell)
		defer wait.Stop()
		select {
		case <-c.done:
		case <-wait.C:
		}
	}
	l.shut()
}
