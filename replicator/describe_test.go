package replicator

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"

	"twincached/internal/session"
	"twincached/internal/wire"
)

// TestDescribe_OfEachEnd: what is trouble is loud, what is not is quiet, and nobody is told
// something of a peer that this node did itself.
func TestDescribe_OfEachEnd(t *testing.T) {
	bye := func(code wire.ByeCode, fromPeer bool) error { return &session.End{Code: code, FromPeer: fromPeer} }
	late := fmt.Errorf("read: %w", os.ErrDeadlineExceeded)
	for name, tt := range map[string]struct {
		c     *conn
		err   error
		level slog.Level
		msg   string
	}{
		"a dial that was overtaken":        {&conn{dialled: true, overtaken: true}, io.EOF, slog.LevelDebug, "another connection to the peer was quicker"},
		"who takes a call and is silent":   {&conn{dialled: true}, late, slog.LevelWarn, "the peer takes the connection and says nothing: it hangs, or -x leads to a client port or another program; the replication port is 11212, unless -X there says otherwise"},
		"who was heard and hangs":          {&conn{dialled: true, gotBytes: true}, late, slog.LevelWarn, "a handshake took too long"},
		"a caller that hangs":              {&conn{}, late, slog.LevelWarn, "a handshake took too long"},
		"who is called and hangs up":       {&conn{dialled: true}, io.EOF, slog.LevelWarn, textHungUp},
		"the peer, which keeps another":    {&conn{dialled: true, authed: true}, io.EOF, slog.LevelDebug, "the peer gave this connection up"},
		"a caller that hangs up":           {&conn{}, io.EOF, slog.LevelInfo, "a caller hung up during the handshake"},
		"a session":                        {&conn{established: 1, authed: true}, io.EOF, slog.LevelWarn, "link lost"},
		"a session, by a wrong frame":      {&conn{established: 1, authed: true}, bye(wire.ByeBadFrame, false), slog.LevelWarn, "link lost"},
		"a session, refused":               {&conn{established: 1, authed: true}, bye(wire.ByeBadFrame, true), slog.LevelWarn, "the peer refused the link"},
		"a wrong secret":                   {&conn{}, bye(wire.ByeAuth, false), slog.LevelWarn, "this node does not link with the other side"},
		"a peer that leaves":               {&conn{established: 1}, bye(wire.ByePlanned, true), slog.LevelInfo, "the peer stops by plan"},
		"a peer that gives up":             {&conn{established: 1}, bye(wire.ByeGivesUp, true), slog.LevelWarn, "the peer stops, and this node does not have everything"},
		"a node that leaves":               {&conn{established: 1}, bye(wire.ByePlanned, false), slog.LevelWarn, "link lost"},
		"a node that gives up":             {&conn{established: 1}, bye(wire.ByeGivesUp, false), slog.LevelWarn, "link lost"},
		"itself":                           {&conn{dialled: true}, bye(wire.ByeSelf, false), slog.LevelWarn, "the peer's address leads back to this node, will keep trying: -x has to name the other one"},
		"itself, and there is another one": {&conn{dialled: true, otherAddresses: true}, bye(wire.ByeSelf, false), slog.LevelDebug, "this node called itself"},
		"itself, as it was called":         {&conn{}, bye(wire.ByeSelf, true), slog.LevelDebug, "this node called itself"},
	} {
		level, event, msg := tt.c.describe(tt.err)
		if level != tt.level || msg != tt.msg || event.Equal(quiet) != (level == slog.LevelDebug) {
			t.Errorf("%s: %v %q, want %v %q", name, level, msg, tt.level, tt.msg)
		}
	}
}

// TestLogEnd_NotOfASessionThatThisNodeLeft, and of callers and calls each its own.
func TestLogEnd_NotOfASessionThatThisNodeLeft(t *testing.T) {
	lines := &logLines{}
	l := &Link{cfg: Config{Log: testLogger(lines)}}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	l.logEnd(&conn{l: l, raw: ours, established: 1, saidBye: true}, io.EOF, 1)
	if n := lines.count(); n != 0 {
		t.Fatalf("%d lines of a session that was left by plan", n)
	}
	for range 2 {
		for _, dialled := range []bool{false, true} {
			l.logEnd(&conn{l: l, raw: ours, dialled: dialled, established: 1}, io.EOF, 1)
		}
	}
	if n := lines.count(); n != 2 {
		t.Errorf("%d lines, want one of each side", n)
	}
}

// TestAnswersText_OfWhoIsCalled: a caller that sends words is told nothing about -x.
func TestAnswersText_OfWhoIsCalled(t *testing.T) {
	a := startNode(t, 1, listen(t), "", nil)
	c := stranger(t, a, []byte("get a key of mine\r\n"))
	defer c.Close()
	eventually(t, "sent away", func() bool { return a.refused("BADFRAME") == 1 })
	if a.log.has("what answers is no node") {
		t.Error("the log takes a caller for the peer")
	}
}
