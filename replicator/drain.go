package replicator

import (
	"context"
	"errors"
	"log/slog"
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

// say logs why a connection ended: each cause now and then, never a stranger's
// bytes beyond the text of a BYE.
func (l *Link) say(c *conn, err error, now int64) {
	if err == nil || errors.Is(err, errGone) {
		return
	}
	cause := word(err)
	var e *End
	by := errors.As(err, &e)
	var insecure *tlsError
	level, msg := slog.LevelWarn, "connection refused"
	switch {
	case by && e.FromPeer && e.Code == wire.ByePlanned:
		level, msg = slog.LevelInfo, "the peer stops by plan"
	case by && e.Code == wire.ByeHistory:
		level, msg = slog.LevelError, "NOT LINKED: both nodes hold items and each has replicated with somebody else; restart the node that shall join empty, it will take the other's items"
	case by && e.Code == wire.ByeProto:
		level, msg = slog.LevelError, "NOT LINKED: the two nodes do not speak the same protocol; serving alone until one of them is upgraded"
	case by && e.Code == wire.ByeDuplicate:
		level = slog.LevelDebug
	case by && e.FromPeer && e.Code != 0:
		msg = "the peer refused the link"
	case errors.As(err, &insecure) && insecure.byPeer:
		msg = "the peer refused the link"
	case errors.As(err, &insecure): // refused, in either direction
	case c.established != 0:
		msg = "link lost"
	case c.overtaken:
		level, msg = slog.LevelDebug, "another connection to the peer was quicker"
	case c.dialled && !c.authed && !by:
		msg = "the peer hung up during the handshake"
	case !by && c.authed: // two dials at once: the peer keeps the other one
		level, msg = slog.LevelDebug, "the peer gave this connection up"
	case !by:
		level, msg = slog.LevelInfo, "a caller hung up during the handshake"
	}
	who := "in"
	if c.dialled {
		who = "out"
	}
	l.refusals.note(l.cfg.Log, level, now, cause, cause+who+msg, msg,
		"cause", cause, "address", c.raw.RemoteAddr().String(), "dialled", c.dialled, "error", err.Error())
}
