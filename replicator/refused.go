package replicator

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync"

	"twincached/internal/nodelog"
	"twincached/internal/session"
	"twincached/internal/wire"
)

// refusals counts by cause the connections that did not become a session or have ended, and
// other trouble. It logs each cause once in ten seconds. Safe for concurrent use.
type refusals struct {
	mu     sync.Mutex
	byWord map[string]uint64
	last   trouble
	seldom nodelog.Seldom
}

// trouble is a log line about the link that was a warning or worse, or a dial that failed.
// The zero value is none.
type trouble struct {
	text string // its cause in one word, and then the message
	at   int64  // Unix ms, the node's steady clock
}

// note counts word and logs msg. An empty word is not counted. Lines with the same event and
// key are logged once in ten seconds; keys are from a small set.
func (r *refusals) note(log *slog.Logger, level slog.Level, now int64, event slog.Attr, word, key, msg string, args ...any) {
	r.mu.Lock()
	if word != "" {
		if r.byWord == nil {
			r.byWord = map[string]uint64{}
		}
		r.byWord[word]++
	}
	if level >= slog.LevelWarn || word == "DIAL" || word == "RESOLVE" { // they say why the link is down, at whatever level they are logged
		r.last = trouble{strings.TrimPrefix(word+": "+strings.Replace(msg, keepTrying, "", 1)+detail(args), ": "), now}
	}
	r.mu.Unlock()
	r.seldom.Say(log, level, now, event, key, msg, args...)
}

// keepTrying is what a message in the log says besides: last is read while it tries.
const keepTrying = ", will keep trying"

// detail is the value of "error" in args, without the name of the package at its beginning
// and without the address of a dial; "" = there is none.
func detail(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if text, ok := args[i+1].(string); ok && args[i] == "error" {
			if dial, why, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(dial, "dial ") {
				text = strings.TrimPrefix(why, "connect: ")
			}
			return ": " + strings.TrimPrefix(strings.TrimPrefix(text, "replicator: "), "session: ")
		}
	}
	return ""
}

// counts returns a copy of the counters by cause, and the last trouble.
func (r *refusals) counts() (map[string]uint64, trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byWord), r.last
}

// clearLast forgets the last trouble, when the link has come up or is lost.
func (r *refusals) clearLast() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = trouble{}
}

// endOf is why a connection has ended, as a session says it: the session itself ended, TLS
// failed, or nothing was read in time. nil = it was something else.
func endOf(err error) *session.End {
	var e *session.End
	var insecure *tlsError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &insecure):
		return &session.End{Code: wire.ByeTLS, Text: insecure.text, FromPeer: insecure.byPeer}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &session.End{Text: "nothing was heard in time"}
	}
	return nil
}

// causeOf is the cause of an end in one word, from a small set.
func causeOf(err error) string {
	if e := endOf(err); e != nil {
		return e.Word()
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "CLOSED"
	}
	return "LOST"
}
