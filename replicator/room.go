package replicator

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// maxWaiting bounds the connections that wait: some hundred bytes each, and a
// descriptor, which with those of the slots are fewer than a node reserves.
const maxWaiting = 40

// room is where connections wait that strikes delays. They take no slot, no buffer
// and no goroutine, and nothing is read from them.
type room struct {
	mu     sync.Mutex
	guests []guest // the next one first
	closed bool
	came   chan struct{} // capacity 1: the next one may be another
}

type guest struct {
	nc  net.Conn
	due time.Time
}

// add takes a connection in. If there is no place, next is the one that has to go
// on now instead; of a room that is closed, the one that came.
func (r *room) add(nc net.Conn, due time.Time) (next net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nc
	}
	i, _ := slices.BinarySearchFunc(r.guests, due, func(g guest, t time.Time) int {
		if g.due.After(t) {
			return 1
		}
		return -1 // behind those that are due at the same time
	})
	r.guests = slices.Insert(r.guests, i, guest{nc, due})
	if len(r.guests) > maxWaiting {
		next = r.popLocked()
	}
	select {
	case r.came <- struct{}{}:
	default:
	}
	return next
}

// full says that there is no place.
func (r *room) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.guests) >= maxWaiting
}

func (r *room) popLocked() net.Conn {
	nc := r.guests[0].nc
	r.guests = slices.Delete(r.guests, 0, 1)
	return nc
}

// next is a connection that is due; without one, how long that takes.
func (r *room) next(now time.Time) (nc net.Conn, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.guests) == 0 {
		return nil, time.Hour
	}
	if wait = r.guests[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return r.popLocked(), 0
}

// close ends all that wait, and all that will.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, g := range r.guests {
		_ = g.nc.Close()
	}
	r.guests = nil
}

// receive serves a connection that was accepted, at once or once it has waited.
// false: the link closes.
func (l *Link) receive(ctx context.Context, nc net.Conn) bool {
	now := l.cfg.Now()
	wait, foreign := l.strikes.delay(sourceOf(nc), now)
	if wait == 0 {
		return l.serveSoon(ctx, nc)
	}
	address := nc.RemoteAddr().String()
	if foreign && l.room.full() {
		_ = nc.Close()
		l.refusals.note(l.cfg.Log, slog.LevelWarn, now, "FLOOD", "FLOOD", "too many connections from an address that fails over and over and is not the peer's", "address", address)
		return true
	}
	l.calls.delayed.Add(1)
	l.refusals.note(l.cfg.Log, slog.LevelWarn, now, "", "DELAYED", "an address fails the handshake over and over: its connections wait", "address", address, "wait", wait)
	if next := l.room.add(nc, time.Now().Add(wait)); next != nil {
		return l.serveSoon(ctx, next)
	}
	return true
}

// serveSoon serves a connection once it has a slot. false: the link closes.
func (l *Link) serveSoon(ctx context.Context, nc net.Conn) bool {
	select {
	case l.slots <- struct{}{}: // given back by proved or leave
	case <-ctx.Done():
		_ = nc.Close()
		return false
	}
	l.wg.Go(func() { _, _ = l.serve(nc, false, false) })
	return true
}

// serveWaiting serves the connections that have waited.
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
		case <-l.room.came:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
