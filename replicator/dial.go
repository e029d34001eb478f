package replicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"twincached/internal/nodelog"
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
		default: // most likely there are no file descriptors left
			l.refusals.note(l.cfg.Log, slog.LevelWarn, l.cfg.Now(), nodelog.LinkAccept, "ACCEPT", "", "cannot accept a connection", "error", err.Error())
			rest(ctx, backoffFirst)
		}
	}
}

// dial dials the peer again and again while there is no session.
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

// waitUnlinked waits until there is no session. false: the link is closing.
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

// dialOnce resolves the peer's name, which may have a new address each time. It tries the
// addresses in turn until the node at one of them proves to be the peer. It returns when
// that connection has ended. true: it was a session.
func (l *Link) dialOnce(ctx context.Context) bool {
	l.counters.dials.Add(1)
	addresses, err := l.resolve(ctx)
	if err != nil {
		l.dialFailed(ctx, nodelog.PeerUnresolved, "RESOLVE", "cannot resolve the peer's name"+keepTrying, err, false)
		return false
	}
	l.sayOutOfReach(addresses)
	sessions := l.core.Sessions()
	noListener, selves := true, 0
	err = nil
	for _, address := range addresses {
		nc, e := l.connect(ctx, address)
		if e != nil {
			err = e
			noListener = noListener && errors.Is(e, syscall.ECONNREFUSED)
			continue
		}
		l.mu.Lock()
		absence := l.core.DialAnswered()
		l.mu.Unlock()
		proved, ended := l.serve(nc, true, len(addresses) > 1)
		if proved || ctx.Err() != nil || errors.Is(ended, errGivenUp) {
			return l.core.Sessions() != sessions
		}
		if !isSelf(ended) {
			noListener = false
			continue
		}
		selves++
		l.mu.Lock()
		l.core.DialReachedItself(absence)
		l.mu.Unlock()
	}
	switch {
	case err != nil:
		l.dialFailed(ctx, nodelog.PeerUnreachable, "DIAL", "cannot reach the peer"+keepTrying, err, noListener)
	case selves == len(addresses) && selves > 1:
		l.refusals.note(l.cfg.Log, slog.LevelWarn, l.cfg.Now(), nodelog.PeerIsSelf, "", "", "every address of the peer's name leads back to this node"+keepTrying+": -x has to name the other one", "peer", l.cfg.Peer)
	}
	return false
}

// sayOutOfReach says once that the peer is on another machine, and this node's replication
// port listens where only this one can reach it.
func (l *Link) sayOutOfReach(addresses []string) {
	at := l.Addr()
	if l.saidOutOfReach || at == nil || !isLoopback(at.String()) || !slices.ContainsFunc(addresses, isElsewhere) {
		return
	}
	l.saidOutOfReach = true
	l.cfg.Log.Warn("the peer is on another machine and cannot reach this node: the replication port listens on loopback only; give --repl-listen or -l an address of this machine's network, and look whether /etc/hosts says 127.0.1.1 of its name",
		nodelog.ReplicationLoopback, "address", at.String(), "peer", l.cfg.Peer)
}

// isLoopback tells whether only this machine can reach ADDRESS:PORT.
func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// isElsewhere tells whether ADDRESS:PORT is of no loopback interface.
func isElsewhere(address string) bool {
	_, err := netip.ParseAddrPort(address)
	return err == nil && !isLoopback(address)
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

// dialFailed tells the gate and the log that a dial has found nobody. noListener: nobody
// listens at any of the peer's addresses.
func (l *Link) dialFailed(ctx context.Context, event slog.Attr, word, msg string, err error, noListener bool) {
	if ctx.Err() != nil {
		return
	}
	now := l.cfg.Now()
	l.counters.fails.Add(1)
	l.mu.Lock()
	l.core.DialFailed(now, word == "RESOLVE", noListener)
	l.mu.Unlock()
	level := l.absenceLevel(now)
	l.refusals.note(l.cfg.Log, level, now, event, word, level.String(), msg, "peer", l.cfg.Peer, "error", err.Error())
}

// absenceLevel is the level of a log line which says that the peer is not there. That is
// normal while both nodes are being started, and after the peer has left by plan.
func (l *Link) absenceLevel(now int64) slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now < l.absentUntil {
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
