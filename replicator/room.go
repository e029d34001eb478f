package replicator

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"twincached/internal/nodelog"
)

// maxWaiting bounds the connections that wait. Each takes some hundred bytes and a file
// descriptor. Together with the places that is fewer descriptors than a node reserves.
const maxWaiting = 40

// room is where connections wait whose address has too many strikes. They take no place, no
// buffer and no goroutine, and nothing is read from them.
type room struct {
	mu      sync.Mutex
	waiters []waiter // in the order in which they are due
	closed  bool
	added   chan struct{} // capacity 1: a connection was added, which may be the next one
}

// waiter is a connection that waits until it is due.
type waiter struct {
	nc  net.Conn
	due time.Time
}

// add lets a connection wait until it is due. If the room is full then, next is the
// connection that is due first: the caller serves it now. If the room is closed, next is nc.
func (r *room) add(nc net.Conn, due time.Time) (next net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nc
	}
	i, _ := slices.BinarySearchFunc(r.waiters, due, func(g waiter, t time.Time) int {
		if g.due.After(t) {
			return 1
		}
		return -1 // after those that are due at the same time
	})
	r.waiters = slices.Insert(r.waiters, i, waiter{nc, due})
	if len(r.waiters) > maxWaiting {
		next = r.popLocked()
	}
	select {
	case r.added <- struct{}{}:
	default:
	}
	return next
}

// full says that as many connections wait as may.
func (r *room) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiters) >= maxWaiting
}

func (r *room) popLocked() net.Conn {
	nc := r.waiters[0].nc
	r.waiters = slices.Delete(r.waiters, 0, 1)
	return nc
}

// next returns a connection that is due. nil: none is, and wait is how long that takes.
func (r *room) next(now time.Time) (nc net.Conn, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiters) == 0 {
		return nil, time.Hour
	}
	if wait = r.waiters[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return r.popLocked(), 0
}

// close closes all connections that wait. No more are taken.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, g := range r.waiters {
		_ = g.nc.Close()
	}
	r.waiters = nil
}

// receive takes an accepted connection. It is served at once, or after it has waited.
// false: the link is closing.
func (l *Link) receive(ctx context.Context, nc net.Conn) bool {
	now := l.cfg.Now()
	wait, foreign := l.strikes.delay(sourceOf(nc), now)
	if wait == 0 {
		return l.serveSoon(ctx, nc)
	}
	address := nc.RemoteAddr().String()
	if foreign && l.room.full() {
		_ = nc.Close()
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, nodelog.Flood, "FLOOD", "", "too many connections from an address that fails over and over and is not the peer's", "address", address)
		return true
	}
	l.counters.delayed.Add(1)
	l.refusals.note(l.cfg.Log, slog.LevelWarn, now, nodelog.Delayed, "", "", "an address fails the handshake over and over: its connections wait", "address", address, "wait", wait)
	if next := l.room.add(nc, time.Now().Add(wait)); next != nil {
		return l.serveSoon(ctx, next)
	}
	return true
}

// serveSoon serves a connection as soon as a place is free. false: the link is closing.
func (l *Link) serveSoon(ctx context.Context, nc net.Conn) bool {
	select {
	case l.places <- struct{}{}: // given back by proved or unregister
	case <-ctx.Done():
		_ = nc.Close()
		return false
	}
	l.wg.Go(func() { _, _ = l.serve(nc, false, false) })
	return true
}

// serveWaiting serves the connections of the room as they are due.
func (l *Link) serveWaiting(ctx context.Context) {
	defer l.room.close()
	for {
		nc, wait := l.room.next(time.Now())
		if nc != nil {
			if !l.serveSoon(ctx, nc) {
				return
			}
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-l.room.added:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
