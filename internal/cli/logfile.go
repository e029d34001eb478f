package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// nodeLog is the log of this process, and the file that it goes to.
type nodeLog struct {
	*nodelog.Log
	file string // "" = stderr
}

// openLog opens the log, and makes it the node's and the program's. It comes before
// privileges are dropped, as the directory may not be the user's. A file that it makes is.
func (p *program) openLog(s *settings, who *identity) (*nodeLog, error) {
	to := p.stderr
	if s.LogFile != "" {
		file, err := nodelog.OpenFile(s.LogFile, who.own)
		if err != nil {
			return nil, fmt.Errorf("--log-file: %w", err)
		}
		to = file
	}
	level := new(slog.LevelVar)
	level.Set(node.LevelFor(s.Node.Verbosity))
	style := nodelog.StyleFor(s.LogFormat, to)
	l := &nodeLog{nodelog.New(to, style, level), s.LogFile}
	p.writers = append(p.writers, l.Lines)
	switch { // nobody may wait for what run says at the end either
	case l.file != "":
		p.last = l.Logger
		p.stderr = p.behind(p.stderr)
	case style != nodelog.Style{}: // somebody takes the lines of stderr apart
		p.last = l.Logger
		p.stderr = io.Discard
	default:
		p.stderr = l.Lines
	}
	s.Node.Log, s.Node.LogLevel, s.Node.LogDropped, s.Node.Events = l.Logger, level, l.Lines.Dropped, l.Events
	return l, nil
}

// reopen opens the file again: it may have been moved away since.
func (l *nodeLog) reopen() {
	if l.file == "" {
		return
	}
	file, err := nodelog.OpenFile(l.file, func(*os.File) error { return nil })
	if err != nil {
		l.Error("the file of --log-file cannot be opened: the log goes on in the old one", nodelog.LogNotReopened, "error", err.Error())
		return
	}
	if err := l.Lines.Swap(file); err != nil {
		l.Warn("the last file of the log may lack its end", nodelog.LogDropped, "error", err.Error())
	}
	l.Info("log opened again", nodelog.LogReopened, "file", l.file)
}
