package replicator

import (
	"errors"
	"log/slog"
	"os"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/wire"
)

// textNoNode is for an answer that is no frame.
const textNoNode = "what answers is no node: -x leads to a client port, a memcached or another program. It takes the host and the replication port of the other node (11212, unless -X there says otherwise)"

const textHungUp = "the peer hung up during the handshake"

// quiet is for what only -v shows: it has no event word.
var quiet slog.Attr

// logEnd logs why a connection has ended, each cause now and then. Of what a stranger has
// sent, it logs only the text of a BYE.
func (l *Link) logEnd(c *conn, err error, now int64) {
	if err == nil || errors.Is(err, errGivenUp) || c.saidBye {
		return
	}
	cause := causeOf(err)
	level, event, msg := c.describe(err)
	if msg == textHungUp { // perhaps the peer was just starting or stopping
		level = l.absenceLevel(now)
	}
	who := "in"
	if c.dialled {
		who = "out"
	}
	l.refusals.note(l.cfg.Log, level, now, event, cause, cause+who+msg, msg,
		"cause", cause, "address", c.raw.RemoteAddr().String(), "dialled", c.dialled, "error", err.Error())
}

// describe is the level, the event word and the message of the log line about the end of a connection. No
// message says "connection refused", because that is what a kernel says when nobody listens.
func (c *conn) describe(err error) (level slog.Level, event slog.Attr, msg string) {
	var e *session.End
	if errors.As(err, &e) && e.Code != 0 {
		return c.describeBye(e)
	}
	var insecure *tlsError
	switch {
	case errors.As(err, &insecure) && insecure.byPeer:
		return slog.LevelWarn, nodelog.Refused, "the peer refused the link"
	case errors.As(err, &insecure):
		return slog.LevelWarn, nodelog.Refused, "this node does not link with the other side"
	case c.established != 0:
		return slog.LevelWarn, nodelog.LinkLost, "link lost"
	case c.overtaken:
		return slog.LevelDebug, quiet, "another connection to the peer was quicker"
	case errors.Is(err, os.ErrDeadlineExceeded) && c.dialled && !c.gotBytes:
		return slog.LevelWarn, nodelog.PeerSilent, "the peer takes the connection and says nothing: it hangs, or -x leads to a client port or another program; the replication port is 11212, unless -X there says otherwise"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return slog.LevelWarn, nodelog.HandshakeSlow, "a handshake took too long"
	case c.dialled && !c.authed:
		return slog.LevelWarn, nodelog.PeerHungUp, textHungUp
	case c.authed: // both nodes have dialled: the peer keeps the other connection
		return slog.LevelDebug, quiet, "the peer gave this connection up"
	}
	return slog.LevelInfo, nodelog.CallerHungUp, "a caller hung up during the handshake"
}

// describeBye is for an end that one side said BYE for.
func (c *conn) describeBye(e *session.End) (level slog.Level, event slog.Attr, msg string) {
	switch e.Code {
	case wire.ByePlanned:
		if e.FromPeer {
			return slog.LevelInfo, nodelog.PeerStopped, "the peer stops by plan"
		}
	case wire.ByeGivesUp:
		if e.FromPeer {
			return slog.LevelWarn, nodelog.PeerGaveUp, "the peer stops, and this node does not have everything"
		}
	case wire.ByeHistory:
		return slog.LevelError, nodelog.Refused, "NOT LINKED: both nodes hold items and each has replicated with somebody else; restart the node that shall join empty, without --warm, it will take the other's items"
	case wire.ByeProto:
		return slog.LevelError, nodelog.Refused, "NOT LINKED: the two nodes do not speak the same protocol; serving alone until one of them is upgraded"
	case wire.ByeClock:
		return slog.LevelError, nodelog.Refused, "NOT LINKED: the clocks of the two nodes, or their versions, are more than a day apart; set the clock that is wrong and restart its node"
	case wire.ByeDuplicate:
		return slog.LevelDebug, quiet, "another connection to the peer is kept"
	case wire.ByeSelf:
		if !c.dialled || c.otherAddresses { // the side that dialled logs it, or tries the next address
			return slog.LevelDebug, quiet, "this node called itself"
		}
		return slog.LevelWarn, nodelog.PeerIsSelf, "the peer's address leads back to this node" + keepTrying + ": -x has to name the other one"
	}
	switch {
	case e.FromPeer:
		return slog.LevelWarn, nodelog.Refused, "the peer refused the link"
	case c.established != 0:
		return slog.LevelWarn, nodelog.LinkLost, "link lost"
	}
	return slog.LevelWarn, nodelog.Refused, "this node does not link with the other side"
}

// answersText says that the bytes that were read begin as text does. A frame of a handshake
// begins with a byte of 0.
func (c *conn) answersText() bool {
	b := c.buf[c.from:c.to]
	return c.dialled && c.s.Phase() == session.PhaseHello && len(b) > 0 && b[0] >= ' ' && b[0] < 0x7f
}
