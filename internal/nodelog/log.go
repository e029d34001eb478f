package nodelog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"
)

// Log is the log of a node: what makes lines, where they go, and what is remembered.
type Log struct {
	*slog.Logger
	Lines  *Writer // the caller closes it when nothing is logged any more
	Events *Events
}

// New returns a log that goes to to, with no line below level.
func New(to io.Writer, style Style, level slog.Leveler) *Log {
	l := &Log{Events: new(Events)}
	l.Lines = NewWriter(to, func(lines uint64) []byte { return l.missing(style, lines) })
	h := &handler{w: l.Lines, events: l.Events, style: style}
	options := &slog.HandlerOptions{Level: level}
	for i, level := range levels {
		h.by[i] = style.handler(&prefixed{w: l.Lines, prefix: style.prefix(level), room: roomFor(level)}, options)
	}
	l.Logger = slog.New(h)
	return l
}

// missing is the line that says how many are missing where it stands.
func (l *Log) missing(style Style, lines uint64) []byte {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped: whoever reads the log is too slow", 0)
	r.AddAttrs(LogDropped, slog.Uint64("lines", lines))
	l.Events.add(r)
	b := bytes.NewBufferString(style.prefix(r.Level))
	style.stamp(&r)
	_ = style.handler(b, nil).Handle(context.Background(), r) // into memory: it cannot fail
	return b.Bytes()
}

// levels are those that lines have.
var levels = [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

// roomFor keeps lines below INFO from taking all the room.
func roomFor(level slog.Level) int {
	if level < slog.LevelInfo {
		return roomBytes - spareBytes
	}
	return roomBytes
}

// handler makes lines, and remembers those with an event word.
type handler struct {
	w      *Writer
	events *Events
	style  Style
	by     [len(levels)]slog.Handler
}

// place is where a level stands in levels.
func place(level slog.Level) int {
	switch {
	case level < slog.LevelInfo:
		return 0
	case level < slog.LevelWarn:
		return 1
	case level < slog.LevelError:
		return 2
	}
	return 3
}

// Enabled is slog.Handler's.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.by[0].Enabled(ctx, level)
}

// Handle is slog.Handler's.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		h.events.add(r)
	} else if h.w.skipping.Load() { // there was no room for the line before: this one need not be made
		h.w.drop()
		return nil
	}
	h.style.stamp(&r)
	return h.by[place(r.Level)].Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(of slog.Handler) slog.Handler { return of.WithAttrs(attrs) })
}

// WithGroup is slog.Handler's.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.each(func(of slog.Handler) slog.Handler { return of.WithGroup(name) })
}

func (h *handler) each(change func(slog.Handler) slog.Handler) slog.Handler {
	changed := *h
	for i, of := range h.by {
		changed.by[i] = change(of)
	}
	return &changed
}

// prefixed writes the lines of one level.
type prefixed struct {
	w      *Writer
	prefix string
	room   int
}

func (p *prefixed) Write(line []byte) (int, error) {
	p.w.add(p.prefix, line, p.room)
	return len(line), nil
}
