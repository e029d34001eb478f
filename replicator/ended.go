package replicator

import (
	"errors"
	"log/slog"
	"os"

	"twincached/internal/session"
	"twincached/internal/wire"
)

// textNoNode is for an answer that is no frame.
const textNoNode = "what answers is no node: -x leads to a client port, a memcached or another program. It takes the host and the replication port of the other node (11212, unless -X there says otherwise)"

const textHungUp = "the peer hung up during the handshake"

// say logs why a connection ended: each cause now and then, never a stranger's
// bytes beyond the text of a BYE.
func (l *Link) say(c *conn, err error, now int64) {
	if err == nil || errors.Is(err, errGone) || c.left {
		return
	}
	cause := word(err)
	level, msg := c.verdict(err)
	if msg == textHungUp { // a node that starts or stops is met between two of its steps
		level = l.absence(now)
	}
	who := "in"
	if c.dialled {
		who = "out"
	}
	l.refusals.note(l.cfg.Log, level, now, cause, cause+who+msg, msg,
		"cause", cause, "address", c.raw.RemoteAddr().String(), "dialled", c.dialled, "error", err.Error())
}

// verdict is how the end of a connection is told, and how loud. "Connection refused"
// is what kernels say, so nothing here does.
func (c *conn) verdict(err error) (level slog.Level, msg string) {
	var e *session.End
	if errors.As(err, &e) && e.Code != 0 {
		return c.verdictOfBye(e)
	}
	var insecure *tlsError
	switch {
	case errors.As(err, &insecure) && insecure.byPeer:
		return slog.LevelWarn, "the peer refused the link"
	case errors.As(err, &insecure):
		return slog.LevelWarn, "this node does not link with the other side"
	case c.established != 0:
		return slog.LevelWarn, "link lost"
	case c.overtaken:
		return slog.LevelDebug, "another connection to the peer was quicker"
	case errors.Is(err, os.ErrDeadlineExceeded) && c.dialled && !c.heard:
		return slog.LevelWarn, "the peer takes the connection and says nothing: it hangs, or -x leads to a client port or another program; the replication port is 11212, unless -X there says otherwise"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return slog.LevelWarn, "a handshake took too long"
	case c.dialled && !c.authed:
		return slog.LevelWarn, textHungUp
	case c.authed: // two dials at once: the peer keeps the other one
		return slog.LevelDebug, "the peer gave this connection up"
	}
	return slog.LevelInfo, "a caller hung up during the handshake"
}

// verdictOfBye is for an end that one side said BYE for.
func (c *conn) verdictOfBye(e *session.End) (level slog.Level, msg string) {
	switch e.Code {
	case wire.ByePlanned:
		if e.FromPeer {
			return slog.LevelInfo, "the peer stops by plan"
		}
	case wire.ByeGivesUp:
		if e.FromPeer {
			return slog.LevelWarn, "the peer stops, and this node does not have everything"
		}
	case wire.ByeHistory:
		return slog.LevelError, "NOT LINKED: both nodes hold items and each has replicated with somebody else; restart the node that shall join empty, it will take the other's items"
	case wire.ByeProto:
		return slog.LevelError, "NOT LINKED: the two nodes do not speak the same protocol; serving alone until one of them is upgraded"
	case wire.ByeClock:
		return slog.LevelError, "NOT LINKED: the clocks of the two nodes, or their versions, are more than a day apart; set the clock that is wrong and restart its node"
	case wire.ByeDuplicate:
		return slog.LevelDebug, "another connection to the peer is kept"
	case wire.ByeSelf:
		if !c.dialled || c.others { // the one that dialled says it, or goes on to the next address
			return slog.LevelDebug, "this node called itself"
		}
		return slog.LevelWarn, "the peer's address leads back to this node, will keep trying: -x has to name the other one"
	}
	switch {
	case e.FromPeer:
		return slog.LevelWarn, "the peer refused the link"
	case c.established != 0:
		return slog.LevelWarn, "link lost"
	}
	return slog.LevelWarn, "this node does not link with the other side"
}

// answersText says that what was read begins as words do, not as a frame: frames of a
// handshake begin with a byte of 0.
func (c *conn) answersText() bool {
	b := c.buf[c.from:c.to]
	return c.dialled && c.s.Phase() == session.PhaseHello && len(b) > 0 && b[0] >= ' ' && b[0] < 0x7f
}
