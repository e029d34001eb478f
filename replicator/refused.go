package replicator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync"

	"twincached/internal/wire"
)

// sayEveryMillis is how often one cause of trouble gets a line in the log: a
// stranger cannot fill the disk.
const sayEveryMillis = 10_000

// refusals counts connections that did not become a session, or ended, by cause,
// and says each cause in the log now and then. Safe for concurrent use.
type refusals struct {
	mu     sync.Mutex
	byWord map[string]uint64
	said   map[string]said
	last   trouble
}

// trouble is the last line about the link that was a warning or worse. The zero value
// is none.
type trouble struct {
	text string // what it was, after its cause in one word
	at   int64  // Unix ms, the node's steady clock
}

type said struct {
	at     int64
	silent uint64 // times it was kept back since
}

// note counts one; with an empty word it only says it. key is what is rate limited:
// word and who caused it, from a small set.
func (r *refusals) note(log *slog.Logger, level slog.Level, now int64, word, key, msg string, args ...any) {
	r.mu.Lock()
	if r.byWord == nil {
		r.byWord, r.said = map[string]uint64{}, map[string]said{}
	}
	if word != "" {
		r.byWord[word]++
	}
	if level >= slog.LevelWarn {
		r.last = trouble{strings.TrimPrefix(word+": "+msg+detail(args), ": "), now}
	}
	e, known := r.said[key]
	if known && now-e.at < sayEveryMillis && now >= e.at {
		e.silent++
		r.said[key] = e
		r.mu.Unlock()
		return
	}
	r.said[key] = said{at: now}
	r.mu.Unlock()
	if e.silent > 0 {
		args = append(args, "repeated", e.silent)
	}
	log.Log(context.Background(), level, msg, args...)
}

// detail is what a line says under "error", without what every error of this package
// begins with.
func detail(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if text, ok := args[i+1].(string); ok && args[i] == "error" {
			return ": " + strings.TrimPrefix(text, "replicator: ")
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

// word is the cause of an end in one word, from a small set.
func word(err error) string {
	var e *End
	var insecure *tlsError
	switch {
	case errors.As(err, &e) && e.Code != 0:
		return e.Code.String()
	case errors.As(err, &insecure):
		return wire.ByeTLS.String()
	case errors.As(err, &e):
		return "SILENT"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "SILENT"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "CLOSED"
	}
	return "LOST"
}
