//go:build unix

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// A daemon is this program started once more, in a session of its own. A pipe
// (file 3 of the child) brings back whether it started, so that the command
// line that asked for it fails like any other.
const (
	daemonEnv  = "TWINCACHED_IN_BACKGROUND"
	daemonPipe = 3
	daemonOK   = "started"
)

func inBackground() bool { return os.Getenv(daemonEnv) != "" }

// startInBackground starts the daemon and waits until it serves or has failed.
// Its log goes to nowhere, or, as memcached does with -v, where ours goes.
func startInBackground(keepLog bool) error {
	self, err := os.Executable()
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("-d, --daemon: %w", err))
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("-d, --daemon: %w", err))
	}
	defer reader.Close()
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), daemonEnv+"=1")
	cmd.ExtraFiles = []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if keepLog {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return exitWith(exitOSError, fmt.Errorf("-d, --daemon: %w", err))
	}
	said, err := io.ReadAll(reader)
	if err == nil && string(said) == daemonOK {
		return cmd.Process.Release()
	}
	reason := strings.TrimSpace(string(said))
	if reason == "" {
		reason = "the daemon ended before it served"
	}
	code := exitOSError
	if exit := (*exec.ExitError)(nil); errors.As(cmd.Wait(), &exit) && exit.ExitCode() > 0 {
		code = exit.ExitCode()
	}
	return exitWith(code, errors.New(reason))
}

// launch is the daemon's end of the pipe. nil: nobody waits for word.
type launch struct{ pipe *os.File }

func launcher() *launch {
	if !inBackground() {
		return nil
	}
	os.Unsetenv(daemonEnv)
	syscall.CloseOnExec(daemonPipe)
	return &launch{os.NewFile(daemonPipe, "launcher")}
}

func (l *launch) started() { l.say(daemonOK) }

// failed reports why the daemon ends; after started it says nothing.
func (l *launch) failed(err error) {
	if err != nil {
		l.say(strings.TrimPrefix(err.Error(), "node: "))
	}
}

func (l *launch) say(word string) {
	if l == nil || l.pipe == nil {
		return
	}
	io.WriteString(l.pipe, word) // a launcher that is gone needs no word
	l.pipe.Close()
	l.pipe = nil
}
