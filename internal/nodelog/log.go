package nodelog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
)

// New returns the log of a node: lines of text to to, none below level, and the
// Writer between the two, which the caller closes when nothing is logged any more.
func New(to io.Writer, level slog.Leveler) (*slog.Logger, *Writer) {
	options := &slog.HandlerOptions{Level: level}
	w := NewWriter(to, func(lines uint64) []byte {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Warn("log lines were dropped: whoever reads the log is too slow", "lines", lines)
		return b.Bytes()
	})
	return slog.New(&handler{w: w, text: slog.NewTextHandler(w, options), debug: slog.NewTextHandler(chatter{w}, options)}), w
}

// handler keeps lines below INFO from taking all the room.
type handler struct {
	w           *Writer
	text, debug slog.Handler
}

// Enabled is slog.Handler's.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

// Handle is slog.Handler's.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		return h.text.Handle(ctx, r)
	}
	if h.w.skipping.Load() { // there was no room for the line before: this one need not be made
		h.w.drop()
		return nil
	}
	return h.debug.Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.w, h.text.WithAttrs(attrs), h.debug.WithAttrs(attrs)}
}

// WithGroup is slog.Handler's.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.w, h.text.WithGroup(name), h.debug.WithGroup(name)}
}

// chatter writes what only -v shows.
type chatter struct{ w *Writer }

func (c chatter) Write(p []byte) (int, error) {
	c.w.add(p, roomBytes-spareBytes)
	return len(p), nil
}
