package nodelog

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// Format is what lines look like.
type Format string

// The formats, as --log-format has them.
const (
	FormatAuto Format = "auto" // text on a terminal and for journald, else JSON
	FormatText Format = "text" // key=value
	FormatJSON Format = "json" // one object a line, times in UTC
)

// ParseFormat reads a word of --log-format.
func ParseFormat(word string) (Format, error) {
	switch f := Format(word); f {
	case FormatAuto, FormatText, FormatJSON:
		return f, nil
	}
	return "", fmt.Errorf("%q is neither auto nor text nor json", word)
}

// Style is how lines are written. The zero value is text, with times.
type Style struct {
	JSON    bool
	Journal bool // journald reads them: a priority in front, and, in text, no time, as it has one
}

// StyleFor chooses the style of a log that goes to to.
func StyleFor(f Format, to io.Writer) Style {
	var info os.FileInfo
	if file, ok := to.(*os.File); ok {
		info, _ = file.Stat() // nil: no terminal, and not journald
	}
	s := Style{JSON: f == FormatJSON, Journal: isJournal(info, os.Getenv("JOURNAL_STREAM"))}
	if f == FormatAuto {
		s.JSON = !s.Journal && !isTerminal(info)
	}
	return s
}

// isTerminal also takes /dev/null for one, where it does no harm.
func isTerminal(info os.FileInfo) bool { return info != nil && info.Mode()&os.ModeCharDevice != 0 }

// isJournal tells whether a file is the stream that systemd has connected with journald:
// it names device and inode, as the file may have been redirected since.
func isJournal(info os.FileInfo, stream string) bool {
	return info != nil && stream != "" && stream == deviceAndInode(info)
}

// deviceAndInode is which file it is, as systemd writes it; "" = nobody knows.
func deviceAndInode(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// handler makes lines of a style, without the prefix.
func (s Style) handler(to io.Writer, options *slog.HandlerOptions) slog.Handler {
	if s.JSON {
		return slog.NewJSONHandler(to, options)
	}
	return slog.NewTextHandler(to, options)
}

// stamp gives a line the time that it shows.
func (s Style) stamp(r *slog.Record) {
	switch {
	case s.JSON:
		r.Time = r.Time.UTC()
	case s.Journal:
		r.Time = time.Time{}
	}
}

// prefix is what journald takes off a line, and reads the priority from: see sd-daemon(3).
func (s Style) prefix(level slog.Level) string {
	if !s.Journal {
		return ""
	}
	return [...]string{"<7>", "<6>", "<4>", "<3>"}[place(level)] // debug, info, warning, error
}
