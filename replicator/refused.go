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

// refusals counts connections that did not become a session, or ended, by cause,
// and says each cause in the log once in ten seconds. Safe for concurrent use.
type refusals struct {
	mu     sync.Mutex
	byWord map[string]uint64
	last   trouble
	seldom nodelog.Seldom
}

// trouble is the last line about the link that was a warning or worse. The zero value
// is none.
type trouble struct {
	text string // what it was, after its cause in one word
	at   int64  // Unix ms, the node's steady clock
}

// note counts one; with an empty word it only says it. key is what is rate limited:
// word and who caused it, from a small set.
func (r *refusals) note(log *slog.Logger, level slog.Level, now int64, word, key, msg string, args ...any) {
	r.mu.Lock()
	if word != "" {
		if r.byWord == nil {
			r.byWord = map[string]uint64{}
		}
		r.byWord[word]++
	}
	if level >= slog.LevelWarn || word == "DIAL" || word == "RESOLVE" { // those say why the link is down, however normal that is
		r.last = trouble{strings.TrimPrefix(word+": "+msg+detail(args), ": "), now}
	}
	r.mu.Unlock()
	r.seldom.Say(log, level, now, key, msg, args...)
}

// detail is what a line says under "error", without the name of the package that it
// begins with.
func detail(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if text, ok := args[i+1].(string); ok && args[i] == "error" {
			return ": " + strings.TrimPrefix(strings.TrimPrefix(text, "replicator: "), "session: ")
		}
	}
	return ""
}

// counts returns a copy, and the last trouble.
func (r *refusals) counts() (map[string]uint64, trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byWord), r.last
}

// over forgets the last trouble: the link has come up, or is lost, which is news of
// its own.
func (r *refusals) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = trouble{}
}

// endOf is why a connection ended, as far as a session has a word for it: its own, or
// that for a TLS that failed, or for a silence. nil: it has none.
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

// word is the cause of an end in one word, from a small set.
func word(err error) string {
	if e := endOf(err); e != nil {
		return e.Word()
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "CLOSED"
	}
	return "LOST"
}
