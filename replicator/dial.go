package replicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"twincached/internal/session"
	"twincached/internal/wire"
)

// accept takes connections on the replication port until it is closed.
func (l *Link) accept(ctx context.Context) {
	for {
		nc, err := l.cfg.Listener.Accept()
		switch {
		case err == nil:
			if !l.receive(ctx, nc) {
				return
			}
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors, most likely
			l.refusals.note(l.cfg.Log, slog.LevelWarn, l.cfg.Now(), "ACCEPT", "accept", "cannot accept a connection", "error", err.Error())
			rest(ctx, backoffFirst)
		}
	}
}

// dial calls the peer for ever, while there is no session.
func (l *Link) dial(ctx context.Context) {
	var b backoff
	for l.waitUnlinked(ctx) {
		if l.dialOnce(ctx) {
			b.reset()
		}
		pause := b.next(l.cfg.chance())
		if l.State() == session.Draining {
			pause = min(pause, backoffDraining)
		}
		rest(ctx, pause)
	}
}

// waitUnlinked blocks while there is a session; false = the link is closing.
func (l *Link) waitUnlinked(ctx context.Context) bool {
	for {
		l.mu.Lock()
		linked, closing, changed := l.cur != nil, l.closing, l.changed
		l.mu.Unlock()
		switch {
		case closing || ctx.Err() != nil:
			return false
		case !linked:
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// dialOnce resolves the peer's name, afresh each time because it may move, and
// tries its addresses in turn until one of them is a node that proves itself. It
// returns when the connection has ended; true if it was a session.
func (l *Link) dialOnce(ctx context.Context) bool {
	l.calls.dials.Add(1)
	addresses, err := l.resolve(ctx)
	if err != nil {
		l.dialFailed(ctx, "RESOLVE", "cannot resolve the peer's name, will keep trying", err, false)
		return false
	}
	before := l.core.Sessions()
	refused, selves := true, 0
	err = nil
	for _, address := range addresses {
		nc, e := l.connect(ctx, address)
		if e != nil {
			err = e
			refused = refused && errors.Is(e, syscall.ECONNREFUSED)
			continue
		}
		l.mu.Lock()
		was := l.core.DialAnswered()
		l.mu.Unlock()
		proved, ended := l.serve(nc, true, len(addresses) > 1)
		if proved || ctx.Err() != nil || errors.Is(ended, errGone) {
			return l.core.Sessions() != before
		}
		if !isSelf(ended) {
			refused = false
			continue
		}
		selves++
		l.mu.Lock()
		l.core.DialReachedItself(was)
		l.mu.Unlock()
	}
	switch {
	case err != nil:
		l.dialFailed(ctx, "DIAL", "cannot reach the peer, will keep trying", err, refused)
	case selves == len(addresses) && selves > 1:
		l.refusals.note(l.cfg.Log, slog.LevelWarn, l.cfg.Now(), "", "selves", "every address of the peer's name leads back to this node, will keep trying: -x has to name the other one", "peer", l.cfg.Peer)
	}
	return false
}

// isSelf says that a connection led back to this node.
func isSelf(err error) bool {
	var e *session.End
	return errors.As(err, &e) && e.Code == wire.ByeSelf
}

// resolve returns the peer's addresses, each with the port.
func (l *Link) resolve(ctx context.Context) ([]string, error) {
	host, port, err := net.SplitHostPort(l.cfg.Peer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	hosts, err := l.cfg.Resolve(ctx, host)
	if err == nil && len(hosts) == 0 {
		err = fmt.Errorf("no address for %q", host)
	}
	addresses := make([]string, len(hosts))
	for i, host := range hosts {
		addresses[i] = net.JoinHostPort(host, port)
	}
	return addresses, err
}

func (l *Link) connect(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return l.cfg.Dial(ctx, address)
}

// dialFailed tells the gate and the log.
func (l *Link) dialFailed(ctx context.Context, word, msg string, err error, refused bool) {
	if ctx.Err() != nil {
		return
	}
	now := l.cfg.Now()
	l.calls.fails.Add(1)
	l.mu.Lock()
	l.core.DialFailed(now, word == "RESOLVE", refused)
	l.mu.Unlock()
	level := l.absence(now)
	l.refusals.note(l.cfg.Log, level, now, word, word+level.String(), msg, "peer", l.cfg.Peer, "error", err.Error())
}

// absence is how loud it is said that the peer is not there: it is no trouble while both
// nodes are being started, and after it left by plan.
func (l *Link) absence(now int64) slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now < l.calmUntil {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// rest waits for d or the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
